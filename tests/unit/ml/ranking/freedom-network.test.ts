/** @jest-environment ./tests/helpers/float64-environment.js */
import { type Matrix, matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  defaultFreedomConfig,
  type FreedomConfig,
} from "../../../../src/ml/ranking/freedom-config.js";
import { frozenItemGraph } from "../../../../src/ml/ranking/freedom-graphs.js";
import { FreedomNetwork, freedomParameters } from "../../../../src/ml/ranking/freedom-network.js";
import { microShape } from "../../../../src/ml/ranking/micro-parameters.js";
import type { RankingData } from "../../../../src/ml/ranking/recommender.js";
import { symmetricAdjacency } from "../../../../src/ml/ranking/user-item-graph.js";
import { centralDifferences, relativeError } from "../../../helpers/gradient.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const M = 4;
const N = 9;
const kernels = new PlainKernels();
const features = (F: number, seed: number) => matrix([N, F], new Random(seed).normals(N * F));

const data: RankingData = {
  numUsers: M,
  numItems: N,
  train: [
    [0, 1, 4],
    [2, 3],
    [5, 6, 7, 8],
    [0, 8],
  ].map(items => Int32Array.from(items)),
  modalities: [
    { name: "visual", features: features(5, 1) },
    { name: "textual", features: features(3, 2) },
  ],
};

const triples = {
  users: Int32Array.of(0, 1, 2, 3, 2),
  positives: Int32Array.of(1, 3, 5, 8, 5),
  negatives: Int32Array.of(2, 0, 4, 5, 0),
};

async function create(changes: Partial<FreedomConfig> = {}) {
  const config = {
    ...defaultFreedomConfig,
    embeddingSize: 6,
    numNeighbours: 3,
    modalityLossWeight: 0.4,
    ...changes,
  };
  const shape = microShape(data, config.embeddingSize);
  const random = new Random(7);
  const parameters = freedomParameters(shape, data, random);
  const { graph: itemGraph } = await frozenItemGraph(data.modalities!, config, kernels);
  const network = new FreedomNetwork(shape, config, parameters, { itemGraph, kernels });
  return { network, parameters, userItem: symmetricAdjacency(data.train, N) };
}

describe("FreedomNetwork", () => {
  it.each<[string, Partial<FreedomConfig>]>([
    ["the authors' layers", {}],
    ["two layers over the items and three over both", { numItemLayers: 2, numLayers: 3 }],
  ])("has the gradient of central differences with %s", async (_, changes) => {
    const { network, parameters, userItem } = await create(changes);
    const { gradients } = await network.batch(userItem, triples);
    const loss = async () => (await network.batch(userItem, triples)).losses.total;
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(parameters).sort());
    const errors: Record<string, number> = {};
    for (const [name, values] of Object.entries(parameters)) {
      const expected = await centralDifferences(loss, values, 1e-4);
      const gradient = gradients[name];
      const dense = new Float32Array(values.length);
      if (gradient instanceof Float32Array) {
        dense.set(gradient);
      } else {
        const [, F] = gradient.values.shape;
        gradient.rows.forEach((row, at) =>
          dense.set(gradient.values.values.subarray(at * F, (at + 1) * F), row * F),
        );
      }
      errors[name] = relativeError(dense, expected);
    }
    for (const [name, error] of Object.entries(errors)) {
      expect({ name, isClose: error < 1e-6 }).toEqual({ name, isClose: true });
    }
  });

  it("weighs each modality's own loss by λ, and leaves it out where λ is 0", async () => {
    const batchWith = async (modalityLossWeight: number) => {
      const { network, userItem } = await create({ modalityLossWeight });
      return network.batch(userItem, triples);
    };
    const [none, half, whole] = [await batchWith(0), await batchWith(0.5), await batchWith(1)];
    for (const name of ["visual", "textual"]) {
      expect(whole.losses[`bpr.${name}`]).toBeGreaterThan(0);
      expect(whole.losses[`bpr.${name}`]).toBeCloseTo(2 * half.losses[`bpr.${name}`], 9);
      expect(none.losses[`bpr.${name}`]).toBe(0);
    }
    expect(Object.keys(none.gradients).sort()).toEqual(["items", "users"]);
  });

  it("gives the vectors of the dense equations", async () => {
    const { network, parameters, userItem } = await create();
    const { userVectors, itemVectors } = network.forward(userItem);
    const expected = denseVectors(parameters);
    expect(userVectors).toBeAllclose(expected.slice(0, M).flat(), { atol: 1e-9 });
    expect(itemVectors).toBeAllclose(expected.slice(M).flat(), { atol: 1e-9 });
  });
});

/** `mean(E, ÂE, Â²E) + [0; S X]` with dense matrices, independent of the code under test; k = 3, D = 6. */
function denseVectors(parameters: Record<string, Float32Array>): number[][] {
  const D = 6;
  const E0 = [...table(parameters.users, M, D), ...table(parameters.items, N, D)];
  const V = M + N;
  const chosen = (a: number, b: number) => a < M && b >= M && data.train[a].includes(b - M);
  const A = Array.from({ length: V }, (_, a) =>
    Array.from({ length: V }, (__, b) => (chosen(a, b) || chosen(b, a) ? 1 : 0)),
  );
  const degrees = A.map(line => line.reduce<number>((sum, value) => sum + value, 0));
  const walk = A.map((line, a) =>
    line.map((value, b) => (value > 0 ? value / Math.sqrt(degrees[a] * degrees[b]) : 0)),
  );
  const E1 = product(walk, E0);
  const E2 = product(walk, E1);
  const S = mixed(
    [0.1, 0.9],
    data.modalities!.map(({ features: f }) => denseNeighbours(f)),
  );
  const SX = product(S, E0.slice(M));
  return E0.map((line, a) =>
    line.map((value, d) => (value + E1[a][d] + E2[a][d]) / 3 + (a >= M ? SX[a - M][d] : 0)),
  );
}

function denseNeighbours({ shape: [, F], values }: Matrix): number[][] {
  const rows = table(values, N, F);
  const cosines = rows.map(a =>
    rows.map(b => a.reduce((s, x, f) => s + x * b[f], 0) / (Math.hypot(...a) * Math.hypot(...b))),
  );
  const K = cosines.map(line => {
    const threshold = [...line].sort((a, b) => b - a)[2];
    return line.map(value => (value >= threshold && value > 0 ? 1 : 0));
  });
  const degrees = K.map(line => line.reduce<number>((sum, value) => sum + value, 0));
  return K.map((line, i) => line.map((value, j) => value / Math.sqrt(degrees[i] * degrees[j])));
}

function mixed(weights: number[], graphs: number[][][]): number[][] {
  return graphs[0].map((line, i) =>
    line.map((_, j) => weights.reduce((sum, weight, m) => sum + weight * graphs[m][i][j], 0)),
  );
}

function table(values: Float32Array, rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, (_, r) => [...values.slice(r * columns, (r + 1) * columns)]);
}

function product(a: number[][], b: number[][]): number[][] {
  return a.map(line =>
    b[0].map((_, c) => line.reduce((sum, value, k) => sum + value * b[k][c], 0)),
  );
}
