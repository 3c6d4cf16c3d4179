import { Anchor, Badge, Group, Table } from "@mantine/core";
import { Link } from "react-router";
import { UsersDocument } from "../../api/admin-users-users";
import { useApiQuery } from "../../shared/api-hooks";
import { EmptyState } from "../../shared/states";
import { FilterField } from "../parts/filter-field";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";
import { useUrlState } from "../parts/url-state";

const PAGE_SIZE = 25;

export function UserList() {
  const url = useUrlState();
  const query = useApiQuery(
    UsersDocument,
    { first: PAGE_SIZE, after: url.after, search: url.get("search") },
    { keepPrevious: true },
  );
  return (
    <>
      <PageHead title="Users">
        Look a user up by the beginning of the id that the shop gave.
      </PageHead>
      <Group mb="md" role="search" aria-label="Search of the users">
        <FilterField
          label="Id begins with"
          width={280}
          value={url.get("search")}
          onChange={search => url.set({ search })}
        />
      </Group>
      <QueryView query={query} label="Reading the users">
        {({ users: { edges, pageInfo } }) =>
          edges.length === 0 ? (
            <EmptyState title="No such user">
              A user appears here with the first recorded interaction.
            </EmptyState>
          ) : (
            <>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Id</Table.Th>
                    <Table.Th>First seen</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {edges.map(({ node }) => (
                    <Table.Tr key={node.id}>
                      <Table.Td className="shop-text">
                        <Anchor component={Link} to={`/users/${encodeURIComponent(node.id)}`}>
                          {node.id}
                        </Anchor>{" "}
                        {node.isSimulated && <Badge color="gray.7">Simulated</Badge>}
                      </Table.Td>
                      <Table.Td>
                        <TimeText time={node.createdAt} />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
              <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
            </>
          )
        }
      </QueryView>
    </>
  );
}
