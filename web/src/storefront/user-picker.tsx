import { Group, Radio, Skeleton, Text } from "@mantine/core";
import { formatShare } from "../shared/formats";
import { Picture } from "../shared/picture";
import type { DemoUser } from "./demo-api";
import classes from "./storefront.module.css";

const NUM_PICTURES = 3;

interface UserPickerProps {
  users: readonly DemoUser[];
  value: string;
  onChange: (id: string) => void;
}

/** The simulated users, each with what they like. */
export function UserPicker({ users, value, onChange }: UserPickerProps) {
  return (
    <Radio.Group value={value} onChange={onChange} aria-label="User">
      <div className={classes.users}>
        {users.map(({ id, pictures, style, styleShare }) => (
          <Radio.Card
            key={id}
            value={id}
            radius="lg"
            className={classes.user}
            aria-label={`${id}, likes ${style}`}
          >
            <div className={classes.userPictures}>
              {pictures.slice(0, NUM_PICTURES).map((url, index) => (
                <Picture key={`${index} ${url}`} src={url} alt="" eager />
              ))}
            </div>
            <Text fw={600} size="sm" lineClamp={1}>
              {style}
            </Text>
            <Group justify="space-between" gap={4} wrap="nowrap">
              <Text size="xs" c="dimmed">
                {id}
              </Text>
              {styleShare !== null && (
                <Text size="xs" c="dimmed">
                  {formatShare(styleShare)}
                </Text>
              )}
            </Group>
          </Radio.Card>
        ))}
      </div>
    </Radio.Group>
  );
}

export function UserPickerSkeleton() {
  return (
    <div className={classes.users} role="status" aria-label="Loading the users">
      {Array.from({ length: 8 }, (_, index) => (
        <Skeleton key={index} className={classes.user} radius="lg" />
      ))}
    </div>
  );
}
