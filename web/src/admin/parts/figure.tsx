import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface FigureProps {
  label: string;
  value: string;
  /** Its 95 % interval; null or left out if there is none. */
  interval?: { low: number; high: number } | null;
  format?: (value: number) => string;
  hint?: ReactNode;
}

/** A number with its name, and how sure it is. */
export function Figure({ label, value, interval, format = String, hint }: FigureProps) {
  return (
    <Stack gap={2}>
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text size="xl" fw={650}>
        {value}
      </Text>
      {interval && (
        <Text size="xs" c="dimmed">
          95 %: {format(interval.low)} to {format(interval.high)}
        </Text>
      )}
      {hint && (
        <Text size="xs" c="dimmed" component="div">
          {hint}
        </Text>
      )}
    </Stack>
  );
}
