/** @file Erases a user, as privacy law requires, and merges a guest with the user who logged in. */
import type { Erased, ErasureRepository } from "../../db/erasure.repository.js";
import { AppError } from "../../errors/app-error.js";
import { problemOfUserId } from "../interactions/user-id.js";

interface Dependencies {
  erasure: Pick<ErasureRepository, "deleteUser" | "findUnused" | "mergeUsers">;
  blobs: { remove(hash: string): Promise<void> };
  /** Stops deleted jobs that run in this process. */
  stopJobs: (jobIds: readonly string[]) => void;
  rerankedLists: { erase(userId: string): Promise<void> };
  /** Drops this process's caches of the user. */
  forget: (userId: string) => void;
  /** A user's interactions changed. */
  onChanged: (userIds: readonly string[]) => void;
}

export interface ErasureOutcome {
  /** False if the user did not exist. */
  existed: boolean;
  interactions: number;
  images: number;
}

export interface MergeOutcome {
  /** False if the user did not exist: nothing changed. */
  existed: boolean;
  /** Number of interactions that the other user got. */
  interactions: number;
}

export class UserErasureService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Deletes the user with their interactions, jobs, personalized images and the files that nothing else uses. A second
   * call is not an error.
   */
  async deleteUser(userId: string): Promise<ErasureOutcome> {
    const erased = await this.deps.erasure.deleteUser(userId);
    await this.forget(userId, erased);
    const { ids, numInteractions: interactions, numImages: images } = erased;
    return { existed: ids.length > 0, interactions, images };
  }

  /**
   * Gives the interactions of `from` to `into`, and erases `from`. A second call changes nothing.
   *
   * @throws AppError `INVALID_ARGUMENT` if they are the same, or `into` cannot be stored
   */
  async mergeUsers(from: string, into: string): Promise<MergeOutcome> {
    const problem = from === into ? "must differ from 'from'" : problemOfUserId(into);
    if (problem !== null) {
      throw new AppError("INVALID_ARGUMENT", { argument: "into", problem });
    }
    const erased = await this.deps.erasure.mergeUsers(from, into);
    await this.forget(from, erased);
    if (erased.numMoved > 0) {
      this.deps.onChanged([into]);
    }
    return { existed: erased.ids.length > 0, interactions: erased.numMoved };
  }

  /** Removes what of an erased user is outside of the database. */
  private async forget(userId: string, { hashes, jobIds }: Erased): Promise<void> {
    const { blobs, erasure, rerankedLists, stopJobs } = this.deps;
    stopJobs(jobIds);
    for (const hash of await erasure.findUnused(hashes)) {
      await blobs.remove(hash);
    }
    await rerankedLists.erase(userId);
    this.deps.forget(userId);
  }
}
