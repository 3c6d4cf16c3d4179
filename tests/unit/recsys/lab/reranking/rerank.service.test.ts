/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../../src/db/artefact-store.js";
import type { RankingModelVersionRow } from "../../../../../src/db/rows.js";
import type { RankingModelColumns } from "../../../../../src/db/versions.repository.js";
import { row } from "../../../../../src/ml/nn/matrix.js";
import {
  type PersonalizationMethod,
  plainMethod,
} from "../../../../../src/recsys/images/personalization-method.js";
import { RagarMethod } from "../../../../../src/recsys/images/ragar-method.js";
import { drawItemImages } from "../../../../../src/recsys/lab/reranking/draw-item-images.js";
import {
  imageFeatures,
  plannedImages,
} from "../../../../../src/recsys/lab/reranking/item-images.js";
import { rerankConfig } from "../../../../../src/recsys/lab/reranking/rerank-config.js";
import { RerankService } from "../../../../../src/recsys/lab/reranking/rerank.service.js";
import { rankerVersions } from "../../../../../src/recsys/ranking/ranker-versions.js";
import { RerankedLists } from "../../../../../src/recsys/ranking/reranked-lists.js";
import { snapshotRanker } from "../../../../../src/recsys/ranking/what-if.js";
import { trainItemIds } from "../../../../../src/recsys/reflection/pairs.js";
import type { ShopSnapshot } from "../../../../../src/recsys/reflection/shop-snapshot.js";
import { createTinyModel, createTinyShop, type TinyShop } from "../../reflection/tiny-shop.js";
import { InMemoryVersions } from "../../versions/in-memory-versions.js";

const quick = {
  seeds: [1, 2],
  ranker: { numEpochs: 2 },
  numSteps: 2,
  guidanceScale: 1.5,
  k: 2,
};

let tiny: TinyShop;
let home: string;

beforeAll(async () => {
  tiny = await createTinyShop();
});

afterAll(() => tiny.close());

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "tiny-rerank-"));
});

afterEach(() => rm(home, { recursive: true }));

function createProcess({
  method = plainMethod,
  shop = tiny.shop,
}: { method?: PersonalizationMethod; shop?: ShopSnapshot } = {}) {
  const imageGenerator = tiny.createImageGenerator(home);
  const store = new FolderArtefactStore(home);
  const versions = new InMemoryVersions<RankingModelVersionRow, RankingModelColumns>();
  const trainer = { folder: "rankers", prepare: () => Promise.reject(new Error("not this one")) };
  const path = { ...tiny.path, generator: imageGenerator };
  const lists = new RerankedLists(store);
  const service = new RerankService({
    shop: async () => shop,
    path,
    rankerOf: snapshotRanker,
    methods: { active: async () => method },
    rankers: rankerVersions({ versions, trainer, store }),
    lists,
    store,
  });
  const run = (config: Record<string, unknown> = {}, activate = false) =>
    service.run({ runId: randomUUID(), config: { ...quick, ...config }, activate });
  return { versions, path, run, imageGenerator, lists };
}

/** The same shop, whose users have each other's held-out items where these are new to them. */
function permutedTest(shop: ShopSnapshot): ShopSnapshot {
  const test = shop.split.test.map((items, user) => {
    const free = shop.ranker.itemIds.flatMap((_, item) =>
      shop.timelines[user].includes(item) ? [] : item,
    );
    return Int32Array.from(items, (_, n) => free[(user + n) % free.length]);
  });
  return { ...shop, split: { ...shop.split, test } };
}

