/**
 * @file What a condition does to an outcome, as a bilinear map fitted on a bank of drawn images: the reward critic (outcome: the
 * score's margin) and the surrogate of the image's CLIP feature (outcome: the feature) are both of this form.
 *
 * `y(x, z) = y(x, 0) + Σ_a Σ_k x_a z_k W_ak`, with x what is known of user and reference, and z the condition's features. Rows
 * of one pair are centred, so that what is the same for all conditions of a pair (how much a user likes the item) drops out.
 *
 * Shapes: N conditions of a pair, X numbers of a context, K features of a condition, O outcomes (critic 1, surrogate E).
 */
import { addScaled, type Matrix, matrix, row } from "../nn/matrix.js";
import { ridgeByGroups } from "./ridge.js";

/** A pair whose images were drawn. */
export interface ObservedPair {
  /** x; `[X]`. */
  context: Float32Array;
  /** z of each image; `[N, K]`. */
  conditions: Matrix;
  /** y of each image; `[N, O]`. */
  outcomes: Matrix;
  /** Pairs of a group, such as a user's, are held out together when the ridge's strength is chosen. */
  group: number;
}

export interface ConditionEffect {
  /** W; `[X K, O]`. */
  weights: Matrix;
  lambda: number;
  /** Of the outcomes' variance within a pair, for groups that were held out; at most 0: nothing is learned. */
  heldOutR2: number;
}

/** @throws Error with fewer than two groups. */
export function fitConditionEffect(pairs: readonly ObservedPair[]): ConditionEffect {
  const [first] = pairs;
  const K = first?.conditions.shape[1] ?? 0;
  const X = first?.context.length ?? 0;
  const O = first?.outcomes.shape[1] ?? 0;
  const n = pairs.reduce((sum, { conditions }) => sum + conditions.shape[0], 0);
  const inputs = matrix([n, X * K]);
  const outputs = matrix([n, O]);
  const groups: number[] = [];
  for (const { context, conditions, group, outcomes } of pairs) {
    const z = centredRows(conditions);
    const y = centredRows(outcomes);
    for (let at = 0; at < z.shape[0]; at++) {
      const input = row(inputs, groups.length);
      context.forEach((value, a) => {
        addScaled(input.subarray(a * K, (a + 1) * K), row(z, at), value);
      });
      row(outputs, groups.length).set(row(y, at));
      groups.push(group);
    }
  }
  return ridgeByGroups({ inputs, outputs, groups });
}

/** The outcomes' change from `z = 0`; `[K] -> [O]`. */
export function effectOf(
  { weights }: Pick<ConditionEffect, "weights">,
  context: Float32Array,
  condition: Float32Array,
): Float32Array {
  const K = condition.length;
  const outcome = new Float32Array(weights.shape[1]);
  context.forEach((value, a) => {
    condition.forEach((z, k) => {
      addScaled(outcome, row(weights, a * K + k), value * z);
    });
  });
  return outcome;
}

function centredRows(source: Matrix): Matrix {
  const [N, columns] = source.shape;
  const mean = new Float32Array(columns);
  for (let at = 0; at < N; at++) {
    addScaled(mean, row(source, at), 1 / N);
  }
  const centred = matrix(source.shape, source.values.slice());
  for (let at = 0; at < N; at++) {
    addScaled(row(centred, at), mean, -1);
  }
  return centred;
}
