/**
 * @file Answers "this item's picture, for this shopper": at once when it was made before, else as a job.
 */
import { JobPriority } from "../../db/jobs.repository.js";
import type { ItemRow, JobRow, JobState, PersonalizedImageRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import { type GenerationOptions, generationOptions } from "./generation-options.js";
import { type GenerationPlanner, type OriginalReason } from "./generation-plan.js";

/** Longest time a request may wait for its picture, in milliseconds. */
export const MAX_WAIT_MS = 60_000;

/** The knobs of a request; what is left out or null takes its default. */
export interface PersonalizeOptions {
  /** How long to wait for a picture before the job is returned, in milliseconds, 0..60,000. Default 0. */
  waitMs?: number | null;
  seed?: number | null;
  strength?: number | null;
  guidanceScale?: number | null;
  numSteps?: number | null;
  numCandidates?: number | null;
}

/** Where a request comes from. */
export interface RequestOrigin {
  /** Whether it is one of many that nobody waits for; they are made when no live one waits. Default: false. */
  isBatch?: boolean;
}

export type PersonalizeOutcome =
  | { kind: "picture"; image: PersonalizedImageRow; cached: boolean }
  | { kind: "running"; job: JobRow }
  | { kind: "original"; item: ItemRow; reason: OriginalReason };

/** What a `PERSONALIZE_IMAGE` job is told to do. */
export interface PersonalizeImagePayload {
  userId: string;
  itemId: string;
  options: GenerationOptions;
}

/** What came of a `PERSONALIZE_IMAGE` job: a picture, or the reason there is none. */
export type PersonalizeImageResult = { imageId: string } | { originalReason: OriginalReason };

/** Why there is no picture when a job ended without a result. */
export const unfinishedReasons = {
  FAILED: "GENERATION_FAILED",
  CANCELLED: "CANCELLED",
} as const satisfies Partial<Record<JobState, OriginalReason>>;

interface Dependencies {
  planner: Pick<GenerationPlanner, "plan">;
  items: { findById(id: string): Promise<ItemRow | null> };
  images: {
    findById(id: string): Promise<PersonalizedImageRow | null>;
    findByRequestKey(requestKey: string): Promise<PersonalizedImageRow | null>;
  };
  jobs: {
    request(
      kind: "PERSONALIZE_IMAGE",
      payload: PersonalizeImagePayload,
      about: { dedupeKey: string; userId: string; itemId: string; priority: number },
    ): Promise<JobRow>;
    waitFor(jobId: string, waitMs: number): Promise<JobRow>;
    /** The newest job with this key that ended well. */
    findSucceeded(dedupeKey: string): Promise<JobRow | null>;
  };
  /** What is not asked for. */
  defaults: GenerationOptions;
}

export class PersonalizationService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * The picture of an item for a user, a job that is making it, or the catalogue picture with a reason. The same
   * request twice is one generation, however many ask at once.
   *
   * @throws AppError `ITEM_NOT_FOUND`, `INVALID_ARGUMENT`
   */
  async request(
    userId: string,
    itemId: string,
    { waitMs, ...given }: PersonalizeOptions = {},
    { isBatch = false }: RequestOrigin = {},
  ): Promise<PersonalizeOutcome> {
    const { defaults, planner, images, jobs } = this.deps;
    const options = generationOptions(given, defaults);
    const plan = await planner.plan(userId, itemId, options);
    if (typeof plan === "string") {
      return this.original(itemId, plan);
    }
    const image = await images.findByRequestKey(plan.requestKey);
    if (image) {
      return image.isServed
        ? { kind: "picture", image, cached: true }
        : this.original(itemId, "RANKED_LOWER");
    }
    const refused = await jobs.findSucceeded(plan.requestKey);
    if (refused) {
      const outcome = await this.outcomeOf(refused, itemId);
      if (outcome) {
        return outcome;
      }
    }
    const priority = isBatch ? JobPriority.BATCH : JobPriority.LIVE;
    const about = { dedupeKey: plan.requestKey, userId, itemId, priority };
    let job = await jobs.request("PERSONALIZE_IMAGE", { userId, itemId, options }, about);
    const wait = Math.min(Math.max(waitMs ?? 0, 0), MAX_WAIT_MS);
    if (wait > 0) {
      job = await jobs.waitFor(job.id, wait);
    }
    return (await this.outcomeOf(job, itemId)) ?? { kind: "running", job };
  }

  private async outcomeOf(job: JobRow, itemId: string): Promise<PersonalizeOutcome | null> {
    if (job.state === "FAILED" || job.state === "CANCELLED") {
      return this.original(itemId, unfinishedReasons[job.state]);
    }
    if (job.state !== "SUCCEEDED") {
      return null;
    }
    const result = job.result as unknown as PersonalizeImageResult;
    if ("originalReason" in result) {
      return this.original(itemId, result.originalReason);
    }
    const image = await this.deps.images.findById(result.imageId);
    return image && { kind: "picture", image, cached: false };
  }

  private async original(itemId: string, reason: OriginalReason): Promise<PersonalizeOutcome> {
    const item = await this.deps.items.findById(itemId);
    if (!item) {
      throw new AppError("ITEM_NOT_FOUND", { itemId });
    }
    return { kind: "original", item, reason };
  }
}
