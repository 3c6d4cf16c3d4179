import {
  Anchor,
  Badge,
  Group,
  Progress,
  Select,
  Stack,
  Table,
  Text,
  VisuallyHidden,
} from "@mantine/core";
import { Link } from "react-router";
import {
  type JobKind,
  type JobRowFragment,
  JobsDocument,
  type JobState,
} from "../../api/admin-jobs-jobs";
import { useApiQuery } from "../../shared/api-hooks";
import { formatNumber, formatShare } from "../../shared/formats";
import { EmptyState } from "../../shared/states";
import { FilterField } from "../parts/filter-field";
import { colorOf, nameOf } from "../parts/names";
import { PageHead } from "../parts/page-head";
import { Pager } from "../parts/pager";
import { QueryView } from "../parts/query-view";
import { TimeText } from "../parts/time-text";
import { oneOf, useUrlState } from "../parts/url-state";
import { WideTable } from "../parts/wide-table";
import { JobActions } from "./job-actions";
import { useLiveJob } from "./use-live-job";

const PAGE_SIZE = 25;
const REFRESH_MS = 5_000;

const kinds: readonly JobKind[] = [
  "PERSONALIZE_IMAGE",
  "IMPORT",
  "INDEX",
  "TRAIN_RANKER",
  "TRAIN_PERSONALIZER",
  "SCORE_IMAGES",
  "RERANK",
];
const states: readonly JobState[] = ["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"];
const choices = (values: readonly string[]) =>
  values.map(value => ({ value, label: nameOf(value) }));

export function JobList() {
  const url = useUrlState();
  const variables = {
    first: PAGE_SIZE,
    after: url.after,
    kind: oneOf(url.get("kind"), kinds),
    state: oneOf(url.get("state"), states),
    userId: url.get("user"),
    itemId: url.get("item"),
  };
  const query = useApiQuery(JobsDocument, variables, {
    keepPrevious: true,
    refetchInterval: REFRESH_MS,
  });
  return (
    <>
      <PageHead title="Jobs">
        Work that outlives its request, newest first. What runs is followed live.
      </PageHead>
      <Group mb="md" align="flex-end" gap="sm" role="search" aria-label="Filter of the jobs">
        <Select
          label="Kind"
          placeholder="All"
          size="xs"
          w={210}
          clearable
          data={choices(kinds)}
          value={variables.kind}
          onChange={kind => url.set({ kind })}
        />
        <Select
          label="State"
          placeholder="All"
          size="xs"
          w={140}
          clearable
          data={choices(states)}
          value={variables.state}
          onChange={state => url.set({ state })}
        />
        <FilterField label="User" value={variables.userId} onChange={user => url.set({ user })} />
        <FilterField label="Item" value={variables.itemId} onChange={item => url.set({ item })} />
      </Group>
      <QueryView query={query} label="Reading the jobs">
        {({ jobs }) =>
          jobs.edges.length === 0 ? (
            <EmptyState title="No such job">
              Jobs appear here when pictures are asked for, data is imported or a model is trained.
            </EmptyState>
          ) : (
            <>
              <WideTable label="Jobs" minWidth={760}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Job</Table.Th>
                    <Table.Th>State</Table.Th>
                    <Table.Th w={220}>Progress</Table.Th>
                    <Table.Th>Queued</Table.Th>
                    <Table.Th>
                      <VisuallyHidden>Actions</VisuallyHidden>
                    </Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {jobs.edges.map(({ node }) => (
                    <Row key={node.id} job={node} />
                  ))}
                </Table.Tbody>
              </WideTable>
              <Pager url={url} pageInfo={jobs.pageInfo} isLoading={query.isPlaceholderData} />
            </>
          )
        }
      </QueryView>
    </>
  );
}

function Row({ job: listed }: { job: JobRowFragment }) {
  const job = useLiveJob(listed);
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} to={`/jobs/${job.id}`} size="sm" underline="always">
          {nameOf(job.kind)}
        </Anchor>
        {(job.userId ?? job.item) && (
          <Text size="xs" c="dimmed" className="shop-text" lineClamp={1}>
            {[job.item?.title, job.userId && `for ${job.userId}`].filter(Boolean).join(", ")}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Badge color={colorOf(job.state)}>{nameOf(job.state)}</Badge>
      </Table.Td>
      <Table.Td>
        <JobState job={job} />
      </Table.Td>
      <Table.Td>
        <TimeText time={job.createdAt} />
      </Table.Td>
      <Table.Td>
        <JobActions job={job} />
      </Table.Td>
    </Table.Tr>
  );
}

/** How far a job is, or why it is not. */
export function JobState({ job }: { job: JobRowFragment }) {
  if (job.state === "RUNNING") {
    return (
      <Stack gap={2}>
        <Progress value={job.progress * 100} aria-label="Progress of the job" />
        <Text size="xs" c="dimmed">
          {formatShare(job.progress)} {job.stage}
        </Text>
      </Stack>
    );
  }
  if (job.state === "QUEUED") {
    return (
      <Text size="xs" c="dimmed">
        {job.queuePosition === null
          ? "Waits"
          : `Number ${formatNumber(job.queuePosition)} in the queue`}
      </Text>
    );
  }
  return job.errorMessage === null ? null : (
    <Text size="xs" lineClamp={2} className="shop-text">
      {job.errorMessage}
    </Text>
  );
}
