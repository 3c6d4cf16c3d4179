/**
 * Seconds to evaluate a ranker: all items ranked for every user, in blocks with a partial top-k, against
 * scoring user by user and a full sort, in the same run. Both must give the same result.
 *
 * Random vectors of 64, 20 items of each user masked, 10 to find. Needs `npm run build`.
 */
import { Random } from "../dist/ml/nn/random.js";
import { matrix, row } from "../dist/ml/nn/matrix.js";
import { createOnnxKernels } from "../dist/ml/ranking/onnx-kernels.js";
import { itemScores } from "../dist/ml/ranking/vector-scores.js";
import { allRankingMetrics, evaluateRanker } from "../dist/recsys/evaluation/evaluate-ranker.js";

const D = 64;
const CUTOFFS = [10, 20];

function lists(random, numUsers, numItems, size) {
  return Array.from({ length: numUsers }, () => {
    const items = new Set();
    while (items.size < size) {
      items.add(random.int(numItems));
    }
    return Int32Array.from(items).sort();
  });
}

/** The same metrics from a full sort. */
function naive(model, heldOut, [train], numItems) {
  const sums = {};
  heldOut.forEach((items, user) => {
    const masked = new Set(train[user]);
    const scores = model.score(user);
    const ranking = Array.from({ length: numItems }, (_, item) => item)
      .filter(item => !masked.has(item))
      .sort((a, b) => scores[b] - scores[a] || a - b);
    const relevant = new Set(items);
    for (const [name, metric] of Object.entries(allRankingMetrics)) {
      for (const k of CUTOFFS) {
        const key = `${name}@${k}`;
        sums[key] = (sums[key] ?? 0) + metric(ranking, relevant, k) / heldOut.length;
      }
    }
  });
  return sums;
}

async function best(runs, work) {
  let seconds = Infinity;
  let result;
  for (let run = 0; run < runs; run++) {
    const startMs = performance.now();
    result = await work();
    seconds = Math.min(seconds, (performance.now() - startMs) / 1e3);
  }
  return { seconds: Number(seconds.toFixed(3)), result };
}

export async function run({ sizes = "600x9742" } = {}) {
  const kernels = await createOnnxKernels();
  const rows = [];
  for (const size of String(sizes).split(",")) {
    const [numUsers, numItems] = size.split("x").map(Number);
    const random = new Random(1);
    const userVectors = matrix([numUsers, D], random.normals(numUsers * D));
    const itemVectors = matrix([numItems, D], random.normals(numItems * D));
    const model = {
      score: user => itemScores(row(userVectors, user), itemVectors),
      allVectors: { userVectors, itemVectors },
    };
    const train = lists(random, numUsers, numItems, 20);
    const heldOut = lists(random, numUsers, numItems, 10);
    const options = { metrics: allRankingMetrics, cutoffs: CUTOFFS };
    const blocks = await best(3, () =>
      evaluateRanker(model, heldOut, [train], { ...options, kernels }),
    );
    const oneByOne = await best(2, () => evaluateRanker(model, heldOut, [train], options));
    const sorted = await best(1, () => naive(model, heldOut, [train], numItems));
    const worst = Math.max(
      ...Object.entries(sorted.result).map(([name, value]) =>
        Math.abs(value - blocks.result.metrics[name]),
      ),
    );
    if (worst > 1e-4) {
      throw new Error(`the blocked evaluation differs from the sorted one by ${worst}`);
    }
    rows.push({
      numUsers,
      numItems,
      blockSeconds: blocks.seconds,
      userByUserSeconds: oneByOne.seconds,
      fullSortSeconds: sorted.seconds,
      timesFasterThanFullSort: Number((sorted.seconds / blocks.seconds).toFixed(1)),
      largestDifference: Number(worst.toExponential(1)),
    });
  }
  await kernels.dispose();
  console.table(rows);
  return { rows };
}
