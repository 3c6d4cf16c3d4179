/**
 * @file Answers "this item's picture, for this shopper": at once when it was made before, else as a job. A whole shelf of items
 * takes as many statements as one.
 */
import { z } from "zod";
import { JobPriority, type NewJob } from "../../db/jobs.repository.js";
import type { StampedImage } from "../../db/personalized-images.repository.js";
import type { ItemRow, JobRow, JobState, PersonalizedImageRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import type { Waiting } from "../jobs/waiting-places.js";
import type { FidelityPolicy } from "./fidelity-policy.js";
import type { Grant, Payer } from "./generation-budget.js";
import {
  type GenerationOptions,
  generationOptions,
  generationOptionsSchema,
  type VariantMode,
} from "./generation-options.js";
import {
  type GenerationPlan,
  type GenerationPlanner,
  type OriginalReason,
} from "./generation-plan.js";
import { StoredImages, type WantedImage } from "./stored-images.js";

/** Longest time a request may wait for its picture, in milliseconds. */
export const MAX_WAIT_MS = 60_000;

/** The knobs of a request; what is left out or null takes its default. */
export interface GenerationKnobs {
  seed?: number | null;
  strength?: number | null;
  guidanceScale?: number | null;
  numSteps?: number | null;
  numCandidates?: number | null;
  /** Which images may answer. Default: the variants' first, else generated ones. */
  variants?: VariantMode | null;
  /** How true the image must be to the catalogue image. */
  fidelity?: FidelityPolicy | null;
}

export interface PersonalizeOptions extends GenerationKnobs {
  /** How long to wait for a picture before the job is returned, in milliseconds, 0..60,000. Default 0. */
  waitMs?: number | null;
}

/** Where a request comes from. */
export interface RequestOrigin {
  /** The API key that asks; null for a shopper's own token, and for this process. Default: null. */
  keyId?: string | null;
  /** Whether it is one of many that nobody waits for; they are made when no live one waits. Default: false. */
  isBatch?: boolean;
  /** Who waits, if anybody does. Default: this process. */
  waiting?: Waiting;
  /** Raised when the one who waits has left. Default: never. */
  signal?: AbortSignal;
}

export type PersonalizeOutcome =
  | { kind: "image"; image: PersonalizedImageRow; cached: boolean }
  | { kind: "running"; job: JobRow }
  /** `retryAt`: when it may be asked for again, where the reason passes by itself. `faults`: what was wrong with the images. */
  | { kind: "original"; item: ItemRow; reason: OriginalReason; faults?: string[]; retryAt?: Date };

/** What a `PERSONALIZE_IMAGE` job makes. */
export const personalizeImagePayload = z.strictObject({
  userId: z.string().min(1),
  itemId: z.string().min(1),
  options: generationOptionsSchema,
});

export type PersonalizeImagePayload = z.infer<typeof personalizeImagePayload>;

/** What came of a `PERSONALIZE_IMAGE` job: a picture, or the reason there is none, and every fault of the images. */
export type PersonalizeImageResult =
  { imageId: string } | { originalReason: OriginalReason; faults?: string[] };

/** Why there is no picture when a job ended without a result. */
export const unfinishedReasons = {
  FAILED: "GENERATION_FAILED",
  CANCELLED: "CANCELLED",
} as const satisfies Partial<Record<JobState, OriginalReason>>;

interface Dependencies {
  planner: Pick<GenerationPlanner, "planMany">;
  items: {
    /** In the order of `ids`; null for one that is not there. */
    findByIds(ids: readonly string[]): Promise<(ItemRow | null)[]>;
  };
  images: {
    findByIds(ids: readonly string[]): Promise<PersonalizedImageRow[]>;
    findStamped(requestKeys: readonly string[]): Promise<StampedImage[]>;
  };
  jobs: {
    requestMany(jobs: readonly NewJob[]): Promise<{ job: JobRow; isNew: boolean }[]>;
    waitFor(
      jobId: string,
      waitMs: number,
      options: { signal?: AbortSignal; waiting?: Waiting },
    ): Promise<JobRow>;
    /** Of each key the job that has not ended, else the newest that ended well. */
    findCurrent(dedupeKeys: readonly string[]): Promise<JobRow[]>;
  };
  /** Default: no variant is tried. */
  variants?: { choose(plans: readonly GenerationPlan[]): Promise<PersonalizedImageRow[]> };
  budget: { take(payer: Payer, cost: number, count: number): Promise<Grant> };
  /** U-Net evaluations of one generation. @throws AppError `INVALID_ARGUMENT` when the pack cannot draw so */
  evaluationsOf: (options: GenerationOptions) => number;
  /** What is not asked for. */
  defaults: GenerationOptions;
}

/** An outcome whose item is not read yet. */
type Answer =
  | Exclude<PersonalizeOutcome, { kind: "original" }>
  | { kind: "original"; reason: OriginalReason; faults?: string[]; retryAt?: Date };

/** What is known of the keys of plans. */
type Answers = Map<string, Answer>;

export class PersonalizationService {
  private readonly storedImages: StoredImages;

  constructor(private readonly deps: Dependencies) {
    this.storedImages = new StoredImages(deps.images);
  }

  /**
   * The picture of an item for a user, a job that is making it, or the catalogue picture with a reason. The same
   * request twice is one generation, however many ask at once.
   *
   * @throws AppError `ITEM_NOT_FOUND`, `INVALID_ARGUMENT`
   */
  async request(
    userId: string,
    itemId: string,
    { waitMs, ...knobs }: PersonalizeOptions = {},
    origin: RequestOrigin = {},
  ): Promise<PersonalizeOutcome> {
    const [outcome] = await this.requestMany(userId, [itemId], knobs, origin);
    if (outcome instanceof AppError) {
      throw outcome;
    }
    const wait = Math.min(Math.max(waitMs ?? 0, 0), MAX_WAIT_MS);
    if (outcome.kind !== "running" || wait === 0) {
      return outcome;
    }
    const job = await this.deps.jobs.waitFor(outcome.job.id, wait, origin);
    const answer = (await this.answersOf([job])).get(job.id) ?? { kind: "running", job };
    const [waited] = await this.withItems([itemId], [answer]);
    if (waited instanceof AppError) {
      throw waited;
    }
    return waited;
  }

  /**
   * {@link request} for many items of one user, in as many statements as for one, and without waiting. In the order of
   * `itemIds`; what is wrong with one item is its own answer.
   *
   * @throws AppError `INVALID_ARGUMENT`
   */
  async requestMany(
    userId: string,
    itemIds: readonly string[],
    knobs: GenerationKnobs = {},
    { isBatch = false, keyId = null }: RequestOrigin = {},
  ): Promise<(PersonalizeOutcome | AppError)[]> {
    const options = this.optionsOf(knobs);
    const plans = await this.deps.planner.planMany(userId, itemIds, options);
    const drawable = plans.filter(plan => plan !== null && typeof plan !== "string");
    const byKey = new Map(drawable.map(plan => [plan.requestKey, plan]));
    const answers = await this.stored([...byKey.values()]);
    const waiting = await this.addCurrent(answers, missing(byKey, answers));
    const open = missing(byKey, answers).filter(({ requestKey }) => !waiting.has(requestKey));
    const toMake = await this.addVariants(answers, open);
    const payer = { userId, keyId, isBatch };
    const asked = [...waiting].map(key => byKey.get(key)!); // keys of plans
    for (const [key, answer] of await this.queued(asked, toMake, payer)) {
      answers.set(key, answer);
    }
    return this.withItems(
      itemIds,
      plans.map(
        (plan): Answer | null =>
          plan === null || typeof plan === "string"
            ? plan && { kind: "original", reason: plan }
            : answers.get(plan.requestKey)!, // every plan has an answer by now
      ),
    );
  }

  /**
   * Pictures that are stored and shown, made with the default options; null for an item without one. Nothing is begun, and
   * nothing stored. In the order of `itemIds`.
   */
  async findStored(
    userId: string,
    itemIds: readonly string[],
  ): Promise<(PersonalizedImageRow | null)[]> {
    const { planner, defaults } = this.deps;
    const plans = await planner.planMany(userId, itemIds, defaults);
    const drawable = plans.filter(plan => plan !== null && typeof plan !== "string");
    const byKey = new Map(drawable.map(plan => [plan.requestKey, plan]));
    const answers = await this.stored([...byKey.values()]);
    return plans.map(plan => {
      const answer = plan && typeof plan !== "string" ? answers.get(plan.requestKey) : null;
      return answer?.kind === "image" ? answer.image : null;
    });
  }

  private optionsOf(knobs: GenerationKnobs): GenerationOptions {
    const options = generationOptions(knobs, this.deps.defaults);
    if (Object.values(knobs).some(value => value !== undefined && value !== null)) {
      this.deps.evaluationsOf(options); // refuses what the pack cannot draw
    }
    return options;
  }

  /** @param wanted each key once */
  private async stored(wanted: readonly WantedImage[]): Promise<Answers> {
    const images = await this.storedImages.find(wanted);
    return new Map(
      images.map((image): [string, Answer] => [
        image.requestKey,
        image.isServed
          ? { kind: "image", image, cached: true }
          : { kind: "original", reason: "RANKED_LOWER" },
      ]),
    );
  }

  /** Adds what earlier jobs of these plans came to. @returns the keys of those whose job has not ended. */
  private async addCurrent(
    answers: Answers,
    plans: readonly GenerationPlan[],
  ): Promise<Set<string>> {
    const keys = plans.map(({ requestKey }) => requestKey);
    const jobs = keys.length > 0 ? await this.deps.jobs.findCurrent(keys) : [];
    const ended = await this.answersOf(jobs);
    const waiting = new Set<string>();
    for (const { id, dedupeKey, state } of jobs) {
      const answer = ended.get(id);
      if (answer) {
        answers.set(dedupeKey!, answer); // it was found by it
      } else if (state !== "SUCCEEDED") {
        waiting.add(dedupeKey!);
      } // else its picture is gone or rejected, and another is made
    }
    return waiting;
  }

  /** Answers with the variants that the user prefers. @returns the plans whose images are to be generated. */
  private async addVariants(
    answers: Answers,
    plans: readonly GenerationPlan[],
  ): Promise<GenerationPlan[]> {
    const chosen = (await this.deps.variants?.choose(plans)) ?? [];
    for (const image of chosen) {
      answers.set(image.requestKey, { kind: "image", image, cached: false });
    }
    const others = plans.filter(({ requestKey }) => !answers.has(requestKey));
    return others.filter(({ options, requestKey }) => {
      const isOver = options.variants === "ONLY";
      if (isOver) {
        answers.set(requestKey, { kind: "original", reason: "NO_BETTER_VARIANT" });
      }
      return !isOver;
    });
  }

  /** What jobs came to that have ended, by their ids. */
  private async answersOf(jobs: readonly JobRow[]): Promise<Answers> {
    const answers: Answers = new Map();
    const imageIds = new Map<string, string>();
    for (const { id, state, result: stored } of jobs) {
      const result = stored as unknown as PersonalizeImageResult;
      if (state === "FAILED" || state === "CANCELLED") {
        answers.set(id, { kind: "original", reason: unfinishedReasons[state] });
      } else if (state === "SUCCEEDED" && "originalReason" in result) {
        const { faults, originalReason: reason } = result;
        answers.set(id, { kind: "original", reason, faults });
      } else if (state === "SUCCEEDED") {
        imageIds.set(id, (result as { imageId: string }).imageId);
      }
    }
    const images =
      imageIds.size > 0 ? await this.deps.images.findByIds([...imageIds.values()]) : [];
    for (const [jobId, imageId] of imageIds) {
      const image = images.find(({ id }) => id === imageId);
      if (image?.isServed) {
        answers.set(jobId, { kind: "image", image, cached: false }); // else it was rejected since
      }
    }
    return answers;
  }

  /**
   * Queues what the budget allows, and asks again for what waits, so that a live request makes a batch's job a live one.
   *
   * @param waiting plans whose jobs have not ended; these cost nothing.
   */
  private async queued(
    waiting: readonly GenerationPlan[],
    toMake: readonly GenerationPlan[],
    payer: Payer,
  ): Promise<Answers> {
    const { budget, evaluationsOf, jobs } = this.deps;
    const answers: Answers = new Map();
    const [first] = toMake; // all have the same options
    const grant = first
      ? await budget.take(payer, evaluationsOf(first.options), toMake.length)
      : null;
    const granted = toMake.slice(0, grant?.numGranted ?? 0);
    for (const { requestKey } of toMake.slice(granted.length)) {
      answers.set(requestKey, { kind: "original", reason: "BUSY", retryAt: grant?.retryAt });
    }
    const plans = [...waiting, ...granted];
    if (plans.length === 0) {
      return answers;
    }
    const priority = payer.isBatch ? JobPriority.BATCH : JobPriority.LIVE;
    const wanted = plans.map(({ userId, itemId, options, requestKey }): NewJob => ({
      kind: "PERSONALIZE_IMAGE",
      payload: { userId, itemId, options } satisfies PersonalizeImagePayload,
      dedupeKey: requestKey,
      userId,
      itemId,
      priority,
    }));
    const made = await jobs.requestMany(wanted).catch(async (error: unknown) => {
      await grant?.giveBack(granted.length);
      throw error;
    });
    const numNew = made.filter(({ isNew }) => isNew).length;
    await grant?.giveBack(Math.max(0, granted.length - numNew)); // another request has queued them
    plans.forEach(({ requestKey }, place) => {
      answers.set(requestKey, { kind: "running", job: made[place].job });
    });
    return answers;
  }

  /** Adds the items of originals. @param answers null for an item that is not there */
  private async withItems(
    itemIds: readonly string[],
    answers: readonly (Answer | null)[],
  ): Promise<(PersonalizeOutcome | AppError)[]> {
    const wanted = itemIds.filter((_, place) => answers[place]?.kind === "original");
    const rows = wanted.length > 0 ? await this.deps.items.findByIds([...new Set(wanted)]) : [];
    const items = new Map(rows.flatMap(item => (item ? [[item.id, item]] : [])));
    return answers.map((answer, place) => {
      if (answer && answer.kind !== "original") {
        return answer;
      }
      const itemId = itemIds[place];
      const item = items.get(itemId);
      return answer && item ? { ...answer, item } : new AppError("ITEM_NOT_FOUND", { itemId });
    });
  }
}

function missing(plans: ReadonlyMap<string, GenerationPlan>, answers: Answers): GenerationPlan[] {
  return [...plans.values()].filter(({ requestKey }) => !answers.has(requestKey));
}
