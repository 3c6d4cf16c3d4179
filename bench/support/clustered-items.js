/**
 * Synthetic shops: items in clusters that show in both modalities, users who choose from three clusters each. Clustered,
 * since nearest neighbours of uniform noise mean nothing and no approximate search finds them.
 */
import { Random } from "../../dist/ml/nn/random.js";
import { matrix } from "../../dist/ml/nn/matrix.js";

/** Features of items whose cluster is `clusterOf(item)`. */
export function clusteredFeatures(numItems, { numClusters, length, seed, clusterOf }) {
  const random = new Random(seed);
  const centres = Array.from({ length: numClusters }, () => random.normals(length));
  const noise = random.normals(65_521); // a prime: cycling through it, rows differ
  const { shape, values } = matrix([numItems, length]);
  for (let item = 0, at = 0; item < numItems; item++) {
    const centre = centres[clusterOf(item)];
    for (let f = 0; f < length; f++, at++) {
      values[at] = centre[f] + noise[(at + (item >> 6)) % noise.length];
    }
  }
  return { shape, values };
}

export function clusteredShop(numItems, options = {}) {
  const { numUsers = 500, choices = 20, length = 256, numClusters = 30 } = options;
  const random = new Random(1);
  const clusterOf = item => item % numClusters;
  const choicesOf = user => {
    const items = new Set();
    while (items.size < choices) {
      const cluster = (user + random.int(3)) % numClusters;
      items.add(cluster + numClusters * random.int(Math.floor(numItems / numClusters)));
    }
    return Int32Array.from(items).sort();
  };
  return {
    numUsers,
    numItems,
    train: Array.from({ length: numUsers }, (_, user) => choicesOf(user)),
    modalities: ["visual", "textual"].map((name, m) => ({
      name,
      features: clusteredFeatures(numItems, { numClusters, length, seed: 2 + m, clusterOf }),
    })),
  };
}
