/**
 * @file Makes a study: draws the images of each method for each pair, and stores all of it at once. A stopped run leaves nothing
 * but kept drawings, which the next run finds.
 */
import type { StoredBlob } from "../../db/blob-rows.js";
import type { NewStudyPair, StudiesRepository } from "../../db/studies.repository.js";
import { AppError } from "../../errors/app-error.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type { WorkHooks } from "../../ml/progress.js";
import { type AttentionChecks } from "./attention-checks.js";
import type { PairImages, PlannedPair } from "./pair-images.js";
import { sampledPairs } from "./sampled-pairs.js";
import { promptMethods } from "./study-methods.js";
import type { StudyPairRequest, StudyRequest } from "./study-request.js";

/** Images of the user's history beside each pair, as in the paper. */
export const NUM_HISTORY = 5;

interface Dependencies {
  studies: Pick<
    StudiesRepository,
    "findById" | "findShowableItemIds" | "findSimulatedUserIds" | "hasChosen" | "insert"
  >;
  users: { findById(id: string): Promise<{ isSimulated: boolean } | null> };
  images: Pick<PairImages, "activeMethodId" | "draw" | "generator" | "plan" | "readsPrompts">;
  checks: Pick<AttentionChecks, "of">;
}

export class StudyCreationService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * @returns the id of the study; of one that was stored before under this id, too.
   * @throws AppError `STUDY_PAIR_UNUSABLE`, `USER_NOT_FOUND`, `ITEM_NOT_FOUND`, `INVALID_ARGUMENT`, and as the generator
   */
  async create(
    request: StudyRequest,
    { onProgress, signal }: WorkHooks = {},
  ): Promise<{ studyId: string }> {
    const { images, studies } = this.deps;
    const { maxParticipants, methods, numChecks, seed, studyId, title } = request;
    if (await studies.findById(studyId)) {
      return { studyId };
    }
    this.assertDrawable(request);
    const planned = request.pairs
      ? await this.plansOf(request.pairs, seed)
      : await this.sample(request);
    const pairs: NewStudyPair[] = [];
    const blobs: StoredBlob[] = [];
    for (const plan of planned) {
      signal?.throwIfAborted();
      const stage = `images of pair ${pairs.length + 1} of ${planned.length}`;
      onProgress?.({ fraction: pairs.length / planned.length, stage });
      const drawn = await images.draw(plan, methods, signal);
      blobs.push(...drawn.blobs);
      pairs.push({
        userId: plan.userId,
        itemId: plan.itemId,
        hasConsent: plan.hasConsent,
        isCheck: false,
        images: [...plan.shown, ...drawn.candidates],
      });
    }
    const checks = await this.deps.checks.of(pairs, { numChecks, seed });
    const missing = await studies.insert({
      id: studyId,
      title,
      seed,
      methods: [...methods],
      generator: images.generator,
      method: await images.activeMethodId(),
      maxParticipants,
      pairs: [...pairs, ...checks],
      blobs,
    });
    if (missing) {
      throw unusable(missing, "it was deleted while the study was made");
    }
    return { studyId };
  }

  private assertDrawable({ methods }: StudyRequest): void {
    const prompted = methods.filter(method => promptMethods.has(method));
    if (prompted.length > 0 && !this.deps.images.readsPrompts) {
      const problem = `must not have ${prompted.join(", ")}: the generator ${this.deps.images.generator} reads no prompts`;
      throw new AppError("INVALID_ARGUMENT", { argument: "methods", problem });
    }
  }

  /** Every pair is checked before the first image is drawn. */
  private async plansOf(pairs: readonly StudyPairRequest[], seed: number): Promise<PlannedPair[]> {
    const plans: PlannedPair[] = [];
    for (const pair of pairs) {
      const { consent, itemId, userId } = pair;
      const user = await this.deps.users.findById(userId);
      if (!user) {
        throw new AppError("USER_NOT_FOUND", { userId });
      }
      if (!user.isSimulated && !consent) {
        throw unusable(pair, "the user is a real one, and the pair does not say that they agreed");
      }
      const { plan, reason } = await this.deps.images.plan({ ...pair, seed }, NUM_HISTORY);
      if (!plan) {
        throw unusable({ userId, itemId }, reason);
      }
      plans.push({ ...plan, hasConsent: !user.isSimulated });
    }
    return plans;
  }

  /** Simulated users in random order, each with the first of some random items that can be shown. */
  private async sample({ numPairs, seed }: StudyRequest): Promise<PlannedPair[]> {
    const { images, studies } = this.deps;
    const plans = await sampledPairs({
      userIds: await studies.findSimulatedUserIds(),
      itemIds: await studies.findShowableItemIds(),
      numPairs,
      random: new Random(seedFrom("study pairs", seed)),
      planOf: async (userId, itemId) =>
        (await studies.hasChosen(userId, itemId))
          ? null
          : (await images.plan({ userId, itemId, seed }, NUM_HISTORY)).plan,
    });
    if (plans.length < numPairs) {
      const problem = `must be at most ${plans.length}: no more simulated users have ${NUM_HISTORY} items with images; name the pairs`;
      throw new AppError("INVALID_ARGUMENT", { argument: "numPairs", problem });
    }
    return plans;
  }
}

function unusable(
  { itemId, userId }: { userId: string; itemId: string },
  reason: string,
): AppError {
  return new AppError("STUDY_PAIR_UNUSABLE", { userId, itemId, reason });
}
