"use client";
/** @file The client that the components below it ask. */
import type { VitrineClient } from "@vitrine/client";
import { createContext, type ReactNode, useContext } from "react";

const ClientContext = createContext<VitrineClient | null>(null);

export function VitrineProvider({
  client,
  children,
}: {
  client: VitrineClient;
  children: ReactNode;
}): ReactNode {
  return <ClientContext.Provider value={client}>{children}</ClientContext.Provider>;
}

/** The client of the nearest `VitrineProvider`. @throws without one */
export function useVitrineClient(): VitrineClient {
  const client = useContext(ClientContext);
  if (!client) {
    throw new Error("@vitrine/react: put <VitrineProvider client={…}> above this component");
  }
  return client;
}
