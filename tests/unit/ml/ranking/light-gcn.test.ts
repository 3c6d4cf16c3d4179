import { LightGcn } from "../../../../src/ml/ranking/light-gcn.js";
import { loadRecommender } from "../../../../src/ml/ranking/load-recommender.js";
import { checkerboard, describeRecommender } from "../../../contracts/recommender.contract.js";
import { memoryCheckpoint } from "../../../helpers/memory-checkpoint.js";

const small = { embeddingSize: 8, learningRate: 0.05, batchSize: 64, numEpochs: 40 };

describeRecommender("LightGCN", {
  create: () => new LightGcn(small),
  load: loadRecommender,
  isPersonal: true,
});

describeRecommender("BPR-MF", {
  create: () => new LightGcn({ ...small, numLayers: 0 }),
  load: loadRecommender,
  isPersonal: true,
});

describe("LightGcn", () => {
  it("is called BPR-MF without layers", () => {
    expect([new LightGcn(small).algorithm, new LightGcn({ numLayers: 0 }).algorithm]).toEqual([
      "LightGCN",
      "BPR-MF",
    ]);
  });

  it("resumes to the same bytes", async () => {
    const config = { ...small, numEpochs: 6 };
    const whole = new LightGcn(config);
    await whole.fit(checkerboard());
    const checkpoint = memoryCheckpoint({ everyEpochs: 2 });
    const stop = new AbortController();
    const onEpoch = ({ epoch }: { epoch: number }) => epoch === 3 && stop.abort();
    await new LightGcn(config)
      .fit(checkerboard(), { checkpoint, onEpoch, signal: stop.signal })
      .catch(() => undefined);
    const resumed = new LightGcn(config);
    const epochs: number[] = [];
    await resumed.fit(checkerboard(), { checkpoint, onEpoch: ({ epoch }) => epochs.push(epoch) });
    expect(epochs).toEqual([3, 4, 5, 6]);
    expect([...resumed.score(2)]).toEqual([...whole.score(2)]);
  });

  it("refuses to rank before it was trained", () => {
    expect(() => new LightGcn().score(0)).toThrow("call fit or load first");
  });
});
