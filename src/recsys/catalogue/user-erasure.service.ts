/** @file Forgets a user: what the law calls erasure. */
import type { ErasureRepository } from "../../db/erasure.repository.js";

interface Dependencies {
  erasure: Pick<ErasureRepository, "deleteUser" | "unused">;
  blobs: { remove(hash: string): Promise<void> };
  /** Stops jobs that are gone, where this process runs them. */
  stopJobs: (jobIds: readonly string[]) => void;
  /** Drops what this process remembers of the user. */
  forget: (userId: string) => void;
}

export interface ErasureOutcome {
  /** False if there was no such user. */
  existed: boolean;
  interactions: number;
  images: number;
}

export class UserErasureService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Deletes the user with their interactions, jobs, personalised images and those of the files that nothing else uses. A
   * second call finds nothing and is no fault.
   */
  async deleteUser(userId: string): Promise<ErasureOutcome> {
    const { erasure, blobs, forget, stopJobs } = this.deps;
    const { ids, jobIds, hashes, ...numbers } = await erasure.deleteUser(userId);
    stopJobs(jobIds);
    for (const hash of await erasure.unused(hashes)) {
      await blobs.remove(hash);
    }
    forget(userId);
    const { numInteractions: interactions, numImages: images } = numbers;
    return { existed: ids.length > 0, interactions, images };
  }
}
