import {
  Anchor,
  Badge,
  Card,
  Group,
  Progress,
  SimpleGrid,
  Stack,
  Table,
  Text,
  Title,
} from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import {
  DayOfRankChangesDocument,
  OverviewDocument,
  type OverviewQuery,
} from "../../api/admin-overview-overview";
import { useApiQuery } from "../../shared/api-hooks";
import { countOf, formatChange, formatNumber, formatShare } from "../../shared/formats";
import { Figure } from "../parts/figure";
import { nameOf } from "../parts/names";
import { PageHead } from "../parts/page-head";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";

const DAY_MS = 86_400_000;
const REFRESH_MS = 15_000;

export function Page() {
  // The same minute for every read, so that the cache knows the answer.
  const [since] = useState(() => new Date(Math.floor((Date.now() - DAY_MS) / 60_000) * 60_000));
  const from = since.toISOString();
  const query = useApiQuery(OverviewDocument, { since: from }, { refetchInterval: REFRESH_MS });
  const day = useApiQuery(DayOfRankChangesDocument, { from }, { refetchInterval: REFRESH_MS });
  return (
    <>
      <PageHead title="Overview">
        The shop as it is now, and what the last 24 hours brought.
      </PageHead>
      <QueryView query={query} label="Counting">
        {data => (
          <Stack>
            <Catalogue overview={data.overview} />
            <SimpleGrid cols={{ base: 1, lg: 2 }}>
              <Models data={data} />
              <Queue jobs={data.overview.jobs} />
            </SimpleGrid>
            <SimpleGrid cols={{ base: 1, lg: 2 }}>
              <Outcomes outcomes={data.overview.outcomes} />
              <Card withBorder>
                <Title order={2} size="h5" mb="sm">
                  Rank change of the last 24 hours
                </Title>
                <QueryView query={day}>
                  {({ rankChangeSummary: { count, mean, interval95, winRate, winRate95 } }) =>
                    mean === null || winRate === null ? (
                      <Text c="dimmed" size="sm">
                        No picture was ranked.
                      </Text>
                    ) : (
                      <SimpleGrid cols={{ base: 1, xs: 2 }}>
                        <Figure
                          label="Mean ΔR"
                          value={formatChange(mean)}
                          interval={interval95}
                          format={formatChange}
                          hint={countOf(count, "picture")}
                        />
                        <Figure
                          label="Win rate"
                          value={formatShare(winRate, 1)}
                          interval={winRate95}
                          format={value => formatShare(value, 1)}
                          hint={
                            <Anchor component={Link} to="/rank-changes" size="xs">
                              All rank changes
                            </Anchor>
                          }
                        />
                      </SimpleGrid>
                    )
                  }
                </QueryView>
              </Card>
            </SimpleGrid>
          </Stack>
        )}
      </QueryView>
    </>
  );
}

function Catalogue({ overview }: { overview: OverviewQuery["overview"] }) {
  const { numItems, numIndexedItems } = overview;
  const indexed = numItems === 0 ? 0 : numIndexedItems / numItems;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }}>
      <Card withBorder>
        <Figure
          label="Items"
          value={formatNumber(numItems)}
          hint={`${formatNumber(overview.numAvailableItems)} can be bought`}
        />
      </Card>
      <Card withBorder>
        <Figure label="Indexed" value={formatShare(indexed)} />
        <Progress value={indexed * 100} mt="xs" aria-label="Share of the items that are indexed" />
      </Card>
      <Card withBorder>
        <Figure label="Users" value={formatNumber(overview.numUsers)} />
      </Card>
      <Card withBorder>
        <Figure label="Interactions" value={formatNumber(overview.numInteractions)} />
      </Card>
      <Card withBorder>
        <Figure
          label="Pictures"
          value={formatNumber(overview.numImages)}
          hint={`${formatNumber(overview.numRejectedImages)} rejected`}
        />
      </Card>
    </SimpleGrid>
  );
}

function Models({ data }: { data: OverviewQuery }) {
  const ranker = data.rankingModels.edges.find(({ node }) => node.isActive)?.node;
  const personalizer = data.personalizers.edges.find(({ node }) => node.isActive)?.node;
  const pack = data.modelPacks.find(({ isInUse }) => isInUse);
  return (
    <Card withBorder>
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h5">
          Models in use
        </Title>
        <Anchor component={Link} to="/models" size="sm">
          All versions
        </Anchor>
      </Group>
      <Table>
        <Table.Tbody>
          <Table.Tr>
            <Table.Th scope="row">Ranking model</Table.Th>
            <Table.Td>{ranker ? ranker.algorithm : "none"}</Table.Td>
            <Table.Td>{ranker && <TimeText time={ranker.activatedAt} />}</Table.Td>
          </Table.Tr>
          <Table.Tr>
            <Table.Th scope="row">Personalizer</Table.Th>
            <Table.Td>{personalizer ? personalizer.generator : "none"}</Table.Td>
            <Table.Td>{personalizer && <TimeText time={personalizer.activatedAt} />}</Table.Td>
          </Table.Tr>
          <Table.Tr>
            <Table.Th scope="row">Model pack</Table.Th>
            <Table.Td>
              {pack ? `${pack.name} ${pack.version ?? ""}` : "a remote generator"}
            </Table.Td>
            <Table.Td />
          </Table.Tr>
        </Table.Tbody>
      </Table>
    </Card>
  );
}

function Queue({ jobs }: { jobs: OverviewQuery["overview"]["jobs"] }) {
  return (
    <Card withBorder>
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h5">
          Jobs
        </Title>
        <Anchor component={Link} to="/jobs" size="sm">
          All jobs
        </Anchor>
      </Group>
      {jobs.length === 0 ? (
        <Text c="dimmed" size="sm">
          Nothing waits, runs or failed in the last 24 hours.
        </Text>
      ) : (
        <Stack gap="xs">
          {jobs.map(({ count, kind, state }) => (
            <Group key={`${kind} ${state}`} justify="space-between">
              <Anchor component={Link} size="sm" to={`/jobs?kind=${kind}&state=${state}`}>
                {nameOf(kind)}
              </Anchor>
              <Badge color={state === "FAILED" ? "red.9" : "vitrine"}>
                {nameOf(state)}: {formatNumber(count)}
              </Badge>
            </Group>
          ))}
        </Stack>
      )}
    </Card>
  );
}

function Outcomes({ outcomes }: { outcomes: OverviewQuery["overview"]["outcomes"] }) {
  const total = outcomes.reduce((sum, { count }) => sum + count, 0);
  return (
    <Card withBorder>
      <Title order={2} size="h5" mb="sm">
        What requests came to in the last 24 hours
      </Title>
      {total === 0 ? (
        <Text c="dimmed" size="sm">
          No request was decided.
        </Text>
      ) : (
        <Stack gap="xs">
          {outcomes.map(({ count, reason }) => (
            <div key={reason}>
              <Group justify="space-between">
                <Text size="sm">{nameOf(reason)}</Text>
                <Text size="sm">
                  {formatShare(count / total, 1)} ({formatNumber(count)})
                </Text>
              </Group>
              <Progress
                value={(count / total) * 100}
                color={reason === "SHOWN" ? "vitrine" : "gray"}
                aria-label={`${nameOf(reason)}: share of the requests`}
              />
            </div>
          ))}
        </Stack>
      )}
    </Card>
  );
}
