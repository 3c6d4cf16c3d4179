/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSeasonalMethod } from "../../../../docs/examples/seasonal-method.js";
import { createTasteRanker } from "../../../../docs/examples/taste-ranker.js";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import type { ImageGenerator } from "../../../../src/ml/diffusion/image-generator.js";
import { noModeration } from "../../../../src/ml/moderation/moderation-strategy.js";
import { selectCandidate } from "../../../../src/recsys/images/candidate-selection.js";
import { ImageGenerationService } from "../../../../src/recsys/images/image-generation.service.js";
import {
  keywordOnlyMethod,
  plainMethod,
  rankerPreferenceMethod,
  retrievalOnlyMethod,
} from "../../../../src/recsys/images/personalization-method.js";
import { RagarMethod } from "../../../../src/recsys/images/ragar-method.js";
import { imageExperimentSchema } from "../../../../src/recsys/lab/experiments/experiment-config.js";
import { ImageExperimentService } from "../../../../src/recsys/lab/experiments/image-experiment.service.js";
import { drawItemImages } from "../../../../src/recsys/lab/reranking/draw-item-images.js";
import { rerankConfig } from "../../../../src/recsys/lab/reranking/rerank-config.js";
import { TopFeatures } from "../../../../src/recsys/ranking/top-feature.js";
import { snapshotRanker } from "../../../../src/recsys/ranking/what-if.js";
import {
  evaluationPairs,
  pairContext,
  trainItemIds,
} from "../../../../src/recsys/reflection/pairs.js";
import { describePersonalizationMethod } from "../../../contracts/personalization-method.contract.js";
import { describePictureRanker } from "../../../contracts/picture-ranker.contract.js";
import { createShop, embedding, itemId, userId } from "../ranking/shop.js";
import {
  createTinyModel,
  createTinyShop,
  imageOf,
  type TinyShop,
} from "../reflection/tiny-shop.js";

let tiny: TinyShop;

beforeAll(async () => {
  tiny = await createTinyShop();
});

afterAll(() => tiny.close());

const pairs = () => evaluationPairs(tiny.shop, "test", { numPairs: 3, seed: 0 });
const contexts = () =>
  pairs().map(pair => pairContext(tiny.shop, pair, { k: 2, historyLimit: 20 }));

for (const method of [
  plainMethod,
  rankerPreferenceMethod,
  keywordOnlyMethod,
  retrievalOnlyMethod,
  createSeasonalMethod("in snow"),
]) {
  describePersonalizationMethod(method.id, async () => ({ method, contexts: contexts() }));
}

describePersonalizationMethod("RagarMethod", async () => {
  const { model } = createTinyModel(1);
  const method = new RagarMethod({
    versionId: "p1",
    use: run => run(model),
    encoder: async () => tiny.encoder,
  });
  return { method, contexts: contexts(), close: () => model.dispose() };
});

describePictureRanker("snapshotRanker()", async () => {
  const [pair] = pairs();
  const { imageEmbedding } = tiny.shop.items.get(pair.itemId)!;
  return {
    ranker: snapshotRanker(tiny.shop),
    viewer: { userId: pair.userId, seenItemIds: trainItemIds(tiny.shop, pair) },
    itemId: pair.itemId,
    own: imageEmbedding!,
    others: [embedding("IMAGE", 2), embedding("IMAGE", 3)],
  };
});

describePictureRanker("the taste ranker of docs/examples", async () => {
  const items = new Map(
    Array.from({ length: 12 }, (_, n) => [itemId(n), embedding("IMAGE", n)] as const),
  );
  const users = new Map([[userId(0), embedding("IMAGE", 3)]]);
  return {
    ranker: createTasteRanker(users, items),
    viewer: { userId: userId(0), seenItemIds: [2, 4, 6].map(itemId) },
    itemId: itemId(1),
    own: embedding("IMAGE", 1),
    others: [embedding("IMAGE", 2), embedding("IMAGE", 3)],
  };
});

