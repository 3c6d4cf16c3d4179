import { Alert, Button, Card, Center, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { CheckKeyDocument } from "../api/admin-session";
import { ApiClient } from "../shared/api-client";
import { codeOf, errorText } from "../shared/api-error";

interface SignInProps {
  /** Why a key is asked for again; null the first time. */
  notice: string | null;
  onSignedIn: (key: string) => void;
}

/** Asks for an API key, and hands it on once the API has accepted it. */
export function SignIn({ notice, onSignedIn }: SignInProps) {
  const [key, setKey] = useState("");
  const check = useMutation({
    mutationFn: (candidate: string) =>
      new ApiClient("sign-in", () => candidate).request(CheckKeyDocument, {}),
    onSuccess: (_, candidate) => {
      onSignedIn(candidate);
    },
  });
  return (
    <Center component="main" mih="100vh" p="md">
      <Card
        component="form"
        withBorder
        w="100%"
        maw={420}
        padding="xl"
        onSubmit={(event: React.FormEvent) => {
          event.preventDefault();
          check.mutate(key.trim());
        }}
      >
        <Stack>
          <Title order={1} size="h2">
            Vitrine admin
          </Title>
          {notice && (
            <Alert color="yellow" role="status">
              {notice}
            </Alert>
          )}
          <Text c="dimmed" size="sm">
            Sign in with an API key of the role RECOMMENDER or ADMIN. This tab keeps it until it is
            closed.
          </Text>
          <PasswordInput
            label="API key"
            placeholder="vk_…"
            autoComplete="off"
            data-autofocus
            value={key}
            error={check.isError && signInFault(check.error)}
            onChange={event => {
              setKey(event.currentTarget.value);
            }}
          />
          <Button type="submit" loading={check.isPending} disabled={key.trim() === ""}>
            Sign in
          </Button>
          <Text c="dimmed" size="xs">
            On the server, <code>vitrine keys create NAME --role admin</code> makes a key.
          </Text>
        </Stack>
      </Card>
    </Center>
  );
}

const signInTexts: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: "No valid key has this text. It may be mistyped or revoked.",
  FORBIDDEN: "This key has the role STOREFRONT. These pages need RECOMMENDER or ADMIN.",
};

function signInFault(error: unknown): string {
  return signInTexts[codeOf(error) ?? ""] ?? errorText(error).text;
}
