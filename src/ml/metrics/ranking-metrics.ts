/**
 * @file Accuracy of a ranking, by the ranks of the relevant items.
 *
 * Each metric is a pure function of a ranking (item indices, best first) and the set of relevant items. Notation: hit_r
 * is 1 when the item at rank r (1-based) is relevant, otherwise 0; n is the number of relevant items; K the cut-off. All
 * are 0 when n = 0.
 */

export type RankingMetric = (
  ranking: readonly number[],
  relevant: ReadonlySet<number>,
  k: number,
) => number;

/** `Σ_{r<=K} hit_r / n`: not divided by min(K, n), so below 1 when n > K. */
export const recallAt: RankingMetric = (ranking, relevant, k) =>
  relevant.size === 0 ? 0 : numHits(ranking, relevant, k) / relevant.size;

/** `Σ_{r<=K} hit_r / K`. */
export const precisionAt: RankingMetric = (ranking, relevant, k) =>
  numHits(ranking, relevant, k) / k;

/** 1 when any of the first K is relevant. */
export const hitAt: RankingMetric = (ranking, relevant, k) =>
  numHits(ranking, relevant, k) > 0 ? 1 : 0;

/** `1 / r` of the first relevant item when r <= K, otherwise 0. */
export const mrrAt: RankingMetric = (ranking, relevant, k) => {
  const place = ranking.slice(0, k).findIndex(item => relevant.has(item));
  return place < 0 ? 0 : 1 / (place + 1);
};

/** `Σ_{r<=K} hit_r · precision@r / min(n, K)`. */
export const mapAt: RankingMetric = (ranking, relevant, k) => {
  let hits = 0;
  let sum = 0;
  ranking.slice(0, k).forEach((item, place) => {
    if (relevant.has(item)) {
      hits++;
      sum += hits / (place + 1);
    }
  });
  return relevant.size === 0 ? 0 : sum / Math.min(relevant.size, k);
};

/** `Σ_{r<=K} hit_r / log₂(r+1)`, divided by that of the ideal ranking: min(n, K) relevant items on top. */
export const ndcgAt: RankingMetric = (ranking, relevant, k) =>
  relevant.size === 0
    ? 0
    : discountedGain(ranking, relevant, k) / idealGain(Math.min(relevant.size, k));

/**
 * NDCG as the official MICRO computes it, only for comparison with its figures: the ideal ranks the *retrieved* hits on
 * top, so missed relevant items cost nothing, and it is never below {@link ndcgAt}.
 */
export const ndcgRetrievedAt: RankingMetric = (ranking, relevant, k) => {
  const hits = numHits(ranking, relevant, k);
  return hits === 0 ? 0 : discountedGain(ranking, relevant, k) / idealGain(hits);
};

function numHits(ranking: readonly number[], relevant: ReadonlySet<number>, k: number): number {
  return ranking.slice(0, k).filter(item => relevant.has(item)).length;
}

function discountedGain(
  ranking: readonly number[],
  relevant: ReadonlySet<number>,
  k: number,
): number {
  return ranking
    .slice(0, k)
    .reduce((sum, item, place) => (relevant.has(item) ? sum + discount(place + 1) : sum), 0);
}

function idealGain(numRelevant: number): number {
  let sum = 0;
  for (let rank = 1; rank <= numRelevant; rank++) {
    sum += discount(rank);
  }
  return sum;
}

/** `1 / log₂(r + 1)`. */
function discount(rank: number): number {
  return 1 / Math.log2(rank + 1);
}

/**
 * The rank of one score among others, 1 is best: 1 + the number of higher scores + half the number of equal ones
 * (mid-rank), so a constant model ranks everything in the middle.
 *
 * @param isExcluded Indices that do not compete. Default: none.
 */
export function midRank(
  score: number,
  others: ArrayLike<number>,
  isExcluded?: (index: number) => boolean,
): number {
  let higher = 0;
  let equal = 0;
  for (let index = 0; index < others.length; index++) {
    if (others[index] < score || isExcluded?.(index)) {
      continue;
    }
    if (others[index] > score) {
      higher++;
    } else {
      equal++;
    }
  }
  return 1 + higher + equal / 2;
}
