/** @file What every page stands in: styles, theme, cache, messages, the banner, and the last net for faults. */
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./page.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { isTransient } from "./api-error";
import { AwayBanner } from "./away-banner";
import { onComeBack } from "./connection";
import { ErrorBoundary } from "./error-boundary";
import { readableColors, theme } from "./theme";

const MAX_RETRIES = 2;

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      networkMode: "always", // this page's own banner says when the network is away
      retry: (count, error) => isTransient(error) && count < MAX_RETRIES,
    },
    mutations: { networkMode: "always" },
  },
});

/** The server writes one nonce per answer; styles without it are refused. */
function styleNonce(): string {
  return document.querySelector('meta[name="csp-nonce"]')?.getAttribute("content") ?? "";
}

function Page({ children }: { children: ReactNode }) {
  useEffect(() => onComeBack(() => void queryClient.invalidateQueries()), []);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={readableColors}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={queryClient}>
        <Notifications position="bottom-center" />
        <AwayBanner />
        <ErrorBoundary>{children}</ErrorBoundary>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Draws a page into `#root`. */
export function showPage(children: ReactNode): void {
  // Libraries that add styles themselves (react-remove-scroll) read the nonce here.
  Object.assign(globalThis, { __webpack_nonce__: styleNonce() });
  createRoot(document.querySelector("#root")!).render(
    <StrictMode>
      <Page>{children}</Page>
    </StrictMode>,
  );
}
