/**
 * @file The fusion unit: combines the retrieved items' images into one preference.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", Eq. 5. The paper says only that s
 * is normalised.
 *
 * Notation (name here -> symbol in the paper)
 * - similarities        -> s_i
 * - weights             -> s'_i
 * - imageEmbeddings     -> E^vis_i
 * - preferenceEmbedding -> P^ret
 */

/** How similarities become weights; default `l1`. CLIP's cosines are close together, which `softmax` can spread. */
export type Weighting = { kind: "l1" } | { kind: "softmax"; temperature: number };

/**
 * s': non-negative, summing to 1. `l1`: `max(s, 0) / Σ max(s, 0)`, uniform if no similarity is positive. `softmax`:
 * `exp(s / τ) / Σ exp(s / τ)`. Strengths c, not in the paper, give `c s' / Σ c s'`.
 *
 * @param strengths Weight of each choice, > 0. Default: all equal.
 */
export function fusionWeights(
  similarities: readonly number[],
  weighting: Weighting = { kind: "l1" },
  strengths?: readonly number[],
): number[] {
  if (weighting.kind === "softmax" && !(weighting.temperature > 0)) {
    throw new Error(
      `fusionWeights: the temperature must be positive, but got ${weighting.temperature}`,
    );
  }
  const highest = Math.max(...similarities); // subtracted so that no exponential overflows
  const likeness = similarities.map(s =>
    weighting.kind === "l1" ? Math.max(s, 0) : Math.exp((s - highest) / weighting.temperature),
  );
  const areUnlike = likeness.every(share => share === 0);
  const shares = likeness.map((share, i) => (areUnlike ? 1 : share) * (strengths?.[i] ?? 1));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map(share => share / total);
}

/** `P^ret = Σ s'_i E^vis_i` (Eq. 5), not normalised again; `n x [D] -> [D]`. */
export function preferenceEmbedding(
  imageEmbeddings: readonly Float32Array[],
  weights: readonly number[],
): Float32Array {
  if (imageEmbeddings.length === 0 || imageEmbeddings.length !== weights.length) {
    throw new Error(
      `preferenceEmbedding: there must be a weight for each of some embeddings, but got ${weights.length} for ${imageEmbeddings.length}`,
    );
  }
  const sum = new Float64Array(imageEmbeddings[0].length);
  imageEmbeddings.forEach((embedding, i) => {
    if (embedding.length !== sum.length) {
      throw new Error(
        `preferenceEmbedding: embeddings must have one length, but got ${embedding.length} and ${sum.length}`,
      );
    }
    for (let d = 0; d < sum.length; d++) {
      sum[d] += weights[i] * embedding[d];
    }
  });
  return Float32Array.from(sum);
}

/** `-Σ w ln w` in nats: ln n for n equal weights (no selection), 0 for a single one. */
export function weightEntropy(weights: readonly number[]): number {
  return weights.reduce((sum, w) => (w > 0 ? sum - w * Math.log(w) : sum), 0);
}
