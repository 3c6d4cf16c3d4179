/** @file The states of a part of a page that has nothing to show: loading, empty, failed. */
import { Alert, Button, Center, Loader, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconPhotoOff } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { errorText } from "./api-error";

export function LoadingState({ label = "Loading" }: { label?: string }) {
  return (
    <Center py="xl" role="status">
      <Stack align="center" gap="xs">
        <Loader aria-hidden />
        <Text c="dimmed" size="sm">
          {label}…
        </Text>
      </Stack>
    </Center>
  );
}

interface EmptyStateProps {
  title: string;
  /** Level of the heading; 1 if it is the page's only one. Default 2. */
  level?: 1 | 2 | 3;
  children?: ReactNode;
  /** What to do about it. */
  action?: ReactNode;
}

export function EmptyState({ title, level = 2, children, action }: EmptyStateProps) {
  return (
    <Center py="xl" px="md">
      <Stack align="center" gap="xs" maw={420}>
        <IconPhotoOff size={40} stroke={1.25} aria-hidden />
        <Title order={level} size="h4" ta="center">
          {title}
        </Title>
        {children && (
          <Text c="dimmed" ta="center">
            {children}
          </Text>
        )}
        {action}
      </Stack>
    </Center>
  );
}

/** The error in words, and a way on. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { title, text } = errorText(error);
  return (
    <Alert
      m="md"
      color="red"
      variant="light"
      title={title}
      icon={<IconAlertTriangle aria-hidden />}
      role="alert"
    >
      <Stack align="flex-start" gap="sm">
        <Text size="sm" className="shop-text">
          {text}
        </Text>
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
