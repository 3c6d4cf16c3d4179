import { row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import type { MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { Micro } from "../../../../src/ml/ranking/micro.js";
import { batchViews } from "../../../../src/ml/ranking/personal-views.js";
import type { PersonalViews, RankingData } from "../../../../src/ml/ranking/recommender.js";
import { trainingFingerprint } from "../../../../src/ml/ranking/training-loop.js";
import { checkerboard } from "../../../contracts/recommender.contract.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const triples = {
  users: Int32Array.of(0, 1, 2, 0),
  positives: Int32Array.of(5, 6, 7, 8),
  negatives: Int32Array.of(1, 2, 3, 4),
};
const views = (changes: Partial<PersonalViews> = {}): PersonalViews => ({
  id: "views",
  share: 1,
  of: (user, item) => Float32Array.of(user, item),
  ...changes,
});

describe("batchViews()", () => {
  it("shows both items of a triple by the images of its user", () => {
    const batch = batchViews(triples, { numItems: 10, views: views() }, new Random(1))!;
    expect([...batch.items]).toEqual([5, 1, 6, 2, 7, 3, 8, 4]);
    expect([...batch.triples.positives]).toEqual([10, 12, 14, 16]);
    expect([...batch.triples.negatives]).toEqual([11, 13, 15, 17]);
    expect([...batch.features.values]).toEqual([0, 5, 0, 1, 1, 6, 1, 2, 2, 7, 2, 3, 0, 8, 0, 4]);
  });

  it("never shows one of them alone: that would tell which was chosen", () => {
    const withoutChosen = views({ of: (_, item) => (item >= 6 ? null : Float32Array.of(1, item)) });
    const batch = batchViews(triples, { numItems: 10, views: withoutChosen }, new Random(1))!;
    expect([...batch.items]).toEqual([5, 1]);
    expect([...batch.triples.positives]).toEqual([10, 6, 7, 8]);
    expect([...batch.triples.negatives]).toEqual([11, 2, 3, 4]);
  });

  it("shows the given share of the triples, and none without views", () => {
    const count = 4_000;
    const many = {
      users: new Int32Array(count),
      positives: new Int32Array(count).fill(1),
      negatives: new Int32Array(count).fill(2),
    };
    const some = views({ share: 0.3 });
    const batch = batchViews(many, { numItems: 3, views: some }, new Random(1))!;
    expect(batch.items.length / (2 * count)).toBeCloseTo(0.3, 1);
    expect(batchViews(many, { numItems: 3 }, new Random(1))).toBeNull();
    const never = views({ of: () => null });
    expect(batchViews(many, { numItems: 3, views: never }, new Random(1))).toBeNull();
  });
});

describe("MICRO with personal images", () => {
  const board = checkerboard();
  const [{ features }] = board.modalities!;
  const config: Partial<MicroConfig> = {
    embeddingSize: 8,
    learningRate: 0.02,
    batchSize: 64,
    numEpochs: 20,
    graphs: "frozen",
    contrast: { kind: "anchors", count: 8 },
    visualHead: { size: 4, weight: 1, l2: 1e-4 },
  };
  const fitted = async (data: RankingData, changes: Partial<MicroConfig> = {}) => {
    const model = new Micro({ ...config, ...changes }, async () => new PlainKernels());
    await model.fit(data);
    return model;
  };

  it("learns from them what the catalogue images do not show", async () => {
    // The catalogue image shows nothing; the image for the user shows whether the item is even.
    const [, F] = features.shape;
    const [visual, ...others] = board.modalities!;
    const blank = {
      ...visual,
      features: { ...features, values: new Float32Array(features.values.length).fill(1) },
    };
    const telling = views({
      share: 0.5,
      of: (_, item) =>
        Float32Array.from({ length: F }, (__, f) => (f === 0 ? 1 - 2 * (item % 2) : 1)),
    });
    const data = { ...board, modalities: [blank, ...others] };
    const without = await fitted(data);
    const trained = await fitted({ ...data, views: telling });
    const lean = (model: Micro, user: number) =>
      model.featureGradient({ userIndex: user }, "visual")[0];
    for (let user = 0; user < 20; user += 2) {
      expect(lean(trained, user)).toBeGreaterThan(lean(trained, user + 1) + 0.1);
    }
    const spread = (model: Micro) =>
      Array.from({ length: 10 }, (_, n) => lean(model, 2 * n) - lean(model, 2 * n + 1)).reduce(
        (sum, value) => sum + value,
      );
    expect(spread(trained)).toBeGreaterThan(2 * Math.abs(spread(without)));
  });

  it("changes nothing without a visual head", async () => {
    const shown = views({ of: (_, item) => row(features, item).map(value => -value) });
    const [a, b] = [
      await fitted(board, { visualHead: null, numEpochs: 2 }),
      await fitted({ ...board, views: shown }, { visualHead: null, numEpochs: 2 }),
    ];
    expect([...a.score(3)]).toEqual([...b.score(3)]);
  });

  it("is another training for a checkpoint", () => {
    const of = (given?: PersonalViews) => trainingFingerprint(config, { ...board, views: given });
    expect(
      new Set([of(), of(views()), of(views({ id: "b" })), of(views({ share: 0.5 }))]).size,
    ).toBe(4);
  });
});
