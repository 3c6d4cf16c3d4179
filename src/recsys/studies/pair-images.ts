/** @file The images that each method gives one pair of a user and an item. */
import type { StoredBlob } from "../../db/blob-rows.js";
import type { NewStudyImage } from "../../db/studies.repository.js";
import { AppError } from "../../errors/app-error.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import {
  type Candidate,
  selectCandidate,
  type ServingRules,
} from "../images/candidate-selection.js";
import { sourceTypeOf } from "../images/disclosure.js";
import { drawingKnobs, type GenerationOptions } from "../images/generation-options.js";
import type { GenerationPlan, GenerationPlanner } from "../images/generation-plan.js";
import type { ImageFiles } from "../images/image-files.js";
import { type CandidateRequest, type ImagePath, makeCandidates } from "../images/image-path.js";
import {
  keywordOnlyMethod,
  type PersonalizationMethod,
  plainMethod,
  retrievalOnlyMethod,
} from "../images/personalization-method.js";
import type { StudyMethod } from "./study-methods.js";

interface Dependencies {
  planner: Pick<GenerationPlanner, "plan">;
  methods: { active(): Promise<PersonalizationMethod> };
  path: ImagePath;
  imageFiles: Pick<ImageFiles, "store">;
  rules: ServingRules;
  defaults: GenerationOptions;
  /** Content hashes of the catalogue images of those items that have one. */
  imageHashesOf: (itemIds: readonly string[]) => Promise<ReadonlyMap<string, string>>;
  /** Whether the generator reads prompts. */
  readsPrompts: boolean;
}

/** A pair that can be shown, before its images are drawn. */
export interface PlannedPair {
  userId: string;
  itemId: string;
  hasConsent: boolean;
  plan: GenerationPlan;
  /** History and reference. */
  shown: readonly NewStudyImage[];
}

const promptedBy: Partial<Record<StudyMethod, PersonalizationMethod>> = {
  KEYWORDS: keywordOnlyMethod,
  RETRIEVAL: retrievalOnlyMethod,
  PLAIN: plainMethod,
};

export class PairImages {
  constructor(private readonly deps: Dependencies) {}

  get generator(): string {
    return this.deps.path.generator.version;
  }

  get readsPrompts(): boolean {
    return this.deps.readsPrompts;
  }

  async activeMethodId(): Promise<string> {
    return (await this.deps.methods.active()).id;
  }

  /**
   * The newest `numHistory` items of the user's history that have images, and what drawing needs; or why the pair cannot be
   * shown.
   *
   * @throws AppError `ITEM_NOT_FOUND`
   */
  async plan(
    { itemId, seed, userId }: { userId: string; itemId: string; seed: number },
    numHistory: number,
  ): Promise<{ plan: PlannedPair; reason: "" } | { plan: null; reason: string }> {
    const { defaults, imageHashesOf, planner } = this.deps;
    const plan = await planner.plan(userId, itemId, { ...defaults, seed, variants: "OFF" });
    if (typeof plan === "string") {
      return { plan: null, reason: `no image can be made (${plan})` };
    }
    const newest = plan.retrieval.historyItemIds.toReversed();
    const hashes = await imageHashesOf(newest);
    const history = newest.flatMap(id => hashes.get(id) ?? []).slice(0, numHistory);
    if (history.length < numHistory) {
      const reason = `the history has ${history.length} items with images; ${numHistory} are needed`;
      return { plan: null, reason };
    }
    const shown = [
      ...history.map(hash => imageOf("HISTORY", hash)),
      imageOf("REFERENCE", plan.sourceBlobHash),
    ];
    return { plan: { userId, itemId, hasConsent: false, plan, shown }, reason: "" };
  }

  /**
   * The images to be sorted; methods that give the same file share one.
   *
   * @throws AppError `STUDY_PAIR_UNUSABLE` if all methods give the same image, or moderation refuses one; as the generator
   */
  async draw(
    pair: PlannedPair,
    methods: readonly StudyMethod[],
    signal?: AbortSignal,
  ): Promise<{ candidates: NewStudyImage[]; blobs: StoredBlob[] }> {
    const ofHash = new Map<string, StudyMethod[]>();
    const blobs: StoredBlob[] = [];
    const drawn = new DrawnOnce(this.deps, pair.plan, signal);
    for (const method of methods) {
      const candidate = await drawn.imageOf(method);
      const blob = candidate && (await this.store(pair, candidate));
      if (blob) {
        blobs.push(blob);
      }
      const hash = blob?.hash ?? pair.plan.sourceBlobHash;
      ofHash.set(hash, [...(ofHash.get(hash) ?? []), method]);
    }
    if (ofHash.size < 2) {
      const { itemId, userId } = pair;
      const reason = "all methods give the same image";
      throw new AppError("STUDY_PAIR_UNUSABLE", { userId, itemId, reason });
    }
    const candidates = [...ofHash].map(([hash, made]) => ({
      ...imageOf("CANDIDATE", hash),
      methods: made,
    }));
    return { candidates, blobs };
  }

  private async store(
    { itemId, userId }: PlannedPair,
    { check, image }: Pick<Candidate, "check" | "image">,
  ): Promise<StoredBlob> {
    const { imageFiles, rules } = this.deps;
    const [faults = []] = (await rules.moderation.faultsOf([image])) ?? [];
    if (faults.length > 0) {
      const reason = `an image may not be shown (${faults.join(", ")})`;
      throw new AppError("STUDY_PAIR_UNUSABLE", { userId, itemId, reason });
    }
    return imageFiles.store(image, sourceTypeOf(check));
  }
}

/** The images of one pair; candidates that two methods read are drawn once. */
class DrawnOnce {
  private ownCandidates: ReturnType<typeof makeCandidates> | null = null;

  constructor(
    private readonly deps: Pick<Dependencies, "path" | "rules">,
    private readonly plan: GenerationPlan,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Null for the catalogue image. */
  async imageOf(method: StudyMethod): Promise<Pick<Candidate, "check" | "image"> | null> {
    const { method: active, options, retrieval } = this.plan;
    switch (method) {
      case "ORIGINAL":
        return null;
      case "SERVED": {
        this.ownCandidates ??= this.candidates(active, options.numCandidates);
        const [candidates] = await this.ownCandidates;
        const {
          candidates: all,
          chosen,
          isServed,
        } = await selectCandidate(retrieval, candidates, this.deps.rules);
        return chosen !== null && isServed ? all[chosen] : null;
      }
      case "FIRST_CANDIDATE":
        this.ownCandidates ??= this.candidates(active, options.numCandidates);
        return firstOf(await this.ownCandidates);
      case "KEYWORDS":
      case "RETRIEVAL":
      case "PLAIN":
        return firstOf(await this.candidates(promptedBy[method]!, 1)); // the map has these three
    }
  }

  private candidates(method: PersonalizationMethod, numImages: number) {
    const { options, retrieval } = this.plan;
    const { fidelity = "AUTO" } = options;
    const request: CandidateRequest = {
      ...drawingKnobs(options),
      numImages,
      fidelity,
      context: retrieval,
    };
    return makeCandidates(this.deps.path, method, [request], { signal: this.signal });
  }
}

function firstOf([{ checks, images }]: Awaited<ReturnType<typeof makeCandidates>>) {
  const [image] = images as readonly (RgbImage | undefined)[];
  return image ? { image, check: checks?.[0] ?? null } : null;
}

function imageOf(role: NewStudyImage["role"], blobHash: string): NewStudyImage {
  return { role, blobHash, methods: [], isRight: false };
}
