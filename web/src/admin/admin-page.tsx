import { AppShell, Button, Group, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ApiClient } from "../shared/api-client";
import { ApiProvider } from "../shared/api-hooks";
import { ColorSchemeButton } from "../shared/color-scheme-button";
import { EmptyState } from "../shared/states";
import { forgetKey, loadKey, saveKey } from "./key-store";
import { SignIn } from "./sign-in";

export function AdminPage() {
  const queryClient = useQueryClient();
  const [key, setKey] = useState(loadKey);
  const client = useMemo(() => new ApiClient("admin", () => key), [key]);
  if (key === "") {
    return (
      <SignIn
        onSignedIn={accepted => {
          saveKey(accepted);
          setKey(accepted);
        }}
      />
    );
  }
  return (
    <ApiProvider client={client}>
      <AppShell header={{ height: 56 }} padding="md">
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between">
            <Text fw={650}>Vitrine admin</Text>
            <Group gap="xs">
              <ColorSchemeButton />
              <Button
                variant="default"
                onClick={() => {
                  forgetKey();
                  queryClient.clear();
                  client.close();
                  setKey("");
                }}
              >
                Sign out
              </Button>
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Main>
          <EmptyState title="You are signed in" level={1}>
            The key is valid.
          </EmptyState>
        </AppShell.Main>
      </AppShell>
    </ApiProvider>
  );
}
