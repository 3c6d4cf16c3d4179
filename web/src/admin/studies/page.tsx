import { ActionIcon, Badge, Button, CopyButton, Group, Table, Text, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useState } from "react";
import { StudiesDocument, type StudyRowFragment } from "../../api/admin-studies-studies";
import { useApiQuery } from "../../shared/api-hooks";
import { EmptyState } from "../../shared/states";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";
import { useUrlState } from "../parts/url-state";
import { NewStudy } from "./new-study";
import { StudyDetails } from "./study-details";

const PAGE_SIZE = 20;

export function Page() {
  const url = useUrlState();
  const [isCreating, setCreating] = useState(false);
  const open = url.get("study");
  const query = useApiQuery(
    StudiesDocument,
    { first: PAGE_SIZE, after: url.after },
    { keepPrevious: true },
  );
  if (open !== null) {
    return <StudyDetails id={open} onBack={() => url.set({ study: null })} />;
  }
  return (
    <>
      <PageHead
        title="Studies"
        actions={
          <Button
            size="xs"
            aria-expanded={isCreating}
            onClick={() => {
              setCreating(!isCreating);
            }}
          >
            New study
          </Button>
        }
      >
        People with the link sort pictures of several methods, without knowing which is which.
      </PageHead>
      {isCreating && (
        <NewStudy
          onDone={() => {
            setCreating(false);
          }}
        />
      )}
      <QueryView query={query} label="Reading the studies">
        {({ studies: { edges, pageInfo } }) =>
          edges.length === 0 ? (
            <EmptyState title="No studies yet">
              Make one: choose methods and pairs, and send its link to people.
            </EmptyState>
          ) : (
            <>
              <Table.ScrollContainer type="native" tabIndex={0} minWidth={640}>
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Title</Table.Th>
                      <Table.Th>State</Table.Th>
                      <Table.Th>Pairs</Table.Th>
                      <Table.Th>Finished</Table.Th>
                      <Table.Th>Created</Table.Th>
                      <Table.Th>Link</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {edges.map(({ node }) => (
                      <Table.Tr key={node.id}>
                        <Table.Td className="shop-text">
                          <Button
                            variant="subtle"
                            size="compact-sm"
                            onClick={() => url.set({ study: node.id })}
                          >
                            {node.title}
                          </Button>
                        </Table.Td>
                        <Table.Td>
                          <StudyState study={node} />
                        </Table.Td>
                        <Table.Td>{node.numPairs}</Table.Td>
                        <Table.Td>
                          {node.numFinished} of {node.numParticipants}
                        </Table.Td>
                        <Table.Td>
                          <TimeText time={node.createdAt} />
                        </Table.Td>
                        <Table.Td>
                          <StudyLink study={node} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
              <Pager url={url} pageInfo={pageInfo} isLoading={query.isPlaceholderData} />
            </>
          )
        }
      </QueryView>
    </>
  );
}

export function StudyState({ study }: { study: StudyRowFragment }) {
  return (
    <Badge color={study.closedAt === null ? "teal.9" : "gray.7"}>
      {study.closedAt === null ? "Open" : "Closed"}
    </Badge>
  );
}

/** The whole address for participants, with a button that copies it. */
export function StudyLink({ study, isShown }: { study: StudyRowFragment; isShown?: boolean }) {
  const link = new URL(study.link, location.origin).href;
  return (
    <Group gap="xs" wrap="nowrap">
      {isShown && (
        <Text size="sm" className="shop-text">
          {link}
        </Text>
      )}
      <CopyButton value={link}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy the link"}>
            <ActionIcon
              variant="default"
              aria-label={copied ? "Copied" : `Copy the link of ${study.title}`}
              onClick={copy}
            >
              {copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}