describe("RerankService", () => {
  it("compares both arms on the same held-out items, seed by seed", async () => {
    const { run, imageGenerator } = createProcess();
    const report = await run({ numItems: 6 });
    expect(report).toMatchObject({ protocol: "leakFree", numItems: 12, numUsers: 40 });
    expect(report.arms.map(({ name, seeds }) => [name, seeds.map(({ seed }) => seed)])).toEqual([
      ["ORI", [1, 2]],
      ["plain", [1, 2]],
    ]);
    expect(report.numImages).toBe(6);
    expect(report.drawnShare).toBe(0.5); // the report says that the shop is partly drawn
    expect(imageGenerator.counts.drawn).toBe(6);
    for (const { test } of report.arms) {
      expect(Object.keys(test)).toEqual(["recall@10", "ndcg@10"]);
    }
    const stored = JSON.parse(
      await readFile(join(home, "reranks", `${report.runId}.json`), "utf8"),
    ) as unknown;
    expect(stored).toEqual(JSON.parse(JSON.stringify(report)));
  });

  it("draws candidates for all or for none: an item's feature is the same whoever it is ranked for", async () => {
    const config = rerankConfig({ ...quick, condition: "plain", imagesPerItem: 2 });
    const { path } = createProcess();
    const planned = plannedImages(tiny.shop, config);
    expect(planned.size).toBe(tiny.shop.ranker.itemIds.length);
    const drawn = await drawItemImages(
      { shop: tiny.shop, config, method: plainMethod, path },
      planned,
      {},
    );
    expect([...drawn.keys()].sort()).toEqual([...planned.keys()].sort());
    for (const [item, pairs] of planned) {
      expect(drawn.get(item)).toHaveLength(pairs.length);
    }
  });

  it("gives an item the mean of its own picture and of those made for its train users", async () => {
    const { path } = createProcess();
    const config = rerankConfig({ ...quick, condition: "plain", imagesPerItem: 2 });
    const planned = plannedImages(tiny.shop, config);
    const drawn = await drawItemImages(
      { shop: tiny.shop, config, method: plainMethod, path },
      planned,
      {},
    );
    const features = imagesOf(tiny.shop);
    const result = imageFeatures(features, drawn, "leakFree");
    for (const [item, embeddings] of drawn) {
      const own = row(features, item);
      const sum = own.map((value, d) => embeddings.reduce((s, e) => s + e[d], value));
      const scale = Math.hypot(...own) / Math.hypot(...sum);
      row(result, item).forEach((value, d) => {
        expect(value).toBeCloseTo(sum[d] * scale, 5);
      });
      for (const { userIndex } of planned.get(item)!) {
        expect(tiny.shop.split.train[userIndex]).toContain(item);
      }
    }
  });

  it("makes the same pictures and the same models whatever the test items are", async () => {
    const one = createProcess();
    await one.run({ seeds: [1] });
    const files = await images();
    await rm(home, { recursive: true });
    const other = createProcess({ shop: permutedTest(tiny.shop) });
    const report = await other.run({ seeds: [1] });
    expect(await images()).toEqual(files);
    expect(report.arms[0].validation).toEqual(
      (await createProcess().run({ seeds: [1] })).arms[0].validation,
    );
  });

  it("makes one picture a pair with the personalizer that is active, and says so", async () => {
    const { model } = createTinyModel(1);
    const method = new RagarMethod({
      versionId: "p1",
      use: run => run(model),
      encoder: async () => tiny.encoder,
    });
    const { run } = createProcess({ method });
    const { arms, config } = await run({ seeds: [1], numItems: 4 });
    expect(arms[1].name).toBe("RAGAR");
    expect(config.condition).toBe("RAGAR");
    model.dispose();
  });

  it("refuses the personalizer where none is active", async () => {
    await expect(createProcess().run({ condition: "RAGAR" })).rejects.toMatchObject({
      code: "PERSONALIZER_NOT_TRAINED",
    });
  });

  it("says so when the images are made with a method of the host's own", async () => {
    const { run } = createProcess({ method: { ...plainMethod, id: "mine@1" } });
    const { arms } = await run({ seeds: [1], numItems: 4 });
    expect(arms[1].name).toBe("host");
  });

  it("takes the best of several candidates by the ranking model", async () => {
    const config = rerankConfig({ ...quick, condition: "plain", numItems: 4, numCandidates: 3 });
    const { path } = createProcess();
    const planned = plannedImages(tiny.shop, config);
    const drawing = { shop: tiny.shop, config, method: plainMethod, path };
    const chosen = await drawItemImages(drawing, planned, {});
    const one = { ...config, numCandidates: 1 };
    const first = await drawItemImages({ ...drawing, config: one }, planned, {});
    let numBetter = 0;
    for (const [item, [pair]] of planned) {
      const viewer = { userId: pair.userId, seenItemIds: trainItemIds(tiny.shop, pair) };
      const embeddings = [chosen.get(item)![0], first.get(item)![0]];
      const { candidates } = (await path.ranker!.whatIf(viewer, pair.itemId, embeddings))!;
      expect(candidates[0].score).toBeGreaterThanOrEqual(candidates[1].score);
      numBetter += candidates[0].score > candidates[1].score ? 1 : 0;
    }
    expect(numBetter).toBeGreaterThan(0);
  });

  it("labels the paper's protocol, follows the test items with it, and never keeps what comes of it", async () => {
    const { versions, run } = createProcess();
    const report = await run({ protocol: "paper", seeds: [1] });
    expect(report.protocol).toBe("paper");
    expect([report.versionId, versions.rows.size]).toEqual([null, 0]);
    await expect(run({ protocol: "paper" }, true)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    const plan = (shop: ShopSnapshot) =>
      [...plannedImages(shop, rerankConfig({ protocol: "paper" })).values()]
        .flat()
        .map(({ itemIndex, userIndex }) => `${userIndex}:${itemIndex}`);
    expect(plan(permutedTest(tiny.shop))).not.toEqual(plan(tiny.shop));
    for (const pair of plan(tiny.shop)) {
      const [user, item] = pair.split(":").map(Number);
      expect(tiny.shop.split.test[user]).toContain(item);
    }
  });

  it("keeps a version that is better on validation, or that is asked for, with the split of the one before", async () => {
    const { versions, run } = createProcess();
    const report = await run({ seeds: [1], numItems: 4 }, true);
    const { numUsers, numItems } = report;
    expect(await versions.findActive()).toMatchObject({
      id: report.runId,
      state: "READY",
      seed: tiny.shop.seed,
      metrics: { rerankedFrom: tiny.shop.ranker.versionId, numUsers, numItems },
    });
  });

  it("resumes after a stop: makes no image and no model twice", async () => {
    const first = createProcess();
    const expected = await first.run();
    const again = createProcess();
    const { arms, comparisons } = await again.run();
    expect({ arms, comparisons }).toEqual({
      arms: expected.arms,
      comparisons: expected.comparisons,
    });
    expect(again.imageGenerator.counts.drawn).toBe(0);
    expect(
      (await readdir(join(home, "reranks", "runs"))).filter(f => f.endsWith(".json")),
    ).toHaveLength(4);
  });
});

describe("RerankService, perUser", () => {
  const perUser = { mode: "perUser", numBankImages: 30 };

  it("compares the model with its lists re-ranked by images, and by catalogue images", async () => {
    const { run, imageGenerator } = createProcess();
    const report = await run(perUser);
    expect(report.arms.map(({ name }) => name)).toEqual(["ORI", "ORI+", "plain"]);
    expect(report.numImages).toBe(30);
    expect(imageGenerator.counts.drawn).toBe(30);
    const { cost, perUser: found } = report;
    // 40 users, 8 items each that are not in the train part, 2 seeds.
    expect(cost.numPredicted + found!.numCandidatesWithoutImage).toBe(2 * numCandidates());
    expect(found!.blend.validation.after).toBeGreaterThanOrEqual(found!.blend.validation.before);
    expect(report.comparisonsWithOriginals).not.toBeNull();
    expect(report.versionId).toBeNull();
  });

  it("measures the model as `retrain` does", async () => {
    const { arms } = await createProcess().run(perUser);
    const { arms: retrained } = await createProcess().run({ numItems: 4 });
    const metrics = (all: typeof arms) =>
      all[0].seeds.map(({ validation, test }) =>
        ["recall@10", "ndcg@10"].flatMap(metric => [validation[metric], test[metric]]),
      );
    const expected = metrics(retrained).flat();
    metrics(arms)
      .flat()
      .forEach((value, place) => {
        expect(value).toBeCloseTo(expected[place], 10);
      });
  });

  it("makes the same images, surrogate and weights whatever the test items are", async () => {
    const report = await createProcess().run(perUser, true);
    const files = await images();
    const kept = await listFiles();
    await rm(home, { recursive: true });
    const other = await createProcess({ shop: permutedTest(tiny.shop) }).run(perUser, true);
    expect(await images()).toEqual(files);
    const artefacts = ({ arms, perUser: found }: typeof report) => ({
      surrogate: found!.surrogate,
      blend: found!.blend,
      blendOfOriginals: found!.blendOfOriginals,
      validation: arms.map(({ seeds }) => seeds.map(({ validation }) => validation)),
    });
    expect(artefacts(other)).toEqual(artefacts(report));
    expect(await listFiles()).toEqual(kept);
    const tests = ({ arms }: typeof report) => arms.map(({ test }) => test);
    expect(tests(other)).not.toEqual(tests(report));
  });

  it("resumes after a stop: draws no image and trains no model twice", async () => {
    const expected = await createProcess().run(perUser);
    const again = createProcess();
    const { arms, perUser: found } = await again.run(perUser);
    expect(arms).toEqual(expected.arms);
    expect(found!.blend).toEqual(expected.perUser!.blend);
    expect(again.imageGenerator.counts.drawn).toBe(0);
  });

  it("keeps lists of the active model that leave out what users have chosen", async () => {
    const { lists, run } = createProcess();
    const report = await run(perUser, true);
    expect(report.areListsKept).toBe(true);
    const { itemIds, versionId } = tiny.shop.ranker;
    for (const [user, userId] of tiny.shop.userIds.entries()) {
      const list = await lists.of(userId, versionId);
      const chosen = new Set(tiny.shop.timelines[user].map(item => itemIds[item]));
      expect(list!.itemIds).toHaveLength(itemIds.length - chosen.size);
      expect(list!.itemIds.filter(id => chosen.has(id))).toEqual([]);
      expect([...list!.scores].sort((a, b) => b - a)).toEqual(list!.scores);
    }
  });

  it("counts users and items that nothing can be said of, and leaves their order", async () => {
    const [firstId] = tiny.shop.ranker.itemIds;
    const items = new Map(tiny.shop.items);
    items.set(firstId, { ...items.get(firstId)!, imageEmbedding: null });
    const split = {
      ...tiny.shop.split,
      train: tiny.shop.split.train.map((own, user) => (user === 0 ? Int32Array.of(0) : own)),
    };
    const timelines = tiny.shop.timelines.map((own, user) => (user === 0 ? [0, ...own] : own));
    const { run } = createProcess({ shop: { ...tiny.shop, items, split, timelines } });
    const { perUser: found } = await run({ ...perUser, seeds: [1] });
    expect(found!.numUsersLeft).toBe(1); // their only item has no image
    expect(found!.numCandidatesWithoutImage).toBeGreaterThan(0);
  });

  it("has no protocol of the paper's", async () => {
    await expect(createProcess().run({ ...perUser, protocol: "paper" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  const numCandidates = () =>
    tiny.shop.split.train.reduce((sum, own) => sum + Math.max(0, 12 - own.length), 0);
  const listFiles = async () => {
    const folder = join(home, "reranks", "lists");
    const names = (await readdir(folder, { recursive: true })).filter(f => /..\.json$/.test(f));
    const shards = names.filter(name => !name.startsWith("current"));
    const contents = await Promise.all(shards.map(name => readFile(join(folder, name), "utf8")));
    return contents.sort();
  };
});

describe.each(["augment", "tastes"] as const)("RerankService, %s", mode => {
  const config = { mode, numBankImages: 30, numTastes: 2 };

  it("trains on images too, and compares with the same model of the catalogue images", async () => {
    const { imageGenerator, run } = createProcess();
    const { arms, cost, perUser: found, ...report } = await run(config);
    expect(arms.map(({ name }) => name)).toEqual(["ORI", "ORI+", "TRAINED", "plain"]);
    const [ori, , trained] = arms.map(({ seeds }) => seeds.map(({ validation }) => validation));
    expect(trained).not.toEqual(ori);
    expect([cost.numDrawn, imageGenerator.counts.drawn]).toEqual([30, 30]);
    expect(cost.numPredictedPer1000Users).toBeGreaterThan(0);
    expect(found!.tasteSizes).toEqual(mode === "tastes" ? [20, 20] : null);
    expect(report.areListsKept).toBe(false);
    // The paper's Table 4 keeps what is better; so does this.
    const mean = (all: typeof ori) => all.reduce((sum, own) => sum + own["ndcg@10"], 0);
    expect(report.versionId !== null).toBe(mean(trained) > mean(ori));
  });

  it("makes the same images, models and weights whatever the test items are", async () => {
    const report = await createProcess().run(config);
    await rm(home, { recursive: true });
    const other = await createProcess({ shop: permutedTest(tiny.shop) }).run(config);
    const artefacts = ({ arms, perUser: found }: typeof report) => ({
      found,
      validation: arms.map(({ seeds }) => seeds.map(({ validation }) => validation)),
    });
    expect(artefacts(other)).toEqual(artefacts(report));
  });

  it("resumes after a stop: draws no image and trains no model twice", async () => {
    const expected = await createProcess().run(config);
    const before = await runs();
    const again = createProcess();
    const { arms } = await again.run(config);
    expect(arms).toEqual(expected.arms);
    expect(again.imageGenerator.counts.drawn).toBe(0);
    expect(await runs()).toEqual(before);
  });

  it("keeps the version that was trained on images where it is asked for", async () => {
    const { run, versions } = createProcess();
    const { versionId } = await run({ ...config, seeds: [1] }, true);
    expect(await versions.findActive()).toMatchObject({
      id: versionId,
      config: { model: { visualHead: expect.anything() as unknown } },
    });
  });

  it("refuses a ranking model that has no visual head", async () => {
    const shop = { ...tiny.shop, config: { ...tiny.shop.config, algorithm: "FREEDOM" as const } };
    await expect(createProcess({ shop }).run(config)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("only MICRO") as string,
    });
  });

  const runs = async () => (await readdir(join(home, "reranks", "runs"))).sort();
});

describe.each(["retrain", "augment", "perUser", "tastes"])("permuted labels, %s", mode => {
  it("measures all arms on other users' items, keeps nothing, and cannot be activated", async () => {
    const { run, versions } = createProcess();
    const config = { mode, numBankImages: 30, seeds: [1], numItems: 4 };
    const test = await run({ ...config, permuteLabels: true });
    expect([test.areListsKept, test.versionId, versions.rows.size]).toEqual([false, null, 0]);
    expect(test.config.permuteLabels).toBe(true);
    const report = await run(config);
    const [chance, ours] = [test, report].map(({ arms }) => arms[0].test["ndcg@10"].mean);
    expect(chance).toBeLessThan(ours); // even and odd users exchange what they like
    await expect(run({ ...config, permuteLabels: true }, true)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

const images = async () =>
  (await readdir(join(home, "renders"), { recursive: true }))
    .filter(f => f.endsWith(".png"))
    .sort();

/** The catalogue's visual features. */
function imagesOf({ items, ranker: { itemIds } }: ShopSnapshot) {
  const values = Float32Array.from(itemIds.flatMap(id => [...items.get(id)!.imageEmbedding!]));
  return { shape: [itemIds.length, values.length / itemIds.length] as [number, number], values };
}
