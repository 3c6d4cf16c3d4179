import { Random } from "../../../../src/ml/nn/random.js";
import type { FreedomConfig } from "../../../../src/ml/ranking/freedom-config.js";
import { graphWeights, prunedInteractions } from "../../../../src/ml/ranking/freedom-graphs.js";
import { Freedom } from "../../../../src/ml/ranking/freedom.js";
import { loadRecommender } from "../../../../src/ml/ranking/load-recommender.js";
import type { BatchReport } from "../../../../src/ml/ranking/recommender.js";
import { interactions } from "../../../../src/ml/ranking/user-item-graph.js";
import { checkerboard, describeRecommender } from "../../../contracts/recommender.contract.js";
import { memoryCheckpoint } from "../../../helpers/memory-checkpoint.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const small: Partial<FreedomConfig> = {
  embeddingSize: 8,
  numNeighbours: 4,
  pruning: 0.5,
  modalityLossWeight: 0.1,
  learningRate: 0.02,
  batchSize: 64,
  numEpochs: 25,
  validateEvery: 5,
};

const create = (changes: Partial<FreedomConfig> = {}) =>
  new Freedom({ ...small, ...changes }, async () => new PlainKernels());

describeRecommender("FREEDOM", {
  create: () => create(),
  load: loadRecommender,
  isPersonal: true,
  isInductive: true,
});

describeRecommender("FREEDOM with the whole graph, two item layers and frozen features", {
  create: () => create({ pruning: 0, numItemLayers: 2, trainFeatures: false }),
  load: loadRecommender,
  isPersonal: true,
  isInductive: true,
});

describe("Freedom.fit()", () => {
  it("gives the same bytes when stopped and resumed", async () => {
    const config = { numEpochs: 6 };
    const whole = create(config);
    await whole.fit(checkerboard());
    const checkpoint = memoryCheckpoint({ everyEpochs: 2, everyMinutes: Infinity });
    const stop = new AbortController();
    // In the middle of the fourth epoch, which is repeated.
    const onBatch = ({ epoch, batch }: BatchReport) => epoch === 4 && batch === 2 && stop.abort();
    await expect(
      create(config).fit(checkerboard(), { checkpoint, onBatch, signal: stop.signal }),
    ).rejects.toThrow("aborted");
    const resumed = create(config);
    const epochs: number[] = [];
    await resumed.fit(checkerboard(), { checkpoint, onEpoch: ({ epoch }) => epochs.push(epoch) });
    expect(epochs).toEqual([3, 4, 5, 6]);
    expect(resumed.toFiles()).toEqual(whole.toFiles());
  });

  it("saves a checkpoint at the end of an epoch after the given minutes", async () => {
    const epochsAfterStop = async (everyMinutes: number) => {
      const checkpoint = memoryCheckpoint({ everyEpochs: 100, everyMinutes });
      const stop = new AbortController();
      const onEpoch = ({ epoch }: { epoch: number }) => epoch === 3 && stop.abort();
      const config = { numEpochs: 5 };
      await expect(
        create(config).fit(checkerboard(), { checkpoint, onEpoch, signal: stop.signal }),
      ).rejects.toThrow("aborted");
      const epochs: number[] = [];
      await create(config).fit(checkerboard(), {
        checkpoint,
        onEpoch: ({ epoch }) => epochs.push(epoch),
      });
      return epochs;
    };
    expect(await epochsAfterStop(0)).toEqual([4, 5]);
    expect(await epochsAfterStop(Infinity)).toEqual([1, 2, 3, 4, 5]);
  });

  it("requires a modality", async () => {
    await expect(create().fit({ ...checkerboard(), modalities: [] })).rejects.toMatchObject({
      code: "EMBEDDINGS_MISSING",
    });
  });

  it("trains on one modality, and on items that lack theirs", async () => {
    const { modalities, ...data } = checkerboard();
    const [visual] = modalities!;
    visual.features.values.fill(0, 0, 3 * visual.features.shape[1]);
    const model = create({ numEpochs: 3 });
    await model.fit({ ...data, modalities: [visual] });
    expect(model.score(0).every(Number.isFinite)).toBe(true);
  });
});

describe("prunedInteractions()", () => {
  // User 0 chose items 0..8, user 1 item 9: its only edge has the weight 1, the others 1/3.
  const chosen = interactions([
    Int32Array.from({ length: 9 }, (_, item) => item),
    Int32Array.of(9),
  ]);

  it("keeps ⌊E (1 - pruning)⌋ distinct interactions in order", () => {
    const { users, items } = prunedInteractions(chosen, 0.65, new Random(1));
    expect(users).toHaveLength(3);
    expect([...items]).toEqual([...new Set(items)].sort((a, b) => a - b));
  });

  it("keeps all without pruning", () => {
    expect(prunedInteractions(chosen, 0, new Random(1))).toEqual(chosen);
  });

  it("keeps an edge in proportion to 1 / sqrt(d_u d_i)", () => {
    const random = new Random(3);
    const runs = 4000;
    let hits = 0;
    for (let run = 0; run < runs; run++) {
      hits += prunedInteractions(chosen, 0.85, random).users[0]; // one interaction is left
    }
    const p = 1 / (1 + 9 / 3);
    const z = (hits / runs - p) / Math.sqrt((p * (1 - p)) / runs);
    expect(Math.abs(z)).toBeLessThan(4);
  });
});

describe("graphWeights()", () => {
  it("scales the present modalities' weights to sum to 1", () => {
    const weights = { visual: 0.1, textual: 0.9 };
    const of = (...names: string[]) =>
      graphWeights(
        names.map(name => ({ name })),
        weights,
      );
    expect(of("visual", "textual")).toEqual([0.1, 0.9]);
    expect(of("visual")).toEqual([1]);
    expect(of("textual", "audio").map(weight => weight.toFixed(3))).toEqual(["0.643", "0.357"]);
  });
});
