import { Badge, Button, Card, Checkbox, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import {
  ActivateRankerDocument,
  type RankerRowFragment,
  RankersDocument,
  RollBackRankerDocument,
} from "../../api/admin-models-models";
import { useApiQuery } from "../../shared/api-hooks";
import { formatTime } from "../../shared/formats";
import { EmptyState } from "../../shared/states";
import { colorOf, nameOf } from "../parts/names";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { useUrlState } from "../parts/url-state";
import { useAction } from "../parts/use-action";
import { Comparison } from "./comparison";
import { metricOf, metricText } from "./metric-text";
import { VersionDetails } from "./version-details";

const PAGE_SIZE = 20;
const REFRESH_MS = 10_000;

export function Rankers() {
  const url = useUrlState();
  const [chosen, setChosen] = useState<string[]>([]);
  const rollBack = useAction(RollBackRankerDocument);
  const query = useApiQuery(
    RankersDocument,
    { first: PAGE_SIZE, after: url.after },
    { keepPrevious: true, refetchInterval: REFRESH_MS },
  );
  return (
    <QueryView query={query} label="Reading the versions">
      {({ rankingModels: { edges, pageInfo } }) =>
        edges.length === 0 ? (
          <EmptyState title="No ranking model yet">
            Train one with <code>vitrine train ranker</code> or <code>startRankerTraining</code>.
          </EmptyState>
        ) : (
          <Stack>
            <Group justify="space-between">
              <Text size="sm" c="dimmed">
                Choose two versions to compare them on the items that their trainings held out.
              </Text>
              <Button
                variant="default"
                size="xs"
                onClick={() =>
                  rollBack.ask(
                    {},
                    {
                      title: "Go back to the ranking model before?",
                      text: "Recommendations and new pictures use the version that was active before this one from the next request on. The present one is kept and can be activated again.",
                      confirm: "Roll back",
                      done: "The version before serves again",
                    },
                  )
                }
              >
                Roll back
              </Button>
            </Group>
            {chosen.length === 2 && <Comparison key={chosen.join()} ids={[chosen[0], chosen[1]]} />}
            {edges.map(({ node }) => (
              <RankerCard
                key={node.id}
                version={node}
                isChosen={chosen.includes(node.id)}
                onChoose={isChosen =>
                  setChosen(ids =>
                    isChosen ? [...ids, node.id].slice(-2) : ids.filter(id => id !== node.id),
                  )
                }
              />
            ))}
            <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
          </Stack>
        )
      }
    </QueryView>
  );
}

interface RankerCardProps {
  version: RankerRowFragment;
  isChosen: boolean;
  onChoose: (isChosen: boolean) => void;
}

function RankerCard({ version, isChosen, onChoose }: RankerCardProps) {
  const activate = useAction(ActivateRankerDocument);
  const { algorithm, isActive, metrics, state } = version;
  const name = `${algorithm} of ${formatTime(version.createdAt)}`;
  return (
    <Card withBorder component="article" aria-label={name}>
      <Group justify="space-between" mb="xs">
        <Group gap="sm">
          <Checkbox
            aria-label={`Compare ${name}`}
            checked={isChosen}
            disabled={state !== "READY"}
            onChange={event => onChoose(event.currentTarget.checked)}
          />
          <Text fw={650}>{name}</Text>
          <Badge color={colorOf(state)}>{nameOf(state)}</Badge>
          {isActive && <Badge color="vitrine.8">Serves</Badge>}
          {!version.ranksImages && <Badge color="gray.7">Does not rank pictures</Badge>}
        </Group>
        {state === "READY" && !isActive && (
          <Button
            size="xs"
            variant="default"
            onClick={() =>
              activate.ask(
                { id: version.id },
                {
                  title: `Activate ${algorithm}?`,
                  text: `Recommendations and new pictures use ${name} from the next request on. Pictures that were made with another version are made anew when they are asked for. You can roll back.`,
                  confirm: "Activate",
                  done: `${name} serves now`,
                },
              )
            }
          >
            Activate
          </Button>
        )}
      </Group>
      <Text size="sm" mb="xs">
        NDCG@10: {metricText(metricOf(metrics, "test", "ndcg@10"))} on test,{" "}
        {metricText(metricOf(metrics, "validation", "ndcg@10"))} on validation. Recall@20:{" "}
        {metricText(metricOf(metrics, "test", "recall@20"))} on test.
      </Text>
      <VersionDetails version={version} />
    </Card>
  );
}
