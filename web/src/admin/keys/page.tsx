import { Badge, Button, Table, VisuallyHidden } from "@mantine/core";
import { KeysDocument, type KeysQuery, RevokeKeyDocument } from "../../api/admin-keys-keys";
import { useApiQuery } from "../../shared/api-hooks";
import { nameOf } from "../parts/names";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";
import { useUrlState } from "../parts/url-state";
import { useAction } from "../parts/use-action";
import { WideTable } from "../parts/wide-table";
import { useNewKey } from "./use-new-key";

const PAGE_SIZE = 25;

export function Page() {
  const url = useUrlState();
  const openForm = useNewKey();
  const query = useApiQuery(
    KeysDocument,
    { first: PAGE_SIZE, after: url.after },
    { keepPrevious: true },
  );
  return (
    <>
      <PageHead title="API keys" actions={<Button onClick={openForm}>New key</Button>}>
        Each caller has a key of its own. The key itself is shown once, when it is made.
      </PageHead>
      <QueryView query={query} label="Reading the keys">
        {({ apiKeys: { edges, pageInfo } }) => (
          <>
            <WideTable label="API keys" minWidth={640}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th>Role</Table.Th>
                  <Table.Th>Made</Table.Th>
                  <Table.Th>Last used</Table.Th>
                  <Table.Th>
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {edges.map(({ node }) => (
                  <Row key={node.id} apiKey={node} />
                ))}
              </Table.Tbody>
            </WideTable>
            <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
          </>
        )}
      </QueryView>
    </>
  );
}

function Row({ apiKey }: { apiKey: KeysQuery["apiKeys"]["edges"][number]["node"] }) {
  const revoke = useAction(RevokeKeyDocument);
  const { name, revokedAt, role } = apiKey;
  return (
    <Table.Tr>
      <Table.Th scope="row" className="shop-text">
        {name}
      </Table.Th>
      <Table.Td>{nameOf(role)}</Table.Td>
      <Table.Td>
        <TimeText time={apiKey.createdAt} />
      </Table.Td>
      <Table.Td>
        <TimeText time={apiKey.lastUsedAt} />
      </Table.Td>
      <Table.Td>
        {revokedAt ? (
          <Badge color="gray.7">Revoked</Badge>
        ) : (
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`Revoke ${name}`}
            onClick={() =>
              revoke.ask(
                { name },
                {
                  title: `Revoke the key ${name}?`,
                  text: "Whoever uses it is refused a second later. If it is the key of this tab, you are signed out. A revoked key cannot come back.",
                  confirm: "Revoke the key",
                  isDangerous: true,
                  done: `The key ${name} is revoked`,
                },
              )
            }
          >
            Revoke
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
