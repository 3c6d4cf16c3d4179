/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { loadRecommender } from "../../../../src/ml/ranking/load-recommender.js";
import type { MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { Micro } from "../../../../src/ml/ranking/micro.js";
import type { RankingData } from "../../../../src/ml/ranking/recommender.js";
import { checkerboard, describeRecommender } from "../../../contracts/recommender.contract.js";
import { memoryCheckpoint } from "../../../helpers/memory-checkpoint.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const small: Partial<MicroConfig> = {
  embeddingSize: 8,
  numNeighbours: 4,
  learningRate: 0.02,
  batchSize: 64,
  numEpochs: 15,
  contrast: { kind: "anchors", count: 8 },
};

const create = (changes: Partial<MicroConfig> = {}) =>
  new Micro({ ...small, ...changes }, async () => new PlainKernels());

describeRecommender("MICRO", {
  create: () => create(),
  load: files => Micro.fromFiles(files),
  isPersonal: true,
  isInductive: true,
});

describeRecommender(
  "MICRO with frozen graphs, a contrast within the batch and the symmetric adjacency",
  {
    create: () =>
      create({ graphs: "frozen", contrast: { kind: "inBatch" }, adjacency: "symmetric" }),
    load: files => Micro.fromFiles(files),
    isPersonal: true,
    isInductive: true,
  },
);

describeRecommender("MICRO with an item-item part", {
  create: () => create({ graphs: "frozen", itemItem: { lambda: 5, sideWeight: 2, weight: 1 } }),
  load: loadRecommender,
  isPersonal: true,
  isInductive: true,
});

describeRecommender("MICRO with a visual head", {
  create: () => create({ graphs: "frozen", visualHead: { size: 4, weight: 1, l2: 1e-4 } }),
  load: loadRecommender,
  isPersonal: true,
  isInductive: true,
});

/** The checkerboard with the withheld items as validation. */
const validated = (): RankingData => ({
  ...checkerboard(),
  validation: Array.from({ length: 20 }, (_, user) => Int32Array.of(user)),
});

describe("Micro.fit()", () => {
  it("gives the same bytes when stopped and resumed", async () => {
    const config = { numEpochs: 7, validateEvery: 2, patience: 100 };
    const uninterrupted = create(config);
    const whole = await uninterrupted.fit(validated());
    const checkpoint = memoryCheckpoint({ everyEpochs: 2 });
    const stop = new AbortController();
    const stopped = create(config).fit(validated(), {
      checkpoint,
      signal: stop.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 5) {
          stop.abort(); // after the checkpoint of epoch 4: epoch 5 is repeated
        }
      },
    });
    await expect(stopped).rejects.toThrow("aborted");
    const epochs: number[] = [];
    const resumed = create(config);
    const report = await resumed.fit(validated(), {
      checkpoint,
      onEpoch: ({ epoch }) => epochs.push(epoch),
    });
    expect(epochs).toEqual([5, 6, 7]);
    expect(report).toEqual(whole);
    expect(resumed.toFiles()).toEqual(uninterrupted.toFiles());
  });

  it("refuses a checkpoint of another training", async () => {
    const checkpoint = memoryCheckpoint({ everyEpochs: 1 });
    await create({ numEpochs: 1 }).fit(checkerboard(), { checkpoint });
    await expect(
      create({ numEpochs: 1, seed: 9 }).fit(checkerboard(), { checkpoint }),
    ).rejects.toMatchObject({ code: "FILE_MALFORMED" });
  });

  it("stops within an epoch at the signal", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(create().fit(checkerboard(), { signal })).rejects.toThrow("enough");
  });

  it("keeps the best epoch on validation, and stops early", async () => {
    const recalls: (number | undefined)[] = [];
    // 20 items and a cut-off of 20: every recall is 1, so the first is the best.
    const report = await create({ numEpochs: 50, validateEvery: 1, patience: 2 }).fit(validated(), {
      onEpoch: ({ validationRecall }) => recalls.push(validationRecall),
    });
    expect(recalls).toEqual([1, 1, 1, 1]);
    expect(report).toEqual({ epoch: 1, validationRecall: 1 });
  });

  it("counts the patience after the warm-up", async () => {
    const epochs: number[] = [];
    const schedule = { numEpochs: 50, validateEvery: 1, patience: 2, minEpochs: 6 };
    const report = await create(schedule).fit(validated(), {
      onEpoch: ({ epoch }) => epochs.push(epoch),
    });
    // Epoch 1 is the best as above; without a warm-up training stops after epoch 4.
    expect(epochs.at(-1)).toBe(9);
    expect(report.epoch).toBe(1);
  });

  it("refuses non-finite values", async () => {
    await expect(create({ learningRate: 1e30 }).fit(checkerboard())).rejects.toMatchObject({
      code: "TRAINING_DIVERGED",
    });
  });

  it("trains when items lack a modality, or all of them", async () => {
    const data = checkerboard();
    const [visual, textual] = data.modalities!;
    visual.features.values.fill(0, 0, 4 * visual.features.shape[1]);
    textual.features.values.fill(0, 0, 2 * textual.features.shape[1]);
    const model = create();
    await model.fit(data);
    expect(model.score(0).every(Number.isFinite)).toBe(true);
  });

  it("requires a modality", async () => {
    const data = { ...checkerboard(), modalities: [] };
    await expect(create().fit(data)).rejects.toMatchObject({
      code: "EMBEDDINGS_MISSING",
    });
  });

  it("takes one modality", async () => {
    const { modalities, ...data } = checkerboard();
    const model = create({ numEpochs: 2 });
    await model.fit({ ...data, modalities: modalities!.slice(0, 1) });
    expect(model.score(0).every(Number.isFinite)).toBe(true);
  });

  it("takes three modalities", async () => {
    const data = checkerboard();
    const audio = { name: "audio", features: matrix([20, 3], new Random(5).normals(60)) };
    const model = create({ numEpochs: 2 });
    await model.fit({ ...data, modalities: [...data.modalities!, audio] });
    expect(model.score(0).every(Number.isFinite)).toBe(true);
  });
});
