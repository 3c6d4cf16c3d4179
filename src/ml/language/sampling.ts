/**
 * @file The next token from its logits.
 *
 * A. Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020 (section 3.1: top-p).
 * https://arxiv.org/abs/1904.09751
 */
import { type Random } from "../nn/random.js";

export interface SamplingOptions {
  /** Divides the logits. Default: 0, greedy. */
  readonly temperature?: number;
  /** Nucleus: samples from the likeliest tokens with this total probability. Default: 1, all tokens. */
  readonly topP?: number;
}

/** Index of the largest logit; the first of equals. */
export function likeliestToken(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) {
    if (logits[i] > logits[best]) {
      best = i;
    }
  }
  return best;
}

/** Samples one token; draws from `random` once, and never at temperature 0. */
export function sampledToken(
  logits: ArrayLike<number>,
  { temperature = 0, topP = 1 }: SamplingOptions,
  random: Random,
): number {
  if (!(temperature >= 0) || !(topP > 0 && topP <= 1)) {
    throw new Error(
      `sampledToken: expected temperature >= 0 and topP in (0, 1], got ${temperature} and ${topP}`,
    );
  }
  const best = likeliestToken(logits);
  if (temperature === 0) {
    return best;
  }
  const weights = Array.from(logits, logit => Math.exp((logit - logits[best]) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const order = weights.map((_, token) => token).sort((a, b) => weights[b] - weights[a] || a - b);
  let sum = 0;
  const end = order.findIndex(token => (sum += weights[token]) >= topP * total);
  const nucleus = order.slice(0, end < 0 ? order.length : end + 1);
  return nucleus[random.weightedIndex(nucleus.map(token => weights[token]))];
}
