/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { addScaled, dot, type Matrix, matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { sparseProduct } from "../../../../src/ml/nn/sparse.js";
import { frozenItemGraph } from "../../../../src/ml/ranking/freedom-graphs.js";
import { Freedom } from "../../../../src/ml/ranking/freedom.js";
import { LightGcn } from "../../../../src/ml/ranking/light-gcn.js";
import type { MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { Micro } from "../../../../src/ml/ranking/micro.js";
import { Popularity } from "../../../../src/ml/ranking/popularity.js";
import {
  canWhatIf,
  type RankingData,
  type Recommender,
} from "../../../../src/ml/ranking/recommender.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const M = 30;
const N = 120;
const F = 12;
const NUM_CLUSTERS = 6;

/** Items in clusters that show in both modalities; users choose from two clusters each. */
function clustered(): RankingData {
  const random = new Random(11);
  const centres = Array.from({ length: NUM_CLUSTERS }, () => random.normals(F));
  const features = () => {
    const result = matrix(
      [N, F],
      random.normals(N * F).map(noise => noise / 2),
    );
    for (let item = 0; item < N; item++) {
      const feature = row(result, item);
      centres[item % NUM_CLUSTERS].forEach((value, f) => (feature[f] += value));
    }
    return result;
  };
  return {
    numUsers: M,
    numItems: N,
    train: Array.from({ length: M }, (_, user) => {
      const items = new Set<number>();
      while (items.size < 12) {
        const cluster = (user + random.int(2)) % NUM_CLUSTERS;
        items.add(cluster + NUM_CLUSTERS * random.int(N / NUM_CLUSTERS));
      }
      return Int32Array.from(items).sort();
    }),
    modalities: [
      { name: "visual", features: features() },
      { name: "textual", features: features() },
    ],
  };
}

const data = clustered();
const features = data.modalities![0].features;

const modes: [string, Partial<MicroConfig>][] = [
  ["frozen graphs", { graphs: "frozen" }],
  ["rebuilt graphs", { graphs: "rebuilt", rawWeight: 0.6 }],
  ["an item-item part", { graphs: "frozen", itemItem: { lambda: 9, sideWeight: 1, weight: 1 } }],
  ["a visual head", { graphs: "rebuilt", visualHead: { size: 5, weight: 0.5, l2: 1e-4 } }],
];

describe.each(modes)("Micro.whatIf() with %s", (_, changes) => {
  let model: Micro;

  beforeAll(async () => {
    model = new Micro(
      {
        embeddingSize: 16,
        learningRate: 0.02,
        batchSize: 128,
        numEpochs: 4,
        contrast: { kind: "anchors", count: 16 },
        ...changes,
      },
      async () => new PlainKernels(),
    );
    await model.fit(data);
  });

  it("gives an item's own feature its own score", () => {
    for (const item of [0, 17, 99]) {
      const target = { itemIndex: item, modality: "visual" };
      const [score] = model.whatIf({ userIndex: 3 }, target, [row(features, item)]);
      expect(score).toBeAllclose(model.score(3)[item], { rtol: 1e-4, atol: 1e-5 });
    }
  });

  it("accepts features of any length where graphs use raw features only", () => {
    if (changes.graphs === "frozen") {
      const candidate = row(features, 5);
      const longer = candidate.map(value => 3 * value);
      const target = { itemIndex: 8, modality: "visual" };
      const [a, b] = model.whatIf({ userIndex: 0 }, target, [candidate, longer]);
      expect(a).toBeAllclose(b);
    }
  });

  it("orders items like a full rebuild: Spearman's ρ of at least 0.99 over items and candidates", async () => {
    const random = new Random(2);
    const fast: number[] = [];
    const exact: number[] = [];
    for (let item = 0; item < N; item += 3) {
      // Another item's image, blended with the item's own, like a personalized image.
      const blend = random.uniform();
      const other = row(features, random.int(N));
      const candidate = row(features, item).map(
        (value, f) => (1 - blend) * value + blend * other[f],
      );
      const target = { itemIndex: item, modality: "visual" };
      const userIndex = random.int(M);
      fast.push(model.whatIf({ userIndex }, target, [candidate])[0]);
      exact.push((await model.exactWhatIf({ userIndex }, { ...target, candidate }))[item]);
    }
    expect(spearman(fast, exact)).toBeGreaterThanOrEqual(0.99);
  });

  it("folds in by the mean of the item vectors", () => {
    const scores = model.scoreHistory([4, 10]);
    const target = { itemIndex: 7, modality: "visual" };
    const [score] = model.whatIf({ history: [4, 10] }, target, [row(features, 7)]);
    expect(score).toBeAllclose(scores[7], { rtol: 1e-4, atol: 1e-5 });
  });

  it("treats an empty image as no image", () => {
    const target = { itemIndex: 7, modality: "visual" };
    const [score] = model.whatIf({ userIndex: 0 }, target, [new Float32Array(F)]);
    expect(Number.isFinite(score)).toBe(true);
  });

  it("refuses another modality or length", () => {
    const candidates = [new Float32Array(F + 1)];
    const whatIf = (modality: string) => () =>
      model.whatIf({ userIndex: 0 }, { itemIndex: 0, modality }, candidates);
    expect(whatIf("audio")).toThrow("expected a modality of visual, textual, got 'audio'");
    expect(whatIf("visual")).toThrow(`expected features of length ${F}, got ${F + 1}`);
  });
});

/** Exposes what a full rebuild needs. */
class OpenFreedom extends Freedom {
  /** Item vectors with the frozen item graph rebuilt from changed features; one item layer. */
  async rebuilt(itemIndex: number, candidate: Float32Array): Promise<Matrix> {
    const { itemVectors, modalities, sources } = this.trained;
    const changed = modalities.map(modality => {
      const values = modality.features.values.slice();
      const result = matrix(modality.features.shape, values);
      if (modality.name === "visual") {
        row(result, itemIndex).set(candidate);
      }
      return { ...modality, features: result };
    });
    const smoothed = async (used: typeof changed) =>
      sparseProduct((await frozenItemGraph(used, this.config, new PlainKernels())).graph, sources);
    const result = matrix(itemVectors.shape, itemVectors.values.slice());
    addScaled(result.values, (await smoothed(changed)).values, 1);
    addScaled(result.values, (await smoothed([...modalities])).values, -1);
    return result;
  }
}

describe("Freedom.whatIf()", () => {
  let model: OpenFreedom;
  const config = {
    embeddingSize: 16,
    numNeighbours: 5,
    modalityWeights: { visual: 0.4, textual: 0.6 },
    learningRate: 0.02,
    batchSize: 128,
    numEpochs: 4,
  };

  beforeAll(async () => {
    model = new OpenFreedom(config, async () => new PlainKernels());
    await model.fit(data);
  });

  it("gives an item's own feature its own score, with any number of item layers", async () => {
    const deep = new Freedom({ ...config, numItemLayers: 2 }, async () => new PlainKernels());
    await deep.fit(data);
    for (const trained of [model, deep]) {
      for (const item of [0, 17, 99]) {
        const target = { itemIndex: item, modality: "visual" };
        const [score] = trained.whatIf({ userIndex: 3 }, target, [row(features, item)]);
        expect(score).toBeAllclose(trained.score(3)[item], { rtol: 1e-5, atol: 1e-6 });
      }
    }
  });

  it("scores like a full rebuild of the frozen graph", async () => {
    const random = new Random(2);
    let numMoved = 0;
    for (let item = 0; item < N; item += 7) {
      const blend = random.uniform();
      const other = row(features, random.int(N));
      const candidate = row(features, item).map(
        (value, f) => (1 - blend) * value + blend * other[f],
      );
      const userIndex = random.int(M);
      const user = model.userVectorOf({ userIndex });
      const exact = dot(user, row(await model.rebuilt(item, candidate), item));
      const target = { itemIndex: item, modality: "visual" };
      const [fast] = model.whatIf({ userIndex }, target, [candidate]);
      expect(fast).toBeAllclose(exact, { rtol: 1e-4, atol: 1e-5 });
      numMoved += Math.abs(fast - model.score(userIndex)[item]) > 1e-3 ? 1 : 0;
    }
    expect(numMoved).toBeGreaterThan(N / 14); // most candidates have other neighbours
  });

  it("places an item with an empty image by its other modality alone", async () => {
    const none = new Float32Array(F);
    const exact = dot(model.userVectorOf({ userIndex: 1 }), row(await model.rebuilt(7, none), 7));
    const target = { itemIndex: 7, modality: "visual" };
    expect(model.whatIf({ userIndex: 1 }, target, [none])[0]).toBeAllclose(exact, { atol: 1e-5 });
  });

  it("refuses another modality or length", () => {
    const whatIf = (modality: string, length: number) => () =>
      model.whatIf({ userIndex: 0 }, { itemIndex: 0, modality }, [new Float32Array(length)]);
    expect(whatIf("audio", F)).toThrow("expected features of visual [12], textual [12], got audio");
    expect(whatIf("visual", F + 1)).toThrow("got visual [13]");
  });
});

describe("canWhatIf()", () => {
  it("is true only for models that read this modality", async () => {
    const kernels = async () => new PlainKernels();
    const short = { embeddingSize: 4, numEpochs: 1 };
    const fitted = async <Model extends Recommender>(model: Model, given: RankingData) => {
      await model.fit(given);
      return model;
    };
    const captionsOnly = { ...data, modalities: data.modalities!.slice(1) };
    for (const [model, expected] of [
      [await fitted(new Micro({ ...short, graphs: "frozen" }, kernels), data), true],
      [await fitted(new Freedom(short, kernels), data), true],
      [await fitted(new Freedom(short, kernels), captionsOnly), false],
      [await fitted(new LightGcn(short), data), false],
      [await fitted(new LightGcn({ ...short, numLayers: 0 }), data), false],
      [await fitted(new Popularity(), data), false],
    ] as const) {
      expect(canWhatIf(model, "visual")).toBe(expected);
    }
  });
});

/** The correlation of ranks; values without ties. */
function spearman(a: readonly number[], b: readonly number[]): number {
  const ranks = (values: readonly number[]) => values.map(x => values.filter(y => y < x).length);
  const [ranksA, ranksB] = [ranks(a), ranks(b)];
  const n = a.length;
  const squares = ranksA.reduce((sum, rank, i) => sum + (rank - ranksB[i]) ** 2, 0);
  return 1 - (6 * squares) / (n * (n * n - 1));
}
