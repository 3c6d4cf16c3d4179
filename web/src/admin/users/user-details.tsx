import { Alert, Anchor, Box, Button, Group, Table, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "react-router";
import {
  EraseUserDocument,
  ExportUserDocument,
  OptInUserDocument,
  OptOutUserDocument,
  UserDetailsDocument,
} from "../../api/admin-users-users";
import { errorText } from "../../shared/api-error";
import { useApi, useApiQuery } from "../../shared/api-hooks";
import { countOf, formatNumber } from "../../shared/formats";
import { Picture } from "../../shared/picture";
import { EmptyState } from "../../shared/states";
import { download } from "../parts/download";
import { nameOf } from "../parts/names";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";
import { useUrlState } from "../parts/url-state";
import { useAction } from "../parts/use-action";
import { WideTable } from "../parts/wide-table";

const PAGE_SIZE = 20;

export function UserDetails() {
  const { id = "" } = useParams();
  const url = useUrlState();
  const query = useApiQuery(
    UserDetailsDocument,
    { id, first: PAGE_SIZE, after: url.after },
    { keepPrevious: true },
  );
  return (
    <QueryView query={query} label="Reading the user">
      {({ user }) =>
        user === null ? (
          <EmptyState
            title="There is no such user"
            level={1}
            action={
              <Button component={Link} to="/users">
                All users
              </Button>
            }
          >
            No interaction is recorded for this id, or the user was erased.
          </EmptyState>
        ) : (
          <>
            <PageHead
              title={user.id}
              actions={<Actions id={user.id} isOptedOut={user.optedOutAt !== null} />}
            >
              <Anchor component={Link} to="/users" size="sm">
                All users
              </Anchor>
              {", "}
              <Anchor component={Link} to={`/images?user=${encodeURIComponent(user.id)}`} size="sm">
                pictures
              </Anchor>
              {", "}
              <Anchor component={Link} to={`/jobs?user=${encodeURIComponent(user.id)}`} size="sm">
                jobs
              </Anchor>
            </PageHead>
            {user.optedOutAt !== null && (
              <Alert mb="md" title="Opted out of personalisation">
                Since <TimeText time={user.optedOutAt} />. This user sees catalogue images and what
                most users chose. Nothing reads the history below, and nothing is added to it.
              </Alert>
            )}
            <Title order={2} size="h4" mb="sm">
              History
            </Title>
            {user.history.edges.length === 0 ? (
              <Text c="dimmed">No interactions.</Text>
            ) : (
              <WideTable label="History" minWidth={480}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Item</Table.Th>
                    <Table.Th>Interaction</Table.Th>
                    <Table.Th>When</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {user.history.edges.map(({ node }, place) => (
                    <Table.Tr key={`${node.occurredAt} ${node.item.id} ${place}`}>
                      <Table.Td>
                        <Group gap="sm" wrap="nowrap">
                          <Box w={44} miw={44}>
                            <Picture src={node.item.image?.url ?? null} alt="" />
                          </Box>
                          <Text size="sm" className="shop-text" lineClamp={2}>
                            {node.item.title}
                          </Text>
                        </Group>
                      </Table.Td>
                      <Table.Td>
                        {nameOf(node.kind)}
                        {node.kind === "RATING" && ` ${formatNumber(node.weight, 1)}`}
                      </Table.Td>
                      <Table.Td>
                        <TimeText time={node.occurredAt} />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </WideTable>
            )}
            <Pager url={url} pageInfo={user.history.pageInfo} isLoading={query.isPlaceholderData} />
          </>
        )
      }
    </QueryView>
  );
}

function Actions({ id, isOptedOut }: { id: string; isOptedOut: boolean }) {
  const api = useApi();
  const navigate = useNavigate();
  const erase = useAction(EraseUserDocument);
  const optOut = useAction(OptOutUserDocument);
  const optIn = useAction(OptInUserDocument);
  const save = useMutation({
    mutationFn: () => api.request(ExportUserDocument, { id }),
    onSuccess: ({ exportUser }) =>
      download("user.json", `${JSON.stringify(exportUser, null, 2)}\n`, "application/json"),
    onError: error => {
      const { title, text } = errorText(error);
      notifications.show({ color: "red", title, message: text, autoClose: false });
    },
  });
  return (
    <>
      <Button variant="default" loading={save.isPending} onClick={() => save.mutate()}>
        Save all data
      </Button>
      {isOptedOut ? (
        <Button
          variant="default"
          onClick={() =>
            optIn.ask(
              { id },
              {
                title: "Personalise for this user again?",
                text: "The history counts again, and new interactions are recorded. Only do this if the user asked for it.",
                confirm: "Opt the user in",
                done: "The user is personalised for again",
              },
            )
          }
        >
          Opt in
        </Button>
      ) : (
        <Button
          variant="default"
          onClick={() =>
            optOut.ask(
              { id },
              {
                title: "Opt this user out?",
                text: "From now on the user sees catalogue images and what most users chose. Nothing reads the history to personalise, nothing new is recorded, and images that are being made are cancelled. Nothing is deleted.",
                confirm: "Opt the user out",
                done: "The user is opted out",
              },
            )
          }
        >
          Opt out
        </Button>
      )}
      <Button
        color="red.9"
        onClick={() =>
          erase.ask(
            { id },
            {
              title: "Erase this user?",
              text: "Interactions, jobs and personalised pictures are deleted, with the files that nothing else uses. Trained models keep what they learned until the next training. This cannot be undone.",
              confirm: "Erase the user",
              isDangerous: true,
              done: "The user is erased",
              onDone: ({ deleteUser }) => {
                notifications.show({
                  message: `Deleted: ${countOf(deleteUser.interactions, "interaction")} and ${countOf(deleteUser.images, "picture")}`,
                });
                void navigate("/users");
              },
            },
          )
        }
      >
        Erase
      </Button>
    </>
  );
}
