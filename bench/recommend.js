/**
 * The best items of one user among all scores: by selection, as `recommend` does, and by a full sort, in the same run.
 * `npm run bench -- recommend [--items 1000000] [--depth 200]`. Needs `npm run build`.
 */
import { Random } from "../dist/ml/nn/random.js";
import { topK } from "../dist/ml/nn/top-k.js";
import { RankedList } from "../dist/recsys/ranking/ranked-lists.js";
import { cpuMs, rounded } from "./support/measure.js";

const ROUNDS = 5;

/** Minimum CPU milliseconds of several rounds, and the result. */
function leastCpu(work) {
  let least = Infinity;
  let result = null;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    result = work();
    least = Math.min(least, cpuMs(before));
  }
  return [result, least];
}

export async function run({ items: given = "1000000", depth: deep = "200" }) {
  const numItems = Number(given);
  const depth = Number(deep);
  const scores = Float32Array.from(new Random(3).normals(numItems));
  const ids = Array.from({ length: numItems }, (_, place) => `item ${place}`);
  const [selected, selectMs] = leastCpu(() => new RankedList(ids, scores).best(depth));
  const [sorted, sortMs] = leastCpu(() => Int32Array.from(topK(scores, scores.length)));
  const isSame = selected.every((place, rank) => place === sorted[rank]);
  return {
    items: numItems,
    depth,
    selectCpuMs: rounded(selectMs, 1),
    sortCpuMs: rounded(sortMs, 1),
    isSame,
  };
}
