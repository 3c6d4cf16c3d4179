import "@mantine/notifications/styles.css";
import { ModalsProvider } from "@mantine/modals";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { ApiClient } from "../shared/api-client";
import { codeOf } from "../shared/api-error";
import { ApiProvider } from "../shared/api-hooks";
import { forgetKey, loadKey, saveKey } from "./key-store";
import { Shell } from "./shell";
import { SignIn } from "./sign-in";

const modalProps = {
  closeButtonProps: { "aria-label": "Close" },
  attributes: { header: { role: "presentation" } }, // the page's own header is its only banner
};

/** Asks for a key, and shows the page that the address names as long as the API accepts the key. */
export function AdminPage() {
  const queryClient = useQueryClient();
  const [key, setKey] = useState(loadKey);
  const [wasRefused, setWasRefused] = useState(false);
  const client = useMemo(() => new ApiClient("admin", () => key), [key]);
  const signOut = useCallback(() => {
    forgetKey();
    client.close();
    queryClient.clear();
    setKey("");
  }, [client, queryClient]);

  // A key may be revoked while it is used: the address stays, so that the next key goes on where this one stopped.
  useEffect(() => {
    const refuse = (error: unknown) => {
      if (key !== "" && codeOf(error) === "UNAUTHENTICATED") {
        setWasRefused(true);
        signOut();
      }
    };
    const stops = [
      queryClient.getQueryCache().subscribe(({ query }) => refuse(query.state.error)),
      queryClient.getMutationCache().subscribe(({ mutation }) => refuse(mutation?.state.error)),
    ];
    return () => stops.forEach(stop => stop());
  }, [key, queryClient, signOut]);

  if (key === "") {
    return (
      <SignIn
        notice={wasRefused ? "The key of this tab is no longer valid: it was revoked." : null}
        onSignedIn={accepted => {
          saveKey(accepted);
          setWasRefused(false);
          setKey(accepted);
        }}
      />
    );
  }
  return (
    <ApiProvider client={client}>
      <ModalsProvider modalProps={modalProps}>
        <Shell onSignOut={signOut} />
      </ModalsProvider>
    </ApiProvider>
  );
}