describePictureRanker("RecommendationService", async () => {
  const shop = await createShop();
  await shop.train("v1");
  return {
    ranker: shop.recommendations,
    viewer: { userId: userId(0), seenItemIds: [2, 4, 6, 8, 10].map(itemId) },
    itemId: itemId(1),
    own: embedding("IMAGE", 1),
    others: [embedding("IMAGE", 2), embedding("IMAGE", 3)],
  };
});

describe("RagarMethod", () => {
  it("begins with the policy's mean, names its version, and explores by the seed", async () => {
    const { model } = createTinyModel(1);
    const encoder = async () => tiny.encoder;
    const method = new RagarMethod({ versionId: "p1", use: run => run(model), encoder });
    const [context] = contexts();
    const [one] = await method.condition([context], 3, [1]);
    const [other] = await method.condition([context], 3, [2]);
    expect(method).toMatchObject({ id: "ragar@p1", personalizerVersionId: "p1" });
    const conditionsOf = (own: typeof one) => ("conditions" in own ? own.conditions : []);
    expect(conditionsOf(one)[0]).toEqual(conditionsOf(other)[0]);
    expect(conditionsOf(one)[1]).not.toEqual(conditionsOf(other)[1]);
    expect(conditionsOf(one)[1]).not.toEqual(conditionsOf(one)[2]);
    model.dispose();
  });
});

describe("RagarMethod with a personalizer that reads the ranking model's preference", () => {
  it("asks for it once a user, where the contexts do not say it", async () => {
    const { model } = createTinyModel(1, { rankerPreference: true });
    const asked: unknown[] = [];
    const method = new RagarMethod({
      versionId: "p1",
      use: run => run(model),
      encoder: async () => tiny.encoder,
      topFeatures: {
        of: async (user, references) => {
          asked.push([user, references]);
          return references.map(() => embedding("IMAGE", 3));
        },
      },
    });
    const [first] = contexts();
    const served = { ...first, rankerPreference: undefined };
    const others = [served, { ...served, itemId: itemId(1) }];
    await method.condition([...others, first], 1, [1, 2, 3]);
    expect(asked).toEqual([[first.userId, [first.itemId, itemId(1)]]]);
    model.dispose();
  });
});

describe("TopFeatures", () => {
  it("are the mean feature of the items that the model puts first, without the reference", async () => {
    const top = (source: "RANKER" | "POPULARITY") =>
      new TopFeatures({
        recommendations: {
          recommend: async (_user, count) => ({
            source,
            items: Array.from({ length: count }, (_, n) => {
              return { itemId: itemId(n), score: -n, rank: n + 1, isNew: false };
            }),
          }),
        },
        items: {
          find: async ids =>
            ids.map((id, n) => ({
              itemId: id,
              imageEmbedding: n === 0 ? Float32Array.of(9, 0) : Float32Array.of(n % 2, (n + 1) % 2),
            })),
        },
      });
    const [other, own] = await top("RANKER").of("u", ["another", itemId(0)]);
    // By hand: items 0..19 sum to [9 + 10, 9]; items 1..20, without the reference, to [10, 10].
    expect(other![0] / other![1]).toBeCloseTo(19 / 9, 5);
    expect(own![0]).toBeCloseTo(Math.SQRT1_2, 5);
    expect(await top("POPULARITY").of("u", ["another"])).toEqual([null]);
  });
});

