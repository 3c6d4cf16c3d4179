import { Button, Group } from "@mantine/core";
import { useNavigate } from "react-router";
import {
  CancelJobDocument,
  type JobRowFragment,
  RetryJobDocument,
} from "../../api/admin-jobs-jobs";
import { nameOf } from "../parts/names";
import { useAction } from "../parts/use-action";
import { isOpen } from "./use-live-job";

export function JobActions({ job }: { job: JobRowFragment }) {
  const navigate = useNavigate();
  const cancel = useAction(CancelJobDocument);
  const retry = useAction(RetryJobDocument);
  const name = nameOf(job.kind);
  return (
    <Group gap="xs" wrap="nowrap">
      {isOpen(job) && (
        <Button
          size="compact-xs"
          variant="default"
          disabled={job.cancelRequested}
          onClick={() =>
            cancel.ask(
              { id: job.id },
              {
                title: "Cancel this job?",
                text:
                  job.state === "QUEUED"
                    ? `${name}: it leaves the queue at once. It can be tried again later.`
                    : `${name}: it stops at its next step, and its work so far is lost. It can be tried again later.`,
                confirm: "Cancel the job",
                isDangerous: true,
                done: "The job is being cancelled",
              },
            )
          }
        >
          {job.cancelRequested ? "Stopping" : "Cancel"}
        </Button>
      )}
      {(job.state === "FAILED" || job.state === "CANCELLED") && (
        <Button
          size="compact-xs"
          variant="default"
          onClick={() =>
            retry.ask(
              { id: job.id },
              {
                title: "Try this job again?",
                text: `${name}: the same work is queued as a new job. This record stays.`,
                confirm: "Try again",
                done: "The job is queued again",
                onDone: ({ retryJob }) => void navigate(`/jobs/${retryJob.id}`),
              },
            )
          }
        >
          Try again
        </Button>
      )}
    </Group>
  );
}
