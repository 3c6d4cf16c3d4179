/**
 * @file Metrics of a model's recommendations to all users together, apart from accuracy: catalogue coverage, evenness
 * and novelty.
 *
 * Each uses the first K items of every user's ranking. Notation: c_i the number of users whose first K hold item i, N
 * the number of items, M of users, m_i of users who chose item i in training.
 */

/** c: how often each item is among the first `k`; `[N]`. */
export function recommendationCounts(
  rankings: readonly ArrayLike<number>[],
  numItems: number,
  k: number,
): Int32Array {
  const counts = new Int32Array(numItems);
  for (const ranking of rankings) {
    for (let place = 0; place < Math.min(k, ranking.length); place++) {
      counts[ranking[place]]++;
    }
  }
  return counts;
}

/**
 * `|{i : c_i > 0}| / N`, the fraction of the catalogue that is recommended to at least one user.
 *
 * M. Ge, C. Delgado-Battenfeld, D. Jannach, "Beyond accuracy: evaluating recommender systems by coverage and
 * serendipity", RecSys 2010 (catalogue coverage).
 */
export function coverage(counts: ArrayLike<number>): number {
  return Array.from(counts).filter(count => count > 0).length / counts.length;
}

/**
 * `Σ_j (2j - N - 1) c_(j) / ((N - 1) Σ_i c_i)` with c_(j) ascending: 0 when all items are recommended equally often, 1
 * when always the same one. 0 for a single item or no recommendations.
 *
 * G. Shani, A. Gunawardana, "Evaluating Recommendation Systems", Recommender Systems Handbook, 2011, section 8.3.3.
 */
export function giniIndex(counts: ArrayLike<number>): number {
  const sorted = Array.from(counts).sort((a, b) => a - b);
  const N = sorted.length;
  const total = sorted.reduce((sum, count) => sum + count, 0);
  if (N < 2 || total === 0) {
    return 0;
  }
  return (
    sorted.reduce((sum, count, j) => sum + (2 * (j + 1) - N - 1) * count, 0) / ((N - 1) * total)
  );
}

/**
 * Mean of `log₂(M / m_i)` over the first K of all users, in bits: how unlikely a training user was to choose the item.
 * m_i is at least 1.
 *
 * T. Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010
 * (self-information).
 */
export function novelty(
  counts: ArrayLike<number>,
  numChosenBy: ArrayLike<number>,
  numUsers: number,
): number {
  let bits = 0;
  let total = 0;
  for (let item = 0; item < counts.length; item++) {
    bits += counts[item] * Math.log2(numUsers / Math.max(1, numChosenBy[item]));
    total += counts[item];
  }
  return total === 0 ? 0 : bits / total;
}
