/**
 * @file Re-ranking a user's first items by the images made for that user of all of them.
 *
 * ```
 * score'(u, i) = m_ui / σ(m_u) + Σ_s w_s z(s_ui),   z(x) = (x - mean) / deviation over the user's candidates
 * ```
 *
 * m are the ranking model's scores. The signals s of an image v_ui, with v_i the catalogue image and v̄_u the mean catalogue
 * image of the user's train items less that of the shop:
 *
 * - `score`: `g_u · (v_ui - v_i)`, the what-if, of a model that is linear in the image (`featureGradient`);
 * - `history`: `v_ui · v̄_u`, how alike the image is to the user's items (CPIS);
 * - `change`: `v_ui · v_i`, how little the image had to change for this user (CIS).
 *
 * A weight may be negative. All candidates of a user have such images, or none has; what has no image stands at the mean.
 */
import { mean } from "../../../ml/metrics/bootstrap.js";
import { pairedBootstrap } from "../../../ml/metrics/paired-tests.js";
import { ndcgAt } from "../../../ml/metrics/ranking-metrics.js";
import { dot } from "../../../ml/nn/matrix.js";
import { Random, seedFrom } from "../../../ml/nn/random.js";
import { topK } from "../../../ml/nn/top-k.js";

export const signalNames = ["score", "history", "change"] as const;
export type SignalName = (typeof signalNames)[number];
export type Blend = Readonly<Record<SignalName, number>>;

export const NO_BLEND: Blend = { score: 0, history: 0, change: 0 };

/** A user's first items by the model, best first, without those of the train part. */
export interface Candidates {
  items: Int32Array;
  /** m in standard deviations of the user's scores of all items. */
  scores: Float32Array;
}

export type RankedCandidates = Candidates & {
  /** z(s) by name, in the order of `items`. */
  signals: Readonly<Record<SignalName, Float32Array>>;
};

/** What the images of a user's candidates are compared with. */
export interface SignalContext {
  /** v_i of each candidate; null without an image. */
  own: readonly (Float32Array | null)[];
  /** v̄_u. */
  taste: Float32Array;
  /** g_u; null where the model is not linear in the image. */
  gradient: Float32Array | null;
}

/** @param images v_ui of each candidate; null without an image. */
export function signalsOf(
  images: readonly (Float32Array | null)[],
  { gradient, own, taste }: SignalContext,
): RankedCandidates["signals"] {
  const signal = (value: (image: Float32Array, original: Float32Array) => number) =>
    standardized(
      images.map((image, place) => {
        const original = own[place];
        return image && original ? value(image, original) : null;
      }),
    );
  return {
    score: signal((image, original) =>
      gradient ? dot(gradient, image) - dot(gradient, original) : 0,
    ),
    history: signal(image => dot(image, taste)),
    change: signal((image, original) => dot(image, original)),
  };
}

/** The candidates' scores after re-ranking. */
export function blended({ scores, signals }: RankedCandidates, blend: Blend): Float32Array {
  const { change, history, score: whatIf } = signals;
  return scores.map(
    (score, place) =>
      score +
      blend.score * whatIf[place] +
      blend.history * history[place] +
      blend.change * change[place],
  );
}

/** The first candidates in their new order. @param depth Default: all. */
export function reordered(
  candidates: RankedCandidates,
  blend: Blend,
  depth = candidates.items.length,
): number[] {
  return topK(blended(candidates, blend), depth).map(place => candidates.items[place]);
}

/** Weights that are tried, in standard deviations of the user's scores. */
const WEIGHTS = [-0.5, -0.3, -0.2, -0.1, -0.05, -0.02, 0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8];
const NUM_ROUNDS = 2;
const CUTOFF = 10;

export interface ChosenBlend {
  blend: Blend;
  /** Mean NDCG@10 on validation, over seeds and users, without and with it, and p of the paired bootstrap over users. */
  validation: { before: number; after: number; pValue: number };
}

/** Of 14 weights for each signal the best is often better by chance: only a gain beyond chance is worth serving. */
export function isBeyondChance({ validation: { after, before, pValue } }: ChosenBlend): boolean {
  return after > before && pValue < 0.05;
}

/**
 * The weights with the best mean NDCG@10 on the validation items, one after the other; 0 where none is better. Reads no test
 * item.
 *
 * @param runs The candidates of each user, for each seed.
 * @param heldOut Validation items of each user.
 */
export function chooseBlend(
  runs: readonly (readonly RankedCandidates[])[],
  heldOut: readonly Int32Array[],
): ChosenBlend {
  const relevant = heldOut.map(items => new Set(items));
  const users = [...heldOut.keys()].filter(user => heldOut[user].length > 0);
  /** Whether any order can put a held-out item among the first. */
  const canFind = runs.map(run =>
    heldOut.map((_, user) => run[user].items.some(item => relevant[user].has(item))),
  );
  /** Each user's NDCG@10, mean over the seeds. */
  const byUser = (blend: Blend) =>
    users.map(user =>
      mean(
        runs.map((run, place) =>
          canFind[place][user]
            ? ndcgAt(reordered(run[user], blend, CUTOFF), relevant[user], CUTOFF)
            : 0,
        ),
      ),
    );
  const measured = (blend: Blend) => (users.length === 0 ? 0 : mean(byUser(blend)));
  const before = measured(NO_BLEND);
  let best = { blend: NO_BLEND, after: before };
  for (let round = 0; round < NUM_ROUNDS; round++) {
    for (const name of signalNames) {
      for (const weight of WEIGHTS) {
        const blend = { ...best.blend, [name]: weight };
        const after = blend[name] === best.blend[name] ? best.after : measured(blend);
        if (after > best.after) {
          best = { blend, after };
        }
      }
    }
  }
  const { after, blend } = best;
  const { pValue } =
    after > before
      ? pairedBootstrap(byUser(blend), byUser(NO_BLEND), new Random(seedFrom("blend")))
      : { pValue: 1 };
  return { blend, validation: { before, after, pValue } };
}

/** Zeros where all values are equal. */
function standardized(values: readonly (number | null)[]): Float32Array {
  const present = values.filter(value => value !== null);
  const mean = present.reduce((sum, value) => sum + value, 0) / (present.length || 1);
  const variance =
    present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (present.length || 1);
  const deviation = Math.sqrt(variance);
  return Float32Array.from(values, value =>
    value === null || deviation < 1e-9 ? 0 : (value - mean) / deviation,
  );
}
