import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { JobProgressDocument, type JobRowFragment } from "../../api/admin-jobs-jobs";
import { useApiSubscription } from "../../shared/api-hooks";

export const isOpen = ({ state }: { state: string }) => state === "QUEUED" || state === "RUNNING";

/** The job as it is now: followed until it has ended, then everything that shows it is read anew. */
export function useLiveJob(job: JobRowFragment): JobRowFragment {
  const queryClient = useQueryClient();
  const [latest, setLatest] = useState<JobRowFragment | null>(null);
  const current = latest?.id === job.id && isOpen(job) ? latest : job;
  useApiSubscription(JobProgressDocument, isOpen(job) ? { id: job.id } : null, {
    next: ({ jobProgress }) => setLatest(jobProgress),
    error: () => undefined, // the list is read again, and says what happened
    complete: () => void queryClient.invalidateQueries(),
  });
  return current;
}
