import { Table, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import {
  type FiguresFragment,
  GroupsDocument,
  type RankChangeGrouping,
  SummaryDocument,
} from "../../api/admin-rank-changes-rank-changes";
import { useApiQuery } from "../../shared/api-hooks";
import { formatChange, formatNumber, formatShare, formatTime } from "../../shared/formats";
import { EmptyState, LoadingState } from "../../shared/states";
import { QueryView } from "../parts/query-view";
import { WideTable } from "../parts/wide-table";
import type { RankChangeFilter } from "./rank-change-filter";

const MeanChart = lazy(async () => ({ default: (await import("./mean-chart")).MeanChart }));

interface GroupsProps {
  by: RankChangeGrouping;
  filter: RankChangeFilter;
  /** Whether a request that keeps the catalogue's picture counts as no change. */
  isServed: boolean;
}

export function Groups({ by, filter, isServed }: GroupsProps) {
  const query = useApiQuery(GroupsDocument, { by, filter }, { keepPrevious: true });
  const models = useApiQuery(SummaryDocument, { filter });
  const nameOf = (key: string | null): string => {
    if (key === null) {
      return "No category";
    }
    const version = models.data?.rankingModels.edges.find(({ node }) => node.id === key)?.node;
    return version ? `${version.algorithm}, ${formatTime(version.createdAt)}` : key;
  };
  return (
    <QueryView query={query} label="Reading the groups">
      {({ rankChangeGroups: groups }) =>
        groups.length === 0 ? (
          <EmptyState title="No groups" level={3} />
        ) : (
          <>
            {by === "DAY" && groups.length > 1 && (
              <Suspense fallback={<LoadingState />}>
                <MeanChart
                  points={groups.map(({ key, summary }) => ({
                    day: key ?? "",
                    ...pointOf(isServed ? summary.withFallback : summary),
                  }))}
                />
              </Suspense>
            )}
            <WideTable label="Rank changes by group" minWidth={640}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Group</Table.Th>
                  <Table.Th>Pictures</Table.Th>
                  <Table.Th>Mean ΔR</Table.Th>
                  <Table.Th>Median ΔR</Table.Th>
                  <Table.Th>Win rate</Table.Th>
                  <Table.Th>Shown</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {groups.map(({ key, summary }) => {
                  const figures = isServed ? summary.withFallback : summary;
                  return (
                    <Table.Tr key={key}>
                      <Table.Th scope="row" className="shop-text">
                        {nameOf(key)}
                      </Table.Th>
                      <Table.Td>{formatNumber(summary.count)}</Table.Td>
                      <Value
                        value={figures.mean}
                        interval={figures.interval95}
                        format={formatChange}
                      />
                      <Value
                        value={figures.median}
                        interval={figures.median95}
                        format={formatChange}
                      />
                      <Value
                        value={figures.winRate}
                        interval={figures.winRate95}
                        format={percent}
                      />
                      <Value
                        value={summary.requests.shownShare}
                        interval={summary.requests.shownShare95}
                        format={percent}
                      />
                    </Table.Tr>
                  );
                })}
              </Table.Tbody>
            </WideTable>
          </>
        )
      }
    </QueryView>
  );
}

const percent = (value: number) => formatShare(value, 1);

function pointOf({ mean, interval95 }: Pick<FiguresFragment, "mean" | "interval95">) {
  return { mean, low: interval95?.low ?? null, high: interval95?.high ?? null };
}

interface ValueProps {
  value: number | null;
  interval: { low: number; high: number } | null;
  format: (value: number) => string;
}

function Value({ value, interval, format }: ValueProps) {
  return (
    <Table.Td>
      {value === null ? "–" : format(value)}
      {interval && (
        <Text size="xs" c="dimmed">
          {format(interval.low)} to {format(interval.high)}
        </Text>
      )}
    </Table.Td>
  );
}
