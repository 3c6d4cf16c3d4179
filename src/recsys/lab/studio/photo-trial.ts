/**
 * @file A trial of personalised photographs on simulated shoppers: what each pair of a shopper and a product is shown, how true
 * it is to the catalogue image, and how far the product climbs.
 *
 * Each pair has two arms with the same number of candidates and the same seed: the shopper's own setting, and one setting for
 * all, which the whole shop's choices give. The catalogue image (ORI) has ΔR 0.
 */
import pLimit from "p-limit";
import { getJson, putJson } from "../../../db/artefact-files.js";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { contentHash } from "../../../ml/content-hash.js";
import { type Fidelity, fidelityOf } from "../../../ml/metrics/fidelity.js";
import { seedFrom } from "../../../ml/nn/random.js";
import type { RgbImage } from "../../../ml/nn/rgb-image.js";
import type { WorkHooks } from "../../../ml/progress.js";
import type { SubjectMask } from "../../../ml/studio/subject-mask.js";
import {
  type Selection,
  selectCandidate,
  type ServingRules,
} from "../../images/candidate-selection.js";
import { drawingKnobs, type GenerationOptions } from "../../images/generation-options.js";
import type { GenerationPlan, GenerationPlanner } from "../../images/generation-plan.js";
import { type CandidateRequest, type ImagePath, makeCandidates } from "../../images/image-path.js";
import type { PersonalizationMethod } from "../../images/personalization-method.js";
import type { SubjectMasks } from "../../images/subject-masks.js";
import type { RetrievedItem } from "../../retrieval/retrieval-result.js";
import { maskOverlap, productOnWhite } from "./white-backdrop.js";

export interface TrialPair {
  userId: string;
  itemId: string;
  /** Where the photograph is from, such as `luma`. */
  shop: string;
}

/** What an arm does for a pair. */
export interface ArmOutcome {
  /** ΔR of the best candidate that passes the gates, whatever its rank; null where none does. */
  bestDeltaR: number | null;
  /** ΔR of what is shown: 0 for the catalogue image. */
  servedDeltaR: number;
  /** Why the catalogue image is shown; null where it is not. */
  reason: string | null;
  /** Every fault of a candidate or of the mask, once. */
  faults: readonly string[];
}

export interface PhotoOutcome extends TrialPair {
  rankBefore: number | null;
  own: ArmOutcome;
  oneForAll: ArmOutcome;
  /** Of the image shown, measured against the catalogue image inside the mask; null where that is shown. */
  fidelity: Fidelity | null;
  /** CIEDE2000, 95th percentile, of the product with its rim, where it is mixed with the backdrop; null as above. */
  rimColorP95: number | null;
  /** Whether the image shown has the catalogue image's width and height; null where that is shown. */
  isSameSize: boolean | null;
  /** Overlap of the mask with the truth of a white backdrop; null where there is none. */
  maskIou: number | null;
  maskFault: string | null;
  /** Of the mask, and of the candidates with their selection. */
  maskSeconds: number;
  imageSeconds: number;
}

export interface PhotoTrial {
  pairs: readonly TrialPair[];
  /** What "one setting for all" reads in place of a shopper's history. */
  population: readonly RetrievedItem[];
  options: GenerationOptions;
  /** Pairs at a time: more need more render threads. Seconds are then those of a busy machine. */
  atOnce: number;
}

export interface TrialParts {
  planner: Pick<GenerationPlanner, "plan">;
  path: ImagePath;
  rules: ServingRules;
  masks: Pick<SubjectMasks, "of" | "version">;
  store: ArtefactStore;
}

/** Pairs between two checkpoints. */
const CHECKPOINT_PAIRS = 8;
/** Increase when an outcome means something else. */
const OUTCOME_VERSION = 2;
/** Least alpha of the rim: pixels that show some of the product. */
const LEAST_RIM = 64;

/** An arm's outcome, and the image that it shows. */
interface ArmImage {
  outcome: ArmOutcome;
  shown: RgbImage | null;
}

const nothing: ArmOutcome = { bestDeltaR: null, servedDeltaR: 0, reason: null, faults: [] };

export interface TrialHooks extends WorkHooks {
  /** Awaited after each checkpoint, with all outcomes so far. */
  onOutcomes?: (outcomes: readonly PhotoOutcome[]) => Promise<void>;
}

/** The outcomes of all pairs, in order; a stopped trial resumes after its last checkpoint. */
export async function runPhotoTrial(
  parts: TrialParts,
  trial: PhotoTrial,
  { onOutcomes, onProgress, signal }: TrialHooks = {},
): Promise<PhotoOutcome[]> {
  const { masks, path, store } = parts;
  const { atOnce, options, pairs, population } = trial;
  const basis = [
    OUTCOME_VERSION,
    path.generator.version,
    masks.version,
    options,
    population,
    pairs,
  ];
  const key = `experiments/photographs/${contentHash(basis)}.json`;
  const outcomes = ((await getJson(store, key)) as PhotoOutcome[] | null) ?? [];
  while (outcomes.length < pairs.length) {
    signal?.throwIfAborted();
    const start = outcomes.length;
    const limit = pLimit(atOnce);
    const next = pairs.slice(start, start + CHECKPOINT_PAIRS);
    const made = next.map(pair => limit(() => outcomeOf(parts, trial, pair, signal)));
    outcomes.push(...(await Promise.all(made)));
    await putJson(store, key, outcomes);
    await onOutcomes?.(outcomes);
    const { length: done } = outcomes;
    onProgress?.({ fraction: done / pairs.length, stage: `${done} of ${pairs.length} pairs` });
  }
  return outcomes;
}

