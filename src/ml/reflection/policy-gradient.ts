/**
 * @file The policy gradient of the rank reward (Eq. 11, 12, 15): Gaussian policies over conditions, REINFORCE with a
 * leave-one-out baseline.
 *
 * R. S. Sutton et al., "Policy Gradient Methods for Reinforcement Learning with Function Approximation", NIPS 1999; the
 * baseline: W. Kool et al., "Buy 4 REINFORCE Samples, Get a Baseline for Free!", 2019.
 *
 * With `z = μ + σε` attached to the graph, `log π = -||ε||²/2 + const` has gradient zero. So actions are constant
 * arrays, taken from when the images were rendered.
 *
 * Shapes: B pairs, r rollouts of a pair, N tokens, D their width, M = N D dimensions of an action.
 */
import * as tf from "@tensorflow/tfjs";

/**
 * A_t = R_t minus the mean of the pair's other rewards. With a single rollout the baseline is the mean reward of the
 * other pairs, or 0 where there are none.
 *
 * @param rewardsOfPairs `[B][r]`; r may differ from pair to pair.
 */
export function leaveOneOutAdvantages(rewardsOfPairs: readonly (readonly number[])[]): number[][] {
  const sums = rewardsOfPairs.map(ofPair => ofPair.reduce((sum, reward) => sum + reward, 0));
  const total = sums.reduce((sum, ofPair) => sum + ofPair, 0);
  const count = rewardsOfPairs.reduce((sum, ofPair) => sum + ofPair.length, 0);
  return rewardsOfPairs.map((ofPair, b) => {
    if (ofPair.length === 1) {
      const baseline = count > 1 ? (total - sums[b]) / (count - 1) : 0;
      return [ofPair[0] - baseline];
    }
    return ofPair.map(reward => reward - (sums[b] - reward) / (ofPair.length - 1));
  });
}

/**
 * The advantages of a batch divided by their root mean square, so that β does not depend on the ranking model's unit of
 * score. All zero stays zero. The factor is positive, so the direction of the estimate does not change.
 */
export function scaledAdvantages(advantages: readonly (readonly number[])[]): number[][] {
  const all = advantages.flat();
  const rms = Math.sqrt(all.reduce((sum, a) => sum + a * a, 0) / Math.max(1, all.length));
  return advantages.map(ofPair => ofPair.map(a => (rms === 0 ? 0 : a / rms)));
}

/** The rollouts of a batch, padded to equal numbers of tokens (on the left, as prompts are) and of rollouts. */
export interface PolicyBatch {
  /** a_t, constants; `[B, r, N, D]`, arbitrary where `mask` is 0. */
  actions: tf.Tensor4D;
  /** 1 for a token of the pair's policy, 0 for padding; `[B, N]`. */
  mask: tf.Tensor2D;
  /** `A_t / (r_b σ_b² M_b)` with r_b, σ_b and M_b of the pair; 0 for a padding rollout; `[B, r]`. */
  weights: tf.Tensor2D;
}

/** One pair's part of a {@link PolicyBatch}. */
export interface ScoredActions {
  /** a_t; `[r][M]`. */
  actions: readonly Float32Array[];
  /** A_t; `[r]`. */
  advantages: readonly number[];
  sigma: number;
}

/** @param width D. The caller disposes of the tensors. */
export function createPolicyBatch(pairs: readonly ScoredActions[], width: number): PolicyBatch {
  const B = pairs.length;
  const r = Math.max(...pairs.map(({ actions }) => actions.length));
  const M = Math.max(...pairs.flatMap(({ actions }) => actions.map(action => action.length)));
  const N = M / width;
  const actions = new Float32Array(B * r * M);
  const mask = new Float32Array(B * N);
  const weights = new Float32Array(B * r);
  pairs.forEach(({ actions: ofPair, advantages, sigma }, b) => {
    const size = ofPair[0].length;
    mask.fill(1, (b + 1) * N - size / width, (b + 1) * N);
    ofPair.forEach((action, t) => {
      actions.set(action, (b * r + t + 1) * M - size);
      weights[b * r + t] = advantages[t] / (ofPair.length * sigma ** 2 * size);
    });
  });
  return {
    actions: tf.tensor4d(actions, [B, r, N, width]),
    mask: tf.tensor2d(mask, [B, N]),
    weights: tf.tensor2d(weights, [B, r]),
  };
}

/**
 * `L_rank = -(1/B) Σ_b (1/r) Σ_t A_t log π(a_t)` (Eq. 15), whose gradient is `∂L/∂μ = -(1/(B r)) Σ_t A_t ε_t / (σ M)`.
 *
 * @param mean μ, differentiable; `[B, N, D]`.
 */
export function rankLoss(mean: tf.Tensor3D, { actions, mask, weights }: PolicyBatch): tf.Scalar {
  return tf.tidy(() => {
    const [B, N] = mask.shape;
    const distance = tf.square(tf.sub(actions, tf.expandDims(mean, 1))); // [B, r, N, D]
    const ofTokens = tf.mul(tf.sum(distance, 3), tf.reshape(mask, [B, 1, N])); // [B, r, N]
    return tf.mul<tf.Scalar>(tf.sum(tf.mul(tf.sum(ofTokens, 2), weights)), 1 / (2 * B));
  });
}
