import { Badge, Code, Group, Select, Spoiler, Table, Text } from "@mantine/core";
import { AuditLogDocument, type AuditOutcome } from "../../api/admin-audit-audit";
import { useApiQuery } from "../../shared/api-hooks";
import { formatTime } from "../../shared/formats";
import { EmptyState } from "../../shared/states";
import { FilterField } from "../parts/filter-field";
import { colorOf, nameOf } from "../parts/names";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { oneOf, useUrlState } from "../parts/url-state";
import { WideTable } from "../parts/wide-table";

const PAGE_SIZE = 25;
const outcomes: readonly AuditOutcome[] = ["SUCCEEDED", "FAILED", "STARTED"];

export function Page() {
  const url = useUrlState();
  const filter = {
    actor: url.get("key"),
    action: url.get("action"),
    outcome: oneOf(url.get("outcome"), outcomes),
  };
  const query = useApiQuery(
    AuditLogDocument,
    { first: PAGE_SIZE, after: url.after, filter },
    { keepPrevious: true },
  );
  return (
    <>
      <PageHead title="Audit log">
        Who changed what, newest first. Each call is written down before it runs. Ids of users are
        hashes.
      </PageHead>
      <Group mb="md" align="flex-end" gap="sm" role="search" aria-label="Filter of the audit log">
        <FilterField label="Key" value={filter.actor} onChange={key => url.set({ key })} />
        <FilterField
          label="Action"
          placeholder="such as rejectImage"
          value={filter.action}
          onChange={action => url.set({ action })}
        />
        <Select
          label="Outcome"
          placeholder="All"
          size="xs"
          w={140}
          clearable
          data={outcomes.map(value => ({ value, label: nameOf(value) }))}
          value={filter.outcome}
          onChange={outcome => url.set({ outcome })}
        />
      </Group>
      <QueryView query={query} label="Reading the log">
        {({ auditLog: { edges, pageInfo } }) =>
          edges.length === 0 ? (
            <EmptyState title="No entries">Nothing was changed that fits the filters.</EmptyState>
          ) : (
            <>
              <WideTable label="Audit log" minWidth={720}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>When</Table.Th>
                    <Table.Th>Key</Table.Th>
                    <Table.Th>Action</Table.Th>
                    <Table.Th>Arguments</Table.Th>
                    <Table.Th>Outcome</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {edges.map(({ node }, place) => (
                    <Table.Tr key={node.id}>
                      <Table.Td>{formatTime(node.createdAt)}</Table.Td>
                      <Table.Td className="shop-text">{node.actor}</Table.Td>
                      <Table.Td>{node.action}</Table.Td>
                      <Table.Td maw={360}>
                        <Spoiler
                          maxHeight={72}
                          showLabel="Show all"
                          hideLabel="Show less"
                          attributes={{
                            content: { "aria-label": `Arguments of entry ${place + 1}` },
                          }}
                        >
                          <Code className="shop-text">{JSON.stringify(node.arguments)}</Code>
                        </Spoiler>
                      </Table.Td>
                      <Table.Td>
                        <Badge color={colorOf(node.outcome)}>{nameOf(node.outcome)}</Badge>
                        {node.errorCode && <Text size="xs">{node.errorCode}</Text>}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </WideTable>
              <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
            </>
          )
        }
      </QueryView>
    </>
  );
}
