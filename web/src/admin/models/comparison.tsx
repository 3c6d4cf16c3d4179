import { Alert, Card, Table, Text, Title } from "@mantine/core";
import { CompareDocument } from "../../api/admin-models-models";
import { useApiQuery } from "../../shared/api-hooks";
import { countOf, formatChange, formatNumber } from "../../shared/formats";
import { QueryView } from "../parts/query-view";
import { WideTable } from "../parts/wide-table";
import { metricText } from "./metric-text";

const SIGNIFICANT = 0.05;

/** Two versions on the same held-out items. */
export function Comparison({ ids: [first, second] }: { ids: [string, string] }) {
  const query = useApiQuery(CompareDocument, { first, second });
  return (
    <Card withBorder>
      <Title order={2} size="h5" mb="sm">
        Comparison
      </Title>
      <QueryView query={query} label="Ranking the catalogue for every user; this may take minutes">
        {({ compareRankingModels: result }) => {
          const names = [...new Set(result.versions.flatMap(({ metrics }) => Object.keys(metrics)))];
          return (
            <>
              {result.pValue !== null && result.difference !== null && (
                <Alert mb="sm" color={result.pValue < SIGNIFICANT ? "teal" : "gray"}>
                  {result.pValue < SIGNIFICANT
                    ? `${shortId(result.better)} is better`
                    : "No difference that is more than chance"}
                  : {result.metric} differs by {formatChange(result.difference, 4)} (95 %:{" "}
                  {formatChange(result.difference95?.low ?? 0, 4)} to{" "}
                  {formatChange(result.difference95?.high ?? 0, 4)}), p ={" "}
                  {formatNumber(result.pValue, 4)} by the paired bootstrap and{" "}
                  {formatNumber(result.wilcoxonPValue ?? 1, 4)} by Wilcoxon's test, over{" "}
                  {countOf(result.numUsers, "user")}.
                </Alert>
              )}
              <WideTable label="Metrics of both versions" minWidth={360}>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Metric</Table.Th>
                      {result.versions.map(({ versionId }) => (
                        <Table.Th key={versionId}>{shortId(versionId)}</Table.Th>
                      ))}
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {names.map(name => (
                      <Table.Tr key={name}>
                        <Table.Th scope="row">{name}</Table.Th>
                        {result.versions.map(({ interval95, metrics, versionId }) => (
                          <Table.Td key={versionId}>
                            {metricText((metrics[name] as number | null | undefined) ?? null)}
                            {name === result.metric && interval95 && (
                              <Text size="xs" c="dimmed">
                                {metricText(interval95.low)} to {metricText(interval95.high)}
                              </Text>
                            )}
                          </Table.Td>
                        ))}
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </WideTable>
            </>
          );
        }}
      </QueryView>
    </Card>
  );
}

/** Enough of a UUID to tell two versions apart. */
function shortId(id: string | null): string {
  return `Version ${(id ?? "").slice(0, 8)}`;
}
