/**
 * @file Taste clusters: users whose train items look alike. An item's image can be made once for a cluster instead of for each
 * user: fewer images, and less noise of a single history.
 *
 * Spherical k-means of each user's mean catalogue image less the shop's, from the first user and then always the one farthest
 * from all centres (T. Gonzalez 1985), so that it needs no random numbers.
 */
import { addScaled, dot, type Matrix } from "../../../ml/nn/matrix.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { meanRow } from "./candidates.js";
import { unit } from "./image-surrogate.js";
import { type HistoryOptions, UserImages } from "./user-images.js";

export interface Tastes {
  /** By user; users without a comparable history are in the largest cluster. */
  tasteOf: Int32Array;
  /** By taste: what its users chose more often than all users, least so first. */
  timelines: number[][];
}

const NUM_ROUNDS = 20;

/** Reads the train part alone. @param features Catalogue images `[N, E]`. */
export function tastesOf(
  shop: ShopSnapshot,
  features: Matrix,
  { numTastes, ...options }: HistoryOptions & { numTastes: number },
): Tastes {
  const shopMean = meanRow(features);
  const users = [...shop.userIds.keys()];
  const vectors = users.map(user => {
    const taste = UserImages.ofTrain(shop, user, options).taste(features, shopMean);
    return taste && unit(taste);
  });
  const tasteOf = clustersOf(vectors, numTastes);
  const taken = [...new Set(tasteOf)].sort((a, b) => a - b);
  tasteOf.forEach((taste, user) => (tasteOf[user] = taken.indexOf(taste)));
  const timelines = taken.map((_, taste) =>
    characteristic(shop, tasteOf, taste).slice(-options.historyLimit),
  );
  return { tasteOf, timelines };
}

/** The cluster of each vector, of unit length; what is null joins the largest. */
export function clustersOf(vectors: readonly (Float32Array | null)[], count: number): Int32Array {
  const present = vectors.flatMap((vector, at) => (vector ? [{ vector, at }] : []));
  const clusters = new Int32Array(vectors.length);
  if (present.length === 0) {
    return clusters;
  }
  let centres = firstCentres(
    present.map(({ vector }) => vector),
    count,
  );
  for (let round = 0; round < NUM_ROUNDS; round++) {
    const sums = centres.map(centre => new Float32Array(centre.length));
    let numMoved = 0;
    for (const { at, vector } of present) {
      const nearest = nearestOf(centres, vector);
      numMoved += round === 0 || nearest !== clusters[at] ? 1 : 0;
      clusters[at] = nearest;
      addScaled(sums[nearest], vector, 1);
    }
    if (numMoved === 0) {
      break;
    }
    centres = sums.map((sum, c) => (sum.some(value => value !== 0) ? unit(sum) : centres[c]));
  }
  const sizes = new Int32Array(centres.length);
  present.forEach(({ at }) => sizes[clusters[at]]++);
  const largest = sizes.indexOf(Math.max(...sizes));
  vectors.forEach((vector, at) => (clusters[at] = vector ? clusters[at] : largest));
  return clusters;
}

function firstCentres(vectors: readonly Float32Array[], count: number): Float32Array[] {
  const centres = [vectors[0]];
  const likeness = vectors.map(vector => dot(vector, vectors[0]));
  while (centres.length < Math.min(count, vectors.length)) {
    const farthest = vectors[likeness.indexOf(Math.min(...likeness))];
    centres.push(farthest);
    vectors.forEach((vector, at) => (likeness[at] = Math.max(likeness[at], dot(vector, farthest))));
  }
  return centres;
}

function nearestOf(centres: readonly Float32Array[], vector: Float32Array): number {
  const products = centres.map(centre => dot(centre, vector));
  return products.indexOf(Math.max(...products));
}

/** The items by the share of the cluster's users who chose them less the share of all users, rising; only where it is above. */
function characteristic(
  { ranker, split, userIds }: ShopSnapshot,
  tasteOf: Int32Array,
  taste: number,
): number[] {
  const all = new Float64Array(ranker.itemIds.length);
  const own = new Float64Array(ranker.itemIds.length);
  const size = tasteOf.reduce((sum, other) => sum + (other === taste ? 1 : 0), 0);
  split.train.forEach((items, user) =>
    items.forEach(item => {
      all[item] += 1 / userIds.length;
      own[item] += tasteOf[user] === taste ? 1 / size : 0;
    }),
  );
  // With one taste all shares are equal: then the most chosen items stand for it.
  const isAlone = size === userIds.length;
  const lift = own.map((share, item) => (isAlone ? share : share - all[item]));
  return [...lift.keys()].filter(item => lift[item] > 0).sort((a, b) => lift[a] - lift[b] || b - a);
}
