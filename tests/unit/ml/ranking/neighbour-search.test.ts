/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { type Matrix, matrix, normalizedRows, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import type { DenseKernels } from "../../../../src/ml/ranking/dense-kernels.js";
import { nearestRows, type NeighbourSearch } from "../../../../src/ml/ranking/neighbour-search.js";
import { createOnnxKernels } from "../../../../src/ml/ranking/onnx-kernels.js";

const K = 10;
const F = 24;

/** Unit rows in 40 clusters, as features of real items are; every 50th has no feature. */
function clustered(N: number): Matrix {
  const random = new Random(1);
  const centres = Array.from({ length: 40 }, () => random.normals(F));
  const rows = matrix([N, F], random.normals(N * F));
  for (let i = 0; i < N; i++) {
    const feature = row(rows, i);
    const centre = centres[random.int(centres.length)];
    centre.forEach((value, f) => (feature[f] = i % 50 === 49 ? 0 : 2 * value + feature[f]));
  }
  return normalizedRows(rows);
}

describe("nearestRows()", () => {
  let kernels: DenseKernels;

  beforeAll(async () => {
    kernels = await createOnnxKernels({ numThreads: 1 });
  });

  afterAll(() => kernels.dispose());

  it.each([300, 2100])("is exact with `exact`, in one tile or more: %i rows", async N => {
    const rows = clustered(N);
    const { indices, similarities } = await nearestRows(rows, K, "exact", kernels);
    for (const i of [0, 7, N - 2, N - 1]) {
      const products = Array.from({ length: N }, (_, j) =>
        row(rows, i).reduce((sum, value, f) => sum + value * row(rows, j)[f], 0),
      );
      const best = [...products.keys()].sort((a, b) => products[b] - products[a] || a - b);
      if (i !== N - 1) {
        expect([...indices.subarray(i * K, (i + 1) * K)]).toEqual(best.slice(0, K));
      }
      expect(similarities[i * K]).toBeAllclose(products[best[0]], { atol: 1e-5 });
    }
  });

  const approximate: NeighbourSearch[] = ["clusters", "hnsw"]; // where hnswlib-node is missing, both are clusters

  it.each(approximate)("finds at least 95 of 100 by %s, itself first", async search => {
    const N = 3000;
    const rows = clustered(N);
    const exact = await nearestRows(rows, K, "exact", kernels);
    const found = await nearestRows(rows, K, search, kernels);
    let hits = 0;
    let total = 0;
    for (let i = 0; i < N; i++) {
      if (i % 50 === 49) {
        continue; // it has no feature
      }
      expect(found.indices[i * K]).toBe(i);
      const expected = new Set(exact.indices.subarray(i * K, (i + 1) * K));
      for (let place = i * K; place < (i + 1) * K; place++) {
        hits += expected.has(found.indices[place]) ? 1 : 0;
        total++;
      }
    }
    expect(hits / total).toBeGreaterThanOrEqual(0.95);
  });

  it.each(approximate)("finds nothing for a row of zeros by %s", async search => {
    const rows = clustered(200);
    const { indices, similarities } = await nearestRows(rows, K, search, kernels);
    expect([...indices.subarray(49 * K, 50 * K)]).toEqual(new Array(K).fill(-1));
    expect([...similarities.subarray(49 * K, 50 * K)]).toEqual(new Array(K).fill(0));
  });

  it.each(approximate)("finds every row among hundreds of equal ones by %s", async search => {
    const others = clustered(600);
    const rows = matrix([1000, F]);
    const common = normalizedRows(matrix([1, F], new Random(2).normals(F)));
    for (let i = 0; i < 1000; i++) {
      row(rows, i).set(
        i % 5 < 2 ? common.values : row(others, Math.floor(i / 5) * 3 + (i % 5) - 2),
      );
    }
    const exact = await nearestRows(rows, K, "exact", kernels);
    const found = await nearestRows(rows, K, search, kernels);
    let hits = 0;
    for (let place = 0; place < 1000 * K; place++) {
      hits += found.indices[place] === exact.indices[place] ? 1 : 0;
    }
    expect(hits / (1000 * K)).toBeGreaterThanOrEqual(0.95);
  });

  it("is deterministic by clusters", async () => {
    const rows = clustered(1000);
    const first = await nearestRows(rows, K, "clusters", kernels);
    const second = await nearestRows(rows, K, "clusters", kernels);
    expect([...second.indices]).toEqual([...first.indices]);
  });

  it("chooses the search by size", async () => {
    const rows = clustered(500);
    const chosen = await nearestRows(rows, K, "auto", kernels);
    const exact = await nearestRows(rows, K, "exact", kernels);
    expect([...chosen.indices]).toEqual([...exact.indices]);
  });
});
