import {
  Anchor,
  Badge,
  Card,
  Code,
  Group,
  SimpleGrid,
  Stack,
  Table,
  Text,
  Title,
} from "@mantine/core";
import { Link, useParams } from "react-router";
import { JobDetailsDocument, type JobDetailsQuery } from "../../api/admin-jobs-jobs";
import { useApiQuery } from "../../shared/api-hooks";
import { formatTime } from "../../shared/formats";
import { Picture } from "../../shared/picture";
import { colorOf, nameOf } from "../parts/names";
import { PageHead } from "../parts/page-head";
import { QueryView } from "../parts/query-view";
import { JobActions } from "./job-actions";
import { JobState } from "./job-list";
import { useLiveJob } from "./use-live-job";

export function JobDetails() {
  const { id = "" } = useParams();
  const query = useApiQuery(JobDetailsDocument, { id });
  return (
    <QueryView query={query} label="Reading the job">
      {({ job }) => <Details job={job} />}
    </QueryView>
  );
}

function Details({ job: read }: { job: JobDetailsQuery["job"] }) {
  const job = useLiveJob(read);
  const times: [string, string | null][] = [
    ["Queued", job.createdAt],
    ["Started", job.startedAt],
    ["Ended", job.finishedAt],
  ];
  return (
    <>
      <PageHead title={nameOf(job.kind)} actions={<JobActions job={job} />}>
        <Anchor component={Link} to="/jobs" size="sm">
          All jobs
        </Anchor>
      </PageHead>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Card withBorder>
          <Stack>
            <Group>
              <Badge color={colorOf(job.state)}>{nameOf(job.state)}</Badge>
              <Text size="sm" c="dimmed">
                Attempt {job.attempts}
              </Text>
            </Group>
            <JobState job={job} />
            {job.errorCode && <Code>{job.errorCode}</Code>}
            <Table variant="vertical">
              <Table.Tbody>
                <Row name="Id">
                  <Code>{job.id}</Code>
                </Row>
                {job.userId && (
                  <Row name="User">
                    <Anchor component={Link} to={`/users/${encodeURIComponent(job.userId)}`}>
                      {job.userId}
                    </Anchor>
                  </Row>
                )}
                {job.item && <Row name="Item">{job.item.title}</Row>}
                {times.map(
                  ([name, time]) =>
                    time !== null && (
                      <Row key={name} name={name}>
                        {formatTime(time)}
                      </Row>
                    ),
                )}
              </Table.Tbody>
            </Table>
          </Stack>
        </Card>
        <Stack>
          {job.previewUrl && (
            <Card withBorder>
              <Title order={2} size="h5" mb="sm">
                Latest preview
              </Title>
              <Picture src={job.previewUrl} alt="The picture as it is drawn" eager />
            </Card>
          )}
          {read.result && (
            <Card withBorder>
              <Title order={2} size="h5" mb="sm">
                Result
              </Title>
              <Code block tabIndex={0}>
                {JSON.stringify(read.result, null, 2)}
              </Code>
            </Card>
          )}
        </Stack>
      </SimpleGrid>
    </>
  );
}

function Row({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <Table.Tr>
      <Table.Th scope="row">{name}</Table.Th>
      <Table.Td className="shop-text">{children}</Table.Td>
    </Table.Tr>
  );
}
