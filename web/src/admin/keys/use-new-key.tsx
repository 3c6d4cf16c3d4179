/** @file Makes an API key, and shows it once. */
import { Button, Code, CopyButton, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useState } from "react";
import { type ApiKeyRole, CreateKeyDocument } from "../../api/admin-keys-keys";
import { useAction } from "../parts/use-action";

const MODAL = "new-key";

export function useNewKey() {
  const { run } = useAction(CreateKeyDocument);
  return () =>
    modals.open({
      modalId: MODAL,
      title: "New API key",
      children: (
        <KeyForm
          onCreate={(name, role) => {
            modals.close(MODAL);
            void run(
              { name, role },
              {
                title: "New key",
                done: `The key ${name} is made`,
                onDone: ({ createApiKey }) => showKey(name, createApiKey.key),
              },
            );
          }}
        />
      ),
    });
}

const roles: { value: ApiKeyRole; label: string }[] = [
  { value: "STOREFRONT", label: "Storefront: shows pictures and recommendations" },
  { value: "RECOMMENDER", label: "Recommender: also trains, ranks and rejects pictures" },
  { value: "ADMIN", label: "Admin: also imports, erases users and makes keys" },
];

function KeyForm({ onCreate }: { onCreate: (name: string, role: ApiKeyRole) => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<ApiKeyRole>("STOREFRONT");
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        onCreate(name.trim(), role);
      }}
    >
      <Stack>
        <TextInput
          label="Name"
          description="Who uses it, such as web-shop."
          maxLength={100}
          data-autofocus
          value={name}
          onChange={event => setName(event.currentTarget.value)}
        />
        <Select
          label="Role"
          data={roles}
          allowDeselect={false}
          value={role}
          onChange={value => setRole(value ?? "STOREFRONT")}
        />
        <Button type="submit" disabled={name.trim() === ""}>
          Make the key
        </Button>
      </Stack>
    </form>
  );
}

function showKey(name: string, key: string): void {
  modals.open({
    title: `The key ${name}`,
    closeOnClickOutside: false,
    children: (
      <Stack>
        <Text size="sm">Copy it now. It is not stored and cannot be shown again.</Text>
        <Code block tabIndex={0}>
          {key}
        </Code>
        <Group justify="flex-end">
          <CopyButton value={key}>
            {({ copied, copy }) => <Button onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}
          </CopyButton>
        </Group>
      </Stack>
    ),
  });
}
