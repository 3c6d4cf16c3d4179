import { Badge, Button, Code, Group, Stack, Table, Text, Title } from "@mantine/core";
import { useState } from "react";
import {
  ImportRunsDocument,
  type ImportRunsQuery,
  RejectedRowsDocument,
} from "../../api/admin-imports-imports";
import { useApi, useApiQuery } from "../../shared/api-hooks";
import { countOf, formatNumber } from "../../shared/formats";
import { EmptyState, ErrorState } from "../../shared/states";
import { download } from "../parts/download";
import { colorOf, nameOf } from "../parts/names";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";
import { numberOf, useUrlState } from "../parts/url-state";

const PAGE_SIZE = 20;
const ROWS_A_PAGE = 50;
/** Rows read at once for a download. */
const ROWS_A_READ = 1_000;

type Run = ImportRunsQuery["importRuns"]["edges"][number]["node"];

export function Page() {
  const url = useUrlState();
  const open = url.get("import");
  const query = useApiQuery(
    ImportRunsDocument,
    { first: PAGE_SIZE, after: url.after },
    { keepPrevious: true },
  );
  return (
    <>
      <PageHead title="Imports">
        What came into the catalogue, newest first. A running import that was stopped goes on with
        the next import of its source.
      </PageHead>
      <QueryView query={query} label="Reading the imports">
        {({ importRuns: { edges, pageInfo } }) =>
          edges.length === 0 ? (
            <EmptyState title="No imports yet">
              <code>vitrine import</code> or the API&apos;s <code>startImport</code> starts one.
            </EmptyState>
          ) : (
            <>
              <Table.ScrollContainer type="native" tabIndex={0} minWidth={680}>
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Source</Table.Th>
                      <Table.Th>State</Table.Th>
                      <Table.Th>Parts</Table.Th>
                      <Table.Th>Started</Table.Th>
                      <Table.Th>Rejected rows</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {edges.map(({ node }) => (
                      <ImportRow
                        key={node.id}
                        run={node}
                        isOpen={node.id === open}
                        onToggle={() =>
                          url.set({ import: node.id === open ? null : node.id, row: null })
                        }
                      />
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
              <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
            </>
          )
        }
      </QueryView>
      {open !== null && (
        <Rejected
          importId={open}
          offset={numberOf(url.get("row")) ?? 0}
          onOffset={offset => url.set({ row: String(offset) })}
        />
      )}
    </>
  );
}

interface ImportRowProps {
  run: Run;
  isOpen: boolean;
  onToggle: () => void;
}

function ImportRow({ isOpen, onToggle, run }: ImportRowProps) {
  const numRejected = run.parts.reduce((sum, { rejected }) => sum + rejected, 0);
  return (
    <Table.Tr>
      <Table.Td className="shop-text">
        {run.kind}
        <Text size="xs" c="dimmed">
          {run.source}
        </Text>
      </Table.Td>
      <Table.Td>
        <Badge color={colorOf(run.state)}>{nameOf(run.state)}</Badge>
      </Table.Td>
      <Table.Td>
        {run.parts.map(({ accepted, name, rejected, replaced }) => (
          <Text key={name} size="sm">
            {name}: {formatNumber(accepted)} taken
            {replaced > 0 && `, of which ${formatNumber(replaced)} replaced another`}
            {rejected > 0 && `, ${formatNumber(rejected)} rejected`}
          </Text>
        ))}
      </Table.Td>
      <Table.Td>
        <TimeText time={run.startedAt} />
      </Table.Td>
      <Table.Td>
        {numRejected === 0 ? (
          "None"
        ) : (
          <Button size="compact-sm" variant="default" aria-expanded={isOpen} onClick={onToggle}>
            {countOf(numRejected, "row")}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

interface RejectedProps {
  importId: string;
  offset: number;
  onOffset: (offset: number) => void;
}

/** The rows of one import that were not taken, with the reason. */
function Rejected({ importId, offset, onOffset }: RejectedProps) {
  const query = useApiQuery(
    RejectedRowsDocument,
    { importId, first: ROWS_A_PAGE, offset },
    { keepPrevious: true },
  );
  return (
    <Stack component="section" mt="xl" aria-label="Rejected rows">
      <QueryView query={query} label="Reading the rejected rows">
        {({ rejectedRows: { count, rows } }) => (
          <>
            <Group justify="space-between">
              <Title order={2} size="h4">
                Rejected rows
              </Title>
              <Download importId={importId} count={count} />
            </Group>
            <Table.ScrollContainer type="native" tabIndex={0} minWidth={680}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Place</Table.Th>
                    <Table.Th>Reason</Table.Th>
                    <Table.Th>Row</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map(({ file, line, part, reason, row }, at) => (
                    <Table.Tr key={offset + at}>
                      <Table.Td className="shop-text">
                        {file}, line {line}
                        <Text size="xs" c="dimmed">
                          {part}
                        </Text>
                      </Table.Td>
                      <Table.Td className="shop-text">{reason}</Table.Td>
                      <Table.Td maw={360}>
                        <Code className="shop-text">{row}</Code>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            {count > ROWS_A_PAGE && (
              <Group justify="flex-end" gap="xs" component="nav" aria-label="Pages of the rows">
                <Text size="sm">
                  {formatNumber(offset + 1)} to {formatNumber(offset + rows.length)} of{" "}
                  {formatNumber(count)}
                </Text>
                <Button
                  variant="default"
                  size="xs"
                  disabled={offset === 0}
                  onClick={() => onOffset(Math.max(0, offset - ROWS_A_PAGE))}
                >
                  Rows before
                </Button>
                <Button
                  variant="default"
                  size="xs"
                  disabled={offset + rows.length >= count}
                  onClick={() => onOffset(offset + ROWS_A_PAGE)}
                >
                  Next rows
                </Button>
              </Group>
            )}
          </>
        )}
      </QueryView>
    </Stack>
  );
}

/** All rejected rows as JSON, one a line, as `vitrine import` writes them. */
function Download({ count, importId }: { importId: string; count: number }) {
  const api = useApi();
  const [isLoading, setLoading] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setLoading(true);
    setError(null);
    try {
      const lines: string[] = [];
      for (let offset = 0; offset < count; offset += ROWS_A_READ) {
        const variables = { importId, first: ROWS_A_READ, offset };
        const { rejectedRows } = await api.request(RejectedRowsDocument, variables);
        rejectedRows.rows.forEach(({ row, ...about }) => {
          lines.push(JSON.stringify({ ...about, row: JSON.parse(row) as unknown }));
        });
      }
      download(`rejected-${importId}.jsonl`, `${lines.join("\n")}\n`, "application/x-ndjson");
    } catch (fault) {
      setError(fault);
    } finally {
      setLoading(false);
    }
  };
  return (
    <>
      <Button size="xs" variant="default" loading={isLoading} onClick={() => void run()}>
        Download all {formatNumber(count)}
      </Button>
      {error !== null && <ErrorState error={error} />}
    </>
  );
}