/**
 * The catalogue image of each pair, and the image that its shopper is shown, drawn again. Pairs without a plan are left out.
 */
export async function shownImages(
  parts: TrialParts,
  options: GenerationOptions,
  pairs: readonly TrialPair[],
  { onProgress, signal }: WorkHooks = {},
): Promise<{ original: RgbImage; shown: RgbImage }[]> {
  const images: { original: RgbImage; shown: RgbImage }[] = [];
  for (const [n, pair] of pairs.entries()) {
    signal?.throwIfAborted();
    const plan = await planOf(parts, options, pair);
    if (typeof plan !== "string") {
      const { image: original } = await parts.masks.of(plan.sourceBlobHash);
      const { shown } = await armImage(parts, plan, plan.method, signal);
      images.push({ original, shown: shown ?? original });
    }
    onProgress?.({ fraction: (n + 1) / pairs.length, stage: `${n + 1} of ${pairs.length}` });
  }
  return images;
}

function planOf(
  { planner }: TrialParts,
  options: GenerationOptions,
  { itemId, userId }: TrialPair,
): Promise<GenerationPlan | string> {
  const seed = seedFrom("photographs", options.seed, userId, itemId);
  return planner.plan(userId, itemId, { ...options, seed });
}

async function outcomeOf(
  parts: TrialParts,
  { options, population }: PhotoTrial,
  pair: TrialPair,
  signal: AbortSignal | undefined,
): Promise<PhotoOutcome> {
  const plan = await planOf(parts, options, pair);
  if (typeof plan === "string") {
    const refused = { ...nothing, reason: plan };
    const ofImage = { fidelity: null, rimColorP95: null, isSameSize: null };
    const unmeasured = { ...ofImage, maskIou: null, maskFault: null };
    const seconds = { maskSeconds: 0, imageSeconds: 0 };
    return {
      ...pair,
      rankBefore: null,
      own: refused,
      oneForAll: refused,
      ...unmeasured,
      ...seconds,
    };
  }
  const startMs = performance.now();
  const { image: original, mask } = await parts.masks.of(plan.sourceBlobHash);
  const maskedMs = performance.now();
  const own = await armImage(parts, plan, plan.method, signal);
  const imageSeconds = (performance.now() - maskedMs) / 1_000;
  const oneForAll = await armImage(parts, plan, withHistory(plan.method, population), signal);
  const truth = productOnWhite(original);
  const { shown } = own;
  return {
    ...pair,
    rankBefore: own.rankBefore,
    own: own.outcome,
    oneForAll: oneForAll.outcome,
    fidelity: shown && fidelityOf(original, shown, mask),
    rimColorP95: shown && fidelityOf(original, shown, withRim(mask)).colorP95,
    isSameSize: shown === null ? null : isOfSize(shown, original),
    maskIou: truth && mask.fault === null ? maskOverlap(mask.alpha, truth) : null,
    maskFault: mask.fault,
    maskSeconds: (maskedMs - startMs) / 1_000,
    imageSeconds,
  };
}

const isOfSize = (image: RgbImage, other: RgbImage) =>
  image.widthPixels === other.widthPixels && image.heightPixels === other.heightPixels;

/** The serving path: candidates, gates, and the choice. */
async function armImage(
  { path, rules }: TrialParts,
  { options, retrieval }: GenerationPlan,
  method: PersonalizationMethod,
  signal: AbortSignal | undefined,
): Promise<ArmImage & { rankBefore: number | null }> {
  const { fidelity = "AUTO" } = options;
  const request: CandidateRequest = { ...drawingKnobs(options), fidelity, context: retrieval };
  const [candidates] = await makeCandidates(path, method, [request], { signal, cache: false });
  const selection = await selectCandidate(retrieval, candidates, rules);
  const { chosen, isServed, whatIf } = selection;
  const rankBefore = whatIf?.rankBefore ?? null;
  const faults = faultsOf(selection, candidates.originalDetail ?? []);
  const bestDeltaR = chosen === null ? null : (whatIf?.candidates[chosen].deltaR ?? 0);
  if (chosen === null || !isServed) {
    const reason =
      candidates.originalFault ?? (chosen === null ? "BELOW_QUALITY_FLOOR" : "RANKED_LOWER");
    return {
      rankBefore,
      outcome: { bestDeltaR, servedDeltaR: 0, reason, faults },
      shown: null,
    };
  }
  return {
    rankBefore,
    outcome: { bestDeltaR, servedDeltaR: bestDeltaR ?? 0, reason: null, faults },
    shown: selection.candidates[chosen].image,
  };
}

/** The product as far as any of it shows. */
function withRim({ alpha, ...mask }: SubjectMask): SubjectMask {
  return { ...mask, alpha: alpha.map(value => (value >= LEAST_RIM ? 255 : 0)) };
}

function faultsOf({ candidates }: Selection, ofMask: readonly string[]): string[] {
  return [...new Set([...ofMask, ...candidates.flatMap(({ faults }) => faults)])];
}

/** The same method with another history for everybody. */
function withHistory(
  method: PersonalizationMethod,
  retrieved: readonly RetrievedItem[],
): PersonalizationMethod {
  return {
    id: `${method.id} for all`,
    condition: (contexts, n, seeds) =>
      method.condition(
        contexts.map(context => ({ ...context, retrieved })),
        n,
        seeds,
      ),
  };
}
