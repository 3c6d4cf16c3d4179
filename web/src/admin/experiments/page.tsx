import { Button, Group, Select, Stack, Table, Text, Title } from "@mantine/core";
import { lazy, Suspense } from "react";
import { ResultFileDocument, ResultFilesDocument } from "../../api/admin-experiments-experiments";
import { useApiQuery } from "../../shared/api-hooks";
import { formatNumber } from "../../shared/formats";
import { EmptyState, LoadingState } from "../../shared/states";
import { download } from "../parts/download";
import { PageHead } from "../parts/page-head";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";
import { useUrlState } from "../parts/url-state";
import { type Cell, factsOf, type ResultTable, shortNumber, tablesOf } from "./result-tables";

const IntervalPlot = lazy(async () => ({
  default: (await import("../studies/interval-plot")).IntervalPlot,
}));

export function Page() {
  const url = useUrlState();
  const name = url.get("file");
  const query = useApiQuery(ResultFilesDocument, {});
  return (
    <>
      <PageHead title="Experiments">
        The result files in <code>results</code> of the data folder, as{" "}
        <code>vitrine experiment</code> and <code>vitrine evaluate</code> write them.
      </PageHead>
      <QueryView query={query} label="Reading the files">
        {({ resultFiles: files }) =>
          files.length === 0 ? (
            <EmptyState title="No result files">
              Write one with <code>vitrine experiment FILE --output</code> into <code>results</code>{" "}
              of the data folder.
            </EmptyState>
          ) : (
            <>
              <Table.ScrollContainer type="native" tabIndex={0} minWidth={420}>
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>File</Table.Th>
                      <Table.Th>Written</Table.Th>
                      <Table.Th>Size</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {files.map(file => (
                      <Table.Tr key={file.name}>
                        <Table.Td className="shop-text">
                          <Button
                            variant="subtle"
                            size="compact-sm"
                            aria-pressed={file.name === name}
                            onClick={() => url.set({ file: file.name, figure: null })}
                          >
                            {file.name}
                          </Button>
                        </Table.Td>
                        <Table.Td>
                          <TimeText time={file.modifiedAt} />
                        </Table.Td>
                        <Table.Td>{formatNumber(file.sizeBytes / 1_024, 1)} KiB</Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
              {name !== null && <ResultView key={name} name={name} />}
            </>
          )
        }
      </QueryView>
    </>
  );
}

function ResultView({ name }: { name: string }) {
  const query = useApiQuery(ResultFileDocument, { name });
  return (
    <QueryView query={query} label="Reading the file">
      {({ resultFile: file }) => {
        const tables = tablesOf(file);
        return (
          <Stack component="section" mt="xl" gap="xl" aria-label={name}>
            <div>
              <Group justify="space-between">
                <Title order={2} size="h3" className="shop-text">
                  {name}
                </Title>
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => {
                    download(`${name}.json`, JSON.stringify(file, null, 1), "application/json");
                  }}
                >
                  Download
                </Button>
              </Group>
              {factsOf(file).map(([fact, text]) => (
                <Text key={fact} size="sm" className="shop-text">
                  <Text span c="dimmed" size="sm">
                    {fact}:
                  </Text>{" "}
                  {text}
                </Text>
              ))}
            </div>
            {tables.length === 0 && (
              <EmptyState title="No tables" level={3}>
                The file has no list of results. Download it to read it.
              </EmptyState>
            )}
            {tables.map(table => (
              <ResultTableView key={table.name} table={table} />
            ))}
          </Stack>
        );
      }}
    </QueryView>
  );
}

function ResultTableView({ table }: { table: ResultTable }) {
  const url = useUrlState();
  const { columns, name, rows } = table;
  const plotted = columns.filter(column => rows.some(row => row.get(column)?.interval));
  const [first = null] = plotted;
  const figure = plotted.find(column => column === url.get("figure")) ?? first;
  const heading = columns.find(column => rows.every(row => row.get(column)?.text)) ?? null;
  const nameOf = (row: ReadonlyMap<string, Cell>, at: number) =>
    (heading === null ? undefined : row.get(heading)?.text) ?? String(at + 1);
  return (
    <section aria-label={name}>
      <Title order={3} size="h4" mb="xs">
        {name}
      </Title>
      {figure !== null && (
        <>
          <Select
            label="Figure of the plot"
            size="xs"
            w={220}
            data={plotted}
            value={figure}
            allowDeselect={false}
            onChange={value => url.set({ figure: value })}
          />
          <Suspense fallback={<LoadingState />}>
            <IntervalPlot
              label={figure}
              points={rows.flatMap((row, at) => {
                const cell = row.get(figure);
                return cell?.value === undefined || cell.value === null
                  ? []
                  : [{ name: nameOf(row, at), value: cell.value, interval: cell.interval }];
              })}
            />
          </Suspense>
        </>
      )}
      <Table.ScrollContainer
        type="native"
        tabIndex={0}
        minWidth={Math.min(2_400, 130 * columns.length)}
      >
        <Table>
          <Table.Thead>
            <Table.Tr>
              {columns.map(column => (
                <Table.Th key={column}>{column}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row, at) => (
              <Table.Tr key={at}>
                {columns.map(column => (
                  <Table.Td key={column}>{cellText(row.get(column))}</Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}

function cellText(cell: Cell | undefined): string {
  if (!cell) {
    return "–";
  }
  const { interval, text, value } = cell;
  if (value === null) {
    return text;
  }
  return interval
    ? `${shortNumber(value)} [${interval.map(shortNumber).join(", ")}]`
    : shortNumber(value);
}
