/**
 * @file The layers of a LLaMA-style decoder.
 *
 * H. Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023 (section 2.2).
 * https://arxiv.org/abs/2302.13971. Grouped keys and values as in LLaMA 2.
 *
 * Shapes: B sequences, T new tokens, S tokens including past ones, H heads, G heads of keys and values, d size of a
 * head, D hidden size, F feed-forward size.
 */
import * as tf from "@tensorflow/tfjs";
import { groupedAttention, joinHeads, splitHeads } from "../nn/attention.js";
import { adaptedLinear, type LoraFactors } from "../nn/lora.js";
import { rmsNorm } from "../nn/rms-norm.js";
import { rotate, type Rotation } from "../nn/rope.js";
import { type LlamaConfig } from "./llama-config.js";
import { type LlamaWeights, type ProjectionName } from "./llama-weights.js";

/** The adapted projections of one layer. */
export type LayerFactors = Partial<Record<ProjectionName, LoraFactors>>;

/** Rotated keys, and values, of all tokens so far; `[B, G, S, d]` each. */
export interface KeysAndValues {
  k: tf.Tensor4D;
  v: tf.Tensor4D;
}

/** The decoder without its embeddings and its output map. */
export interface LlamaStack {
  readonly config: LlamaConfig;
  readonly weights: LlamaWeights;
  /** One per layer. */
  readonly factors: readonly LayerFactors[];
  /** alpha / r. */
  readonly loraScaling: number;
}

export interface StackInput {
  /** `[B, T, D]`. */
  embedded: tf.Tensor3D;
  rotation: Rotation;
  /** `[B or 1, 1, T, S]`; null where no token is masked. */
  bias: tf.Tensor4D | null;
  /** Keys and values of past tokens, one per layer. */
  past?: readonly KeysAndValues[];
}

/** Runs all layers and the final norm: `hidden` is `[B, T, D]`, `present` the keys and values per layer. */
export function runStack(
  { config, weights, factors, loraScaling }: LlamaStack,
  { embedded, rotation, bias, past }: StackInput,
): { hidden: tf.Tensor3D; present: KeysAndValues[] } {
  const [B, T, D] = embedded.shape;
  const { headSize, normEpsilon, numHeads, numKeyValueHeads } = config;
  const present: KeysAndValues[] = [];
  let x = tf.reshape<tf.Rank.R2>(embedded, [B * T, D]);
  weights.layers.forEach((layer, n) => {
    const project = (input: tf.Tensor2D, name: ProjectionName) =>
      adaptedLinear(input, layer[name], factors[n][name], loraScaling);
    const heads = (input: tf.Tensor2D, count: number) =>
      splitHeads(tf.reshape(input, [B, T, count * headSize]), count);

    const normalized = rmsNorm(x, layer.inputNorm, normEpsilon);
    const q = rotate(heads(project(normalized, "q_proj"), numHeads), rotation);
    const newK = rotate(heads(project(normalized, "k_proj"), numKeyValueHeads), rotation);
    const newV = heads(project(normalized, "v_proj"), numKeyValueHeads);
    const before = past?.[n];
    const k = before ? tf.concat([before.k, newK], 2) : newK;
    const v = before ? tf.concat([before.v, newV], 2) : newV;
    present.push({ k, v });
    const mixed = joinHeads(groupedAttention(q, { k, v }, bias)); // [B, T, H d]
    x = tf.add<tf.Tensor2D>(x, project(tf.reshape(mixed, [B * T, numHeads * headSize]), "o_proj"));
    x = tf.add<tf.Tensor2D>(
      x,
      feedForward(rmsNorm(x, layer.feedForwardNorm, normEpsilon), project),
    );
  });
  const hidden = rmsNorm(x, weights.finalNorm, normEpsilon);
  return { hidden: tf.reshape(hidden, [B, T, D]), present };
}

/** `(silu(x W_gate) ⊙ x W_up) W_down`; `[N, D] -> [N, D]`. N. Shazeer, "GLU Variants Improve Transformer", 2020 (eq. 6). */
function feedForward(
  x: tf.Tensor2D,
  project: (input: tf.Tensor2D, name: ProjectionName) => tf.Tensor2D,
): tf.Tensor2D {
  return project(swiGlu(project(x, "gate_proj"), project(x, "up_proj")), "down_proj");
}

/**
 * `silu(gate) ⊙ up`, silu(g) = g σ(g); `[N, F], [N, F] -> [N, F]`. Automatic differentiation would take three times the
 * kernels.
 */
export function swiGlu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  const gated = tf.customGrad((g, u, save) => {
    const [a, b] = [g as tf.Tensor, u as tf.Tensor];
    const sigmoid = tf.sigmoid(a);
    const silu = tf.mul(a, sigmoid);
    (save as tf.GradSaveFunc)([b, sigmoid, silu]);
    return {
      value: tf.mul(silu, b),
      gradFunc: (dy: tf.Tensor, [savedUp, s, y]: tf.Tensor[]) => {
        const slope = tf.add(s, tf.mul(y, tf.sub(1, s))); // silu' = σ + g σ (1 - σ)
        return [tf.mul(tf.mul(dy, savedUp), slope), tf.mul(dy, y)];
      },
    };
  });
  return gated(gate, up) as tf.Tensor2D;
}

/** `[B, 1, T, T]`, or `[1, 1, T, T]` without padding: 0 where query t may read key s (s <= t, s not padding). */
export function causalBias(
  mask: ArrayLike<number>,
  [B, T]: readonly [B: number, T: number],
  masked: number,
): tf.Tensor4D {
  const isWhole = Array.from(mask).every(value => value !== 0);
  const rows = isWhole ? 1 : B;
  const bias = new Float32Array(rows * T * T);
  for (let b = 0; b < rows; b++) {
    for (let t = 0; t < T; t++) {
      for (let s = 0; s < T; s++) {
        bias[(b * T + t) * T + s] = s > t || mask[b * T + s] === 0 ? masked : 0;
      }
    }
  }
  return tf.tensor4d(bias, [rows, 1, T, T]);
}

/** `[B, 1, 1, S]` for one new token a row: 0 where it may read key s; null when no token is padding. */
export function paddingBias(
  mask: readonly number[],
  [B, S]: readonly [B: number, S: number],
  masked: number,
): tf.Tensor4D | null {
  return mask.every(value => value !== 0)
    ? null
    : tf.tensor4d(
        mask.map(value => (value === 0 ? masked : 0)),
        [B, 1, 1, S],
      );
}
