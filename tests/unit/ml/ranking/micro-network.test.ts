/** @jest-environment ./tests/helpers/float64-environment.js */
import { type Matrix, matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { transposed } from "../../../../src/ml/nn/sparse.js";
import { itemGraph } from "../../../../src/ml/ranking/item-graph.js";
import { defaultMicroConfig, type MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { MicroHead } from "../../../../src/ml/ranking/micro-head.js";
import { MicroNetwork, type MicroGraphs } from "../../../../src/ml/ranking/micro-network.js";
import { initialParameters, microShape } from "../../../../src/ml/ranking/micro-parameters.js";
import { batchViews } from "../../../../src/ml/ranking/personal-views.js";
import type { PersonalViews, RankingData } from "../../../../src/ml/ranking/recommender.js";
import { userItemGraph } from "../../../../src/ml/ranking/user-item-graph.js";
import { centralDifferences, relativeError } from "../../../helpers/gradient.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const M = 4;
const N = 9;
const kernels = new PlainKernels();

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
    { name: "textual", features: features(3, 2, [4]) },
  ],
};

/** Random features, zeros for the items that have none. */
function features(F: number, seed: number, missing: readonly number[] = []): Matrix {
  const result = matrix([N, F], new Random(seed).normals(N * F));
  missing.forEach(item => row(result, item).fill(0));
  return result;
}

const config: MicroConfig = {
  ...defaultMicroConfig,
  embeddingSize: 6,
  numNeighbours: 4,
  rawWeight: 0.4, // lets the learned graph count
  contrastWeight: 0.5,
  l2Weight: 0.1,
};

const triples = {
  users: Int32Array.of(0, 1, 2, 3, 2),
  positives: Int32Array.of(1, 3, 5, 8, 5),
  negatives: Int32Array.of(2, 0, 4, 5, 0),
};

/** An image of every item but one for every user, one of zeros among them. */
const shown: PersonalViews = {
  id: "random",
  share: 0.6,
  of: (user, item) =>
    item === 4
      ? null
      : Float32Array.from(new Random(17 * user + item).normals(5), value =>
          user === 3 && item === 5 ? 0 : value,
        ),
};

async function create(changes: Partial<MicroConfig> = {}) {
  const changed = { ...config, ...changes };
  const shape = microShape(data, changed.embeddingSize);
  const parameters = initialParameters(shape, changed, data, new Random(7));
  const head = MicroHead.create(data, changed.visualHead, { parameters, kernels });
  const network = new MicroNetwork(shape, changed, parameters, { kernels, head });
  const userItem = userItemGraph(changed.adjacency, data.train, N);
  const raw = await Promise.all(
    data.modalities!.map(modality => itemGraph(modality.features, changed, kernels)),
  );
  const graphs = async (): Promise<MicroGraphs> => ({
    userItem,
    userItemTransposed: transposed(userItem),
    modalities: await Promise.all(raw.map((graph, m) => network.modalityGraph(m, graph))),
  });
  return { network, parameters, graphs };
}

describe("MicroNetwork", () => {
  it.each<[string, Partial<MicroConfig>, number[] | null]>([
    ["learned and raw graphs, some anchors", {}, [0, 3, 7]],
    ["frozen graphs, contrast within the batch", { graphs: "frozen" }, null],
    [
      "a visual head, and personal images of some triples",
      { graphs: "frozen", visualHead: { size: 3, weight: 1.5, l2: 0.02 } },
      [0, 3, 7],
    ],
    ["the symmetric adjacency", { adjacency: "symmetric", numLayers: 1 }, [1, 2, 4, 5]],
  ])("has the gradient of central differences with %s", async (_, changes, anchors) => {
    const { network, parameters, graphs } = await create(changes);
    const views = changes.visualHead
      ? batchViews(triples, { numItems: N, views: shown }, new Random(3))
      : null;
    expect(views?.items.length ?? 4).toBe(4); // of two of the five triples
    const batch = { triples, views, anchors, isFirst: true };
    const { gradients } = await network.batch(await graphs(), batch);
    const loss = async () => (await network.batch(await graphs(), batch)).losses.total;
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(parameters).sort());
    for (const [name, values] of Object.entries(parameters)) {
      const expected = await centralDifferences(loss, values, 1e-4);
      expect({ name, error: relativeError(gradients[name], expected) }).toEqual({
        name,
        error: expect.closeTo(0, 6) as number,
      });
    }
  });

  it("gives the same item vectors as the dense equations in 64 bits", async () => {
    const { network, parameters, graphs } = await create({ graphs: "frozen" });
    const { itemVectors } = await network.forward(await graphs());
    expect(itemVectors).toBeAllclose(denseItemVectors(parameters), { atol: 1e-9 });
  });
});

/** The equations of `micro-network.ts` with dense matrices: `Ī + h / ||h||` for frozen graphs and the random-walk adjacency. */
function denseItemVectors(parameters: Record<string, Float32Array>): number[] {
  const D = config.embeddingSize;
  const X = table(parameters.items, N, D);
  const views = data.modalities!.map(modality => product(denseItemGraph(modality.features), X));
  const W = table(parameters["fusion.weight"], D, D);
  const h = X.map((_, i) => {
    const scores = views.map(view =>
      product([view[i]], W)[0].reduce(
        (sum, value, d) =>
          sum + Math.tanh(value + parameters["fusion.bias"][d]) * parameters["fusion.query"][d],
        0,
      ),
    );
    const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    return X[0].map((__, d) =>
      views.reduce((sum, view, m) => sum + (Math.exp(scores[m]) / total) * view[i][d], 0),
    );
  });
  const V = M + N;
  const walk = Array.from({ length: V }, (_, a) =>
    Array.from({ length: V }, (__, b) => {
      const chosen = (user: number, item: number) =>
        user < M && item >= M && data.train[user].includes(item - M);
      return a === b || chosen(a, b) || chosen(b, a) ? 1 : 0;
    }),
  ).map(line => line.map(value => value / line.reduce<number>((sum, entry) => sum + entry, 0)));
  const E0 = [...table(parameters.users, M, D), ...X];
  const E1 = product(walk, E0);
  const E2 = product(walk, E1);
  return h.flatMap((vector, i) => {
    const length = Math.hypot(...vector);
    return vector.map(
      (value, d) => (E0[M + i][d] + E1[M + i][d] + E2[M + i][d]) / 3 + value / length,
    );
  });
}

function denseItemGraph({ shape: [, F], values }: Matrix): number[][] {
  const rows = table(values, N, F);
  const similarities = rows.map(a =>
    rows.map(b => {
      const lengths = Math.hypot(...a) * Math.hypot(...b);
      return lengths > 0 ? a.reduce((sum, value, f) => sum + value * b[f], 0) / lengths : 0;
    }),
  );
  const kept = similarities.map(line => {
    const threshold = [...line].sort((a, b) => b - a)[config.numNeighbours - 1];
    return line.map(value => (value >= threshold && value > 0 ? value : 0));
  });
  const degrees = kept.map(line => line.reduce((sum, value) => sum + value, 0));
  return kept.map((line, i) =>
    line.map((value, j) => (value > 0 ? value / Math.sqrt(degrees[i] * degrees[j]) : 0)),
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
