import { Text } from "@mantine/core";
import { formatAgo, formatTime } from "../../shared/formats";

/** How long ago something was; the time itself when the pointer rests on it. */
export function TimeText({ time }: { time: string | null }) {
  return time === null ? (
    <Text span inherit c="dimmed">
      –
    </Text>
  ) : (
    <Text inherit title={formatTime(time)} component="time" dateTime={time}>
      {formatAgo(time)}
    </Text>
  );
}
