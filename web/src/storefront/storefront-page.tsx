import { Button, Container, Group, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { IconColumns2, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { ColorSchemeButton } from "../shared/color-scheme-button";
import { EmptyState, ErrorState } from "../shared/states";
import { type DemoUser, findDemoUsers } from "./demo-api";
import { ItemDrawer } from "./item-drawer";
import { usePageState } from "./page-state";
import classes from "./storefront.module.css";
import { UserColumn } from "./user-column";
import { UserPicker, UserPickerSkeleton } from "./user-picker";

export function StorefrontPage() {
  const users = useQuery({ queryKey: ["demo users"], queryFn: findDemoUsers });
  return (
    <>
      <header className={classes.header}>
        <Container size={1_400} className={classes.headerInner}>
          <Text component="span" className={classes.brand}>
            Vitrine
          </Text>
          <ColorSchemeButton />
        </Container>
      </header>
      <Container component="main" size={1_400} pb="xl">
        <Stack gap={4} className={classes.intro}>
          <Title order={1}>Product images that know who is looking</Title>
          <Text c="dimmed" size="lg">
            Choose a simulated user. Each image is drawn again in that user&apos;s taste, from what
            the user liked before.
          </Text>
        </Stack>
        {users.isPending && <UserPickerSkeleton />}
        {users.isError && <ErrorState error={users.error} onRetry={() => void users.refetch()} />}
        {users.data?.length === 0 && (
          <EmptyState title="This shop has no simulated users">
            Start <code>vitrine demo</code> again: it makes them.
          </EmptyState>
        )}
        {users.data && users.data.length > 0 && <Storefront users={users.data} />}
      </Container>
    </>
  );
}

function Storefront({ users }: { users: readonly DemoUser[] }) {
  const [state, change] = usePageState();
  const find = (id: string | null) => users.find(user => user.id === id);
  const user = find(state.user) ?? users[0];
  const beside = find(state.beside);
  const open = (itemUser: string) => (item: string) => {
    change({ item, itemUser });
  };
  const other = users.find(candidate => candidate.style !== user.style) ?? users[users.length - 1];
  return (
    <>
      <UserPicker
        users={users}
        value={user.id}
        onChange={id => {
          change({ user: id, ...(id === beside?.id ? { beside: user.id } : {}) });
        }}
      />
      <Group justify="flex-end" my="sm">
        {beside ? (
          <>
            <NativeSelect
              aria-label="The other user"
              value={beside.id}
              data={users
                .filter(({ id }) => id !== user.id)
                .map(({ id, style }) => ({ value: id, label: `${id}: ${style}` }))}
              onChange={event => {
                change({ beside: event.currentTarget.value });
              }}
            />
            <Button
              variant="default"
              leftSection={<IconX size={16} aria-hidden />}
              onClick={() => {
                change({ beside: null });
              }}
            >
              One user only
            </Button>
          </>
        ) : (
          <Button
            variant="default"
            leftSection={<IconColumns2 size={16} aria-hidden />}
            onClick={() => {
              change({ beside: other.id });
            }}
          >
            Compare with another user
          </Button>
        )}
      </Group>
      <div className={beside ? classes.columns : undefined}>
        <UserColumn key={user.id} user={user} narrow={Boolean(beside)} onOpen={open(user.id)} />
        {beside && (
          <UserColumn key={`beside ${beside.id}`} user={beside} narrow onOpen={open(beside.id)} />
        )}
      </div>
      <ItemDrawer
        itemId={state.item}
        user={find(state.itemUser) ?? user}
        onClose={() => {
          change({ item: null, itemUser: null });
        }}
      />
    </>
  );
}
