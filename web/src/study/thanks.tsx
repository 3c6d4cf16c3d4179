import { Center, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";

export function Thanks() {
  return (
    <Center py="xl" px="md">
      <Stack align="center" gap="sm" maw={420}>
        <ThemeIcon size={56} radius="xl" aria-hidden>
          <IconCheck size={32} />
        </ThemeIcon>
        <Title order={1} size="h2" ta="center">
          Thank you
        </Title>
        <Text ta="center">Your answers are stored. You can close this page.</Text>
      </Stack>
    </Center>
  );
}
