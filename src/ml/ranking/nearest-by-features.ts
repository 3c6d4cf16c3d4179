/**
 * @file The items most like a new one: by the sum of the cosines of all modalities that it has, of features less their mean over
 * the items that have them. The cosine with an item without a modality is 0.
 */
import { addScaled, dot, type Matrix, row } from "../nn/matrix.js";
import { topK } from "../nn/top-k.js";
import type { ItemFeatures, Modality } from "./recommender.js";

/** With fewer, more new items are found, and more known ones lost (`npm run bench -- new-items`). */
const NUM_NEAREST = 10;

/** The mean of the present rows, and the lengths of the rows less it; 0 for a row of zeros, which means none. */
interface Centre {
  mean: Float32Array;
  lengths: Float32Array;
}

/** Features do not change after the training. */
const centres = new WeakMap<Matrix, Centre>();

/** Nearest first; none where it has none of the modalities. */
export function nearestByFeatures(
  modalities: readonly Pick<Modality, "name" | "features">[],
  features: ItemFeatures,
): Int32Array {
  const known = modalities.filter(({ name }) => features[name]?.some(value => value !== 0));
  if (known.length === 0) {
    return new Int32Array(0);
  }
  const likeness = new Float32Array(known[0].features.shape[0]);
  for (const { features: all, name } of known) {
    const { lengths, mean } = centreOf(all);
    const own = features[name].map((value, f) => value - mean[f]);
    const length = Math.sqrt(dot(own, own)) || 1;
    const ofMean = dot(own, mean);
    lengths.forEach((other, item) => {
      likeness[item] += other > 0 ? (dot(own, row(all, item)) - ofMean) / (length * other) : 0;
    });
  }
  return Int32Array.from(topK(likeness, NUM_NEAREST));
}

function centreOf(features: Matrix): Centre {
  const known = centres.get(features);
  if (known) {
    return known;
  }
  const [N, F] = features.shape;
  const rows = Array.from({ length: N }, (_, item) => row(features, item));
  const present = rows.filter(isPresent);
  const mean = new Float32Array(F);
  present.forEach(feature => addScaled(mean, feature, 1 / present.length));
  const lengths = Float32Array.from(rows, feature => {
    if (!isPresent(feature)) {
      return 0;
    }
    return Math.sqrt(feature.reduce((sum, value, f) => sum + (value - mean[f]) ** 2, 0));
  });
  centres.set(features, { mean, lengths });
  return { mean, lengths };
}

const isPresent = (feature: Float32Array) => feature.some(value => value !== 0);
