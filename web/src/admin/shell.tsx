import { AppShell, Burger, Button, Group, NavLink, ScrollArea, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Suspense, useEffect } from "react";
import { Link, Route, Routes, useLocation } from "react-router";
import { ColorSchemeButton } from "../shared/color-scheme-button";
import { ErrorBoundary } from "../shared/error-boundary";
import { EmptyState, LoadingState } from "../shared/states";
import { routes } from "./routes";

/** Header, navigation and the page that the address names. */
export function Shell({ onSignOut }: { onSignOut: () => void }) {
  const [isOpen, { close, toggle }] = useDisclosure();
  const { pathname } = useLocation();
  useEffect(close, [close, pathname]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: "md", collapsed: { mobile: !isOpen } }}
      padding="md"
    >
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger
              hiddenFrom="md"
              size="sm"
              opened={isOpen}
              onClick={toggle}
              aria-label={isOpen ? "Close the navigation" : "Open the navigation"}
              aria-expanded={isOpen}
            />
            <Text fw={650}>Vitrine admin</Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <ColorSchemeButton />
            <Button variant="default" onClick={onSignOut}>
              Sign out
            </Button>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Admin pages">
        <AppShell.Section grow component={ScrollArea}>
          {routes.map(({ icon: Icon, label, path }) => {
            const isCurrent = pathname === `/${path}` || (path && pathname.startsWith(`/${path}/`));
            return (
              <NavLink
                key={path}
                component={Link}
                to={`/${path}`}
                label={label}
                leftSection={<Icon size={18} stroke={1.5} aria-hidden />}
                active={Boolean(isCurrent)}
                aria-current={isCurrent ? "page" : undefined}
              />
            );
          })}
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main>
        <ErrorBoundary key={pathname}>
          <Suspense fallback={<LoadingState />}>
            <Routes>
              {routes.map(({ Page, path }) => (
                <Route key={path} path={path === "" ? "/" : `/${path}/*`} element={<Page />} />
              ))}
              <Route path="*" element={<NoPage />} />
            </Routes>
          </Suspense>
        </ErrorBoundary>
      </AppShell.Main>
    </AppShell>
  );
}

function NoPage() {
  return (
    <EmptyState
      title="There is no page here"
      level={1}
      action={
        <Button component={Link} to="/">
          Overview
        </Button>
      }
    >
      The address may be mistyped or old.
    </EmptyState>
  );
}
