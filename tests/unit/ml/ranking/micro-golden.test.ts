/**
 * MICRO's training against an independent implementation in PyTorch (`pretrain/golden_micro.py`): the same weights and
 * batches must give the same losses, batch by batch, over two epochs.
 *
 * @jest-environment ./tests/unit/ml/runtime/onnx-environment.js
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Adam, type NamedArrays } from "../../../../src/ml/nn/adam.js";
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { transposed } from "../../../../src/ml/nn/sparse.js";
import type { DenseKernels } from "../../../../src/ml/ranking/dense-kernels.js";
import { itemGraph } from "../../../../src/ml/ranking/item-graph.js";
import { defaultMicroConfig, type MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { MicroNetwork } from "../../../../src/ml/ranking/micro-network.js";
import { microShape } from "../../../../src/ml/ranking/micro-parameters.js";
import { createOnnxKernels } from "../../../../src/ml/ranking/onnx-kernels.js";
import type { RankingData } from "../../../../src/ml/ranking/recommender.js";
import { userItemGraph } from "../../../../src/ml/ranking/user-item-graph.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

interface Golden {
  config: Partial<MicroConfig>;
  learningRate: number;
  batchesPerEpoch: number;
  numUsers: number;
  numItems: number;
  train: number[][];
  batches: Record<"users" | "positives" | "negatives" | "anchors", number[]>[];
  weights: Record<string, { shape: [number, number]; values: number[] }>;
  losses: Record<"bpr" | "contrastive" | "l2", number>[];
  finalItems: number[];
  finalFeatures: number[];
}

const path = fileURLToPath(new URL("../../../golden/micro/epochs.json", import.meta.url));
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden; // written by golden_micro.py

const data: RankingData = {
  numUsers: golden.numUsers,
  numItems: golden.numItems,
  train: golden.train.map(items => Int32Array.from(items)),
  modalities: ["visual", "textual"].map(name => {
    const { shape, values } = golden.weights[`${name}.features`];
    return { name, features: matrix(shape, Float32Array.from(values)) };
  }),
};

/** The batches of the golden file, trained on as `Micro.fit` does. */
async function train(kernels: DenseKernels) {
  const config = { ...defaultMicroConfig, ...golden.config };
  const parameters: NamedArrays = {};
  for (const [name, { values }] of Object.entries(golden.weights)) {
    parameters[name] = Float32Array.from(values);
  }
  const network = new MicroNetwork(microShape(data, config.embeddingSize), config, parameters, {
    kernels,
  });
  const optimizer = new Adam(parameters);
  const raw = [];
  for (const { features } of data.modalities!) {
    raw.push(await itemGraph(features, config, kernels));
  }
  const userItem = userItemGraph("random-walk", data.train, data.numItems);
  const losses = [];
  for (let epoch = 0; epoch * golden.batchesPerEpoch < golden.batches.length; epoch++) {
    const modalities = [];
    for (const [m, graph] of raw.entries()) {
      modalities.push(await network.modalityGraph(m, graph));
    }
    const graphs = { userItem, userItemTransposed: transposed(userItem), modalities };
    for (let number = 0; number < golden.batchesPerEpoch; number++) {
      const batch = golden.batches[epoch * golden.batchesPerEpoch + number];
      const triples = {
        users: Int32Array.from(batch.users),
        positives: Int32Array.from(batch.positives),
        negatives: Int32Array.from(batch.negatives),
      };
      const result = await network.batch(graphs, {
        triples,
        anchors: batch.anchors,
        isFirst: number === 0,
      });
      optimizer.step(result.gradients, golden.learningRate * 0.96 ** (epoch / 50));
      losses.push(result.losses);
    }
  }
  return { losses, parameters };
}

describe.each<[string, () => Promise<DenseKernels>]>([
  ["ONNX Runtime", () => createOnnxKernels({ numThreads: 1 })],
  ["plain loops", async () => new PlainKernels()],
])("MICRO on %s against PyTorch", (_, create) => {
  let outcome: Awaited<ReturnType<typeof train>>;

  beforeAll(async () => {
    const kernels = await create();
    outcome = await train(kernels);
    await kernels.dispose();
  });

  it.each(["bpr", "contrastive", "l2"] as const)("matches every batch's %s within 1e-4", name => {
    const found = outcome.losses.map(losses => losses[name]);
    expect(found).toBeAllclose(
      golden.losses.map(losses => losses[name]),
      { rtol: 1e-4, atol: 0 },
    );
  });

  it("matches the final items and trained features", () => {
    const { parameters } = outcome;
    expect(parameters.items).toBeAllclose(golden.finalItems, { rtol: 0, atol: 1e-4 });
    expect(parameters["visual.features"]).toBeAllclose(golden.finalFeatures, {
      rtol: 0,
      atol: 1e-4,
    });
  });
});
