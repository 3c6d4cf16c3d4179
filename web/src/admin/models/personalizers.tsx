import { Badge, Button, Card, Group, Stack, Text } from "@mantine/core";
import {
  ActivatePersonalizerDocument,
  type PersonalizerRowFragment,
  PersonalizersDocument,
  RollBackPersonalizerDocument,
} from "../../api/admin-models-models";
import { useApiQuery } from "../../shared/api-hooks";
import { formatTime } from "../../shared/formats";
import { EmptyState } from "../../shared/states";
import { colorOf, nameOf } from "../parts/names";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { useUrlState } from "../parts/url-state";
import { useAction } from "../parts/use-action";
import { VersionDetails } from "./version-details";

const PAGE_SIZE = 20;
const REFRESH_MS = 10_000;

export function Personalizers() {
  const url = useUrlState();
  const rollBack = useAction(RollBackPersonalizerDocument);
  const query = useApiQuery(
    PersonalizersDocument,
    { first: PAGE_SIZE, after: url.after },
    { keepPrevious: true, refetchInterval: REFRESH_MS },
  );
  return (
    <QueryView query={query} label="Reading the versions">
      {({ personalizers: { edges, pageInfo } }) =>
        edges.length === 0 ? (
          <EmptyState title="No personalizer yet">
            Pictures are drawn from the item and the user's preferences without one. Train one with{" "}
            <code>vitrine train personalizer</code>.
          </EmptyState>
        ) : (
          <Stack>
            <Group justify="flex-end">
              <Button
                variant="default"
                size="xs"
                onClick={() =>
                  rollBack.ask(
                    {},
                    {
                      title: "Go back to the personalizer before?",
                      text: "New pictures use the version that was active before this one. The present one is kept and can be activated again.",
                      confirm: "Roll back",
                      done: "The version before conditions new pictures again",
                    },
                  )
                }
              >
                Roll back
              </Button>
            </Group>
            {edges.map(({ node }) => (
              <PersonalizerCard key={node.id} version={node} />
            ))}
            <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
          </Stack>
        )
      }
    </QueryView>
  );
}

function PersonalizerCard({ version }: { version: PersonalizerRowFragment }) {
  const activate = useAction(ActivatePersonalizerDocument);
  const { generator, isActive, state } = version;
  const name = `${generator}, ${formatTime(version.createdAt)}`;
  return (
    <Card withBorder component="article" aria-label={name}>
      <Group justify="space-between" mb="xs">
        <Group gap="sm">
          <Text fw={650}>{name}</Text>
          <Badge color={colorOf(state)}>{nameOf(state)}</Badge>
          {isActive && <Badge color="vitrine.8">Serves</Badge>}
        </Group>
        {state === "READY" && !isActive && (
          <Button
            size="xs"
            variant="default"
            onClick={() =>
              activate.ask(
                { id: version.id },
                {
                  title: "Activate this personalizer?",
                  text: "New pictures are conditioned by it. Pictures that were made with another version are made anew when they are asked for. You can roll back.",
                  confirm: "Activate",
                  done: "The personalizer conditions new pictures now",
                },
              )
            }
          >
            Activate
          </Button>
        )}
      </Group>
      <VersionDetails version={version} />
    </Card>
  );
}