describe("serving, experiments and re-ranking", () => {
  it("choose the same image from the same candidates", async () => {
    const candidates = ["a", "b", "c", "d"].map(imageOf);
    const generator: ImageGenerator = { version: "fixed@1", generate: async () => candidates };
    const path = { ...tiny.path, generator };
    const home = await mkdtemp(join(tmpdir(), "tiny-choice-"));
    const experiments = new ImageExperimentService({
      shop: async () => tiny.shop,
      path,
      rankerOf: snapshotRanker,
      rules: { gate: () => ({ passes: true, faults: [] }), moderation: noModeration },
      untrained: plainMethod,
      clip: tiny.clip,
      training: { train: () => Promise.reject(new Error("no arm has a personalizer")) },
      load: () => Promise.reject(new Error("no arm has a personalizer")),
      store: new FolderArtefactStore(home),
    });
    const experiment = imageExperimentSchema.parse({
      name: "choice",
      seeds: [1],
      numTestPairs: 3,
      numCandidates: candidates.length,
      training: { k: 2 },
      arms: [{ name: "plain", condition: "both" }],
    });
    const [{ outcomes }] = await experiments.run(experiment);
    const embeddings = await tiny.clip.encodeImages(candidates);
    for (const [at, pair] of pairs().entries()) {
      const context = contexts()[at];
      const drawing = {
        shop: tiny.shop,
        path,
        method: plainMethod,
        config: rerankConfig({ k: 2, numCandidates: candidates.length }),
      };
      const planned = new Map([[pair.itemIndex, [pair]]]);
      const reranked = (await drawItemImages(drawing, planned, {})).get(pair.itemIndex)![0];
      const chosen = embeddings.findIndex(own => own.every((value, d) => value === reranked[d]));
      const stored = await servedPlace(context, pair, path);
      expect(stored).toBe(chosen);
      const viewer = { userId: pair.userId, seenItemIds: trainItemIds(tiny.shop, pair) };
      const whatIf = (await path.ranker!.whatIf(viewer, pair.itemId, embeddings))!;
      const best = await selectCandidate(context, { images: candidates, embeddings, whatIf }, null);
      expect(best.chosen).toBe(chosen);
      expect(outcomes[at]).toMatchObject({
        rankAfter: whatIf.candidates[chosen].rank,
        deltaR: whatIf.candidates[chosen].deltaR,
      });
    }
    await rm(home, { recursive: true });
  });

  /** The place of the candidate that serving stores. */
  async function servedPlace(
    context: ReturnType<typeof contexts>[number],
    pair: ReturnType<typeof pairs>[number],
    path: TinyShop["path"],
  ): Promise<number> {
    let place = -1;
    const seenItemIds = trainItemIds(tiny.shop, pair);
    const options = { seed: 1, strength: 0.5, guidanceScale: 1, numSteps: 2, numCandidates: 4 };
    const retrieval = { ...context, referenceCaptionEmbedding: new Float32Array(6) }; // no CS floor
    const blob = {
      hash: "b",
      mediaType: "image/png",
      sizeBytes: 1,
      widthPixels: 1,
      heightPixels: 1,
    };
    const service = new ImageGenerationService({
      ...path,
      ranker: {
        whatIf: ({ userId: id }, item, images) =>
          path.ranker!.whatIf({ userId: id, seenItemIds }, item, images),
      },
      planner: {
        plan: async () => ({
          userId: pair.userId,
          itemId: pair.itemId,
          sourceBlobHash: pair.blobHash,
          retrieval,
          variants: [],
          options,
          rankingModelVersionId: null,
          method: plainMethod,
          requestKey: "key",
          imageStamp: null,
        }),
      },
      imageFiles: { ...path.imageFiles, store: async () => blob, remove: async () => undefined },
      gate: () => ({ passes: true, faults: [] }),
      moderation: noModeration,
      images: {
        findByRequestKey: async () => null,
        save: async image => {
          place = (image.provenance as { chosenCandidate: number }).chosenCandidate;
          return { ...image, id: "image", createdAt: new Date(0) } as never;
        },
        refuse: async () => undefined,
        addBlob: async () => undefined,
        dropBlob: async () => true,
      },
      promptVersion: "1",
    });
    const control = { signal: new AbortController().signal, report: () => undefined };
    await service.generate({ userId: pair.userId, itemId: pair.itemId, options }, control);
    return place;
  }
});
