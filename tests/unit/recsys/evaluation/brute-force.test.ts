/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { dot, matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { createOnnxKernels } from "../../../../src/ml/ranking/onnx-kernels.js";
import {
  allRankingMetrics,
  beyondAccuracy,
  evaluateRanker,
} from "../../../../src/recsys/evaluation/evaluate-ranker.js";

const M = 37;
const N = 90;
const D = 8;

const random = new Random(11);
const userVectors = matrix([M, D], random.normals(M * D));
const itemVectors = matrix([N, D], random.normals(N * D));
const score = (user: number) =>
  Float32Array.from({ length: N }, (_, item) =>
    dot(row(userVectors, user), row(itemVectors, item)),
  );
const model = { score, allVectors: { userVectors, itemVectors } };
const parts = (shift: number, size: number) =>
  Array.from({ length: M }, (_, user) =>
    Int32Array.from(
      new Random(user).shuffled([...Array(N).keys()]).slice(shift, shift + ((size + user) % 7)),
    ).sort(),
  );
const train = parts(0, 3);
const validation = parts(20, 2);
const heldOut = parts(40, 1);

/** Sorts everything in double precision and counts. */
function bruteForce(user: number, k: number): Record<string, number> {
  const masked = new Set([...train[user], ...validation[user]]);
  const scores = [...Array(N).keys()].map(item =>
    row(userVectors, user).reduce((sum, value, d) => sum + value * row(itemVectors, item)[d], 0),
  );
  const ranking = [...Array(N).keys()]
    .filter(item => !masked.has(item))
    .sort((a, b) => scores[b] - scores[a])
    .slice(0, k);
  const relevant = [...heldOut[user]];
  const hits = ranking.map(item => (relevant.includes(item) ? 1 : 0));
  const numHits = hits.reduce((sum: number, hit) => sum + hit, 0);
  const gain = (list: readonly number[]) =>
    list.reduce((sum, hit, place) => sum + hit / Math.log2(place + 2), 0);
  const ideal = (count: number) => gain(Array<number>(count).fill(1));
  const precisions = hits.map(
    (hit, place) => (hit * hits.slice(0, place + 1).filter(Boolean).length) / (place + 1),
  );
  return {
    recall: numHits / relevant.length,
    precision: numHits / k,
    hit: numHits > 0 ? 1 : 0,
    mrr: numHits > 0 ? 1 / (hits.indexOf(1) + 1) : 0,
    map: precisions.reduce((sum, p) => sum + p, 0) / Math.min(relevant.length, k),
    ndcg: gain(hits) / ideal(Math.min(relevant.length, k)),
    ndcgRetrieved: numHits > 0 ? gain(hits) / ideal(numHits) : 0,
  };
}

describe("evaluateRanker() against sorting everything in double precision", () => {
  it.each(["the model's own scores", "products of blocks"])("agrees by %s", async kind => {
    const kernels = kind.startsWith("products") ? await createOnnxKernels() : undefined;
    const cutoffs = [1, 5, 10];
    const { byUser, userIndices, metrics } = await evaluateRanker(
      model,
      heldOut,
      [train, validation],
      { metrics: allRankingMetrics, cutoffs, kernels },
    );
    expect(userIndices.length).toBeGreaterThan(25);
    userIndices.forEach((user, place) => {
      for (const k of cutoffs) {
        for (const [name, value] of Object.entries(bruteForce(user, k))) {
          expect(byUser[place][`${name}@${k}`]).toBeAllclose(value);
        }
      }
    });
    const mean = userIndices.reduce((sum, user) => sum + bruteForce(user, 10).ndcg, 0);
    expect(metrics["ndcg@10"]).toBeAllclose(mean / userIndices.length);
    await kernels?.dispose();
  });

  it("does not change the model's scores and vectors", async () => {
    const before = userVectors.values.slice();
    const scores = score(3);
    await evaluateRanker({ score: () => scores }, heldOut, [train]);
    expect(scores.some(Number.isNaN)).toBe(false);
    expect(userVectors.values).toEqual(before);
  });

  it("reports coverage, Gini index and novelty by cut-off", () => {
    expect(
      beyondAccuracy(
        [
          [0, 1],
          [0, 2],
        ],
        { train: [Int32Array.of(0), Int32Array.of(0, 1)], numItems: 4 },
        [1, 2],
      ),
    ).toEqual({
      "coverage@1": 0.25,
      "gini@1": 1,
      "novelty@1": 0,
      "coverage@2": 0.75,
      "gini@2": expect.closeTo((-1 + 1 + 3 * 2) / 12, 6) as number,
      "novelty@2": 0.5, // log2(2/2), log2(2/1) and, never chosen, log2(2/1), over 4
    });
  });
});
