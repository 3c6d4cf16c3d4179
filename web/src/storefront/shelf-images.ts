/** @file The images of a shelf: asked for together, then each followed until it is ready. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type ImageProgressSubscription,
  ImageProgressDocument,
  type PictureFragment,
  ShelfImagesDocument,
  type ShelfImagesMutation,
} from "../api/storefront-shop";
import type { ApiError } from "../shared/api-error";
import { useApi, useApiSubscription } from "../shared/api-hooks";

export type ShelfEntry = ShelfImagesMutation["personalizeImages"][number];
export type ShelfResult = NonNullable<ShelfEntry["result"]>;
type Job = ImageProgressSubscription["jobProgress"];

export interface ShelfImages {
  entries: readonly ShelfEntry[];
  error: Error | null;
  retry: () => void;
  /** Keeps what a job came to. */
  settle: (itemId: string, result: ShelfResult) => void;
}

/** The key under which all shelves' images of a user are kept. */
export const imagesKey = "images";

export function useShelfImages(userId: string, itemIds: readonly string[]): ShelfImages {
  const api = useApi();
  const queryClient = useQueryClient();
  const queryKey = [api.name, imagesKey, ...itemIds];
  const { data, error, refetch } = useQuery({
    queryKey,
    // The same request never draws twice, so it may be repeated like a query.
    queryFn: ({ signal }) =>
      api.request(ShelfImagesDocument, { userId, itemIds: [...itemIds] }, signal),
    enabled: itemIds.length > 0,
  });
  return {
    entries: data?.personalizeImages ?? [],
    error,
    retry: () => void refetch(),
    settle: (itemId, result) => {
      queryClient.setQueryData<ShelfImagesMutation>(
        queryKey,
        old =>
          old && {
            personalizeImages: old.personalizeImages.map(entry =>
              entry.itemId === itemId ? { ...entry, result } : entry,
            ),
          },
      );
    },
  };
}

/** Follows the job of an entry while there is one. @returns the job's last state */
export function useJobOf(
  entry: ShelfEntry | undefined,
  onOutcome: ShelfImages["settle"],
): Job | null {
  const jobId = entry?.result?.__typename === "JobRunning" ? entry.result.job.id : null;
  const [job, setJob] = useState<Job | null>(null);
  useApiSubscription(ImageProgressDocument, jobId === null ? null : { id: jobId }, {
    next: ({ jobProgress }) => {
      setJob(jobProgress);
      if (entry && jobProgress.outcome && jobProgress.outcome.__typename !== "JobRunning") {
        onOutcome(entry.itemId, jobProgress.outcome);
      }
    },
    error: ({ message }: ApiError) => {
      if (entry) {
        const failed = { reason: "GENERATION_FAILED", message, faults: [] } as const;
        onOutcome(entry.itemId, { __typename: "OriginalImage", ...failed, faults: [] });
      }
    },
  });
  return job?.id === jobId ? job : null;
}

/** The image that an entry brought; a new one takes the old one's place only when it is there. */
export function usePictureOf(entry: ShelfEntry | undefined): PictureFragment | null {
  const [picture, setPicture] = useState<PictureFragment | null>(null);
  const result = entry?.result;
  let now = picture;
  if (result?.__typename === "PersonalizedImagePayload") {
    now = result.image;
  } else if (result?.__typename === "OriginalImage") {
    now = null;
  }
  if (now !== picture) {
    setPicture(now);
  }
  return now;
}
