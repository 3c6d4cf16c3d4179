/** @file Erases a user, as privacy law requires. */
import type { ErasureRepository } from "../../db/erasure.repository.js";

interface Dependencies {
  erasure: Pick<ErasureRepository, "deleteUser" | "findUnused">;
  blobs: { remove(hash: string): Promise<void> };
  /** Stops deleted jobs that run in this process. */
  stopJobs: (jobIds: readonly string[]) => void;
  rerankedLists: { erase(userId: string): Promise<void> };
  /** Drops this process's caches of the user. */
  forget: (userId: string) => void;
}

export interface ErasureOutcome {
  /** False if the user did not exist. */
  existed: boolean;
  interactions: number;
  images: number;
}

export class UserErasureService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Deletes the user with their interactions, jobs, personalized images and the files that nothing else uses. A second
   * call is not an error.
   */
  async deleteUser(userId: string): Promise<ErasureOutcome> {
    const { erasure, blobs, forget, rerankedLists, stopJobs } = this.deps;
    const { ids, jobIds, hashes, ...numbers } = await erasure.deleteUser(userId);
    stopJobs(jobIds);
    for (const hash of await erasure.findUnused(hashes)) {
      await blobs.remove(hash);
    }
    await rerankedLists.erase(userId);
    forget(userId);
    const { numInteractions: interactions, numImages: images } = numbers;
    return { existed: ids.length > 0, interactions, images };
  }
}
