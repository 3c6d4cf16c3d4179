/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeFiles } from "../../../../src/db/artefact-files.js";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import type { PersonalizerVersionRow } from "../../../../src/db/rows.js";
import type { PersonalizerColumns } from "../../../../src/db/versions.repository.js";
import type { GenerateRequest } from "../../../../src/ml/diffusion/image-generator.js";
import { dot } from "../../../../src/ml/nn/matrix.js";
import { Random, seedFrom } from "../../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { SettingPolicy } from "../../../../src/ml/reflection/setting-policy.js";
import { tasteOf } from "../../../../src/ml/studio/setting-draws.js";
import { SETTING_FEATURES } from "../../../../src/ml/studio/setting-menu.js";
import { decodeSetting } from "../../../../src/ml/studio/setting.js";
import { type ImagePath, makeCandidates } from "../../../../src/recsys/images/image-path.js";
import type { PersonalizationContext } from "../../../../src/recsys/images/personalization-method.js";
import { SettingMethod } from "../../../../src/recsys/images/setting-method.js";
import { TrainedSettingMethod } from "../../../../src/recsys/images/trained-setting-method.js";
import type { PictureRanker } from "../../../../src/recsys/ranking/picture-ranker.js";
import { evaluationPairs } from "../../../../src/recsys/reflection/pairs.js";
import { personalizerConfig } from "../../../../src/recsys/reflection/personalizer-training-config.js";
import { settingBank, settingRequest } from "../../../../src/recsys/reflection/setting-bank.js";
import {
  type SettingMetrics,
  SettingTrainer,
} from "../../../../src/recsys/reflection/setting-trainer.js";
import type { ShopSnapshot } from "../../../../src/recsys/reflection/shop-snapshot.js";
import { TrainedVersionService } from "../../../../src/recsys/versions/trained-version.service.js";
import { InMemoryVersions } from "../versions/in-memory-versions.js";
import { createTinyShop, imageOf, type TinyShop } from "./tiny-shop.js";

/** Width of the tiny shop's embeddings. */
const E = 6;
const small = { numBankPairs: 24, numValidationPairs: 4, k: 2 };

let tiny: TinyShop;
let bareItem: string;

beforeAll(async () => {
  tiny = await createTinyShop();
  bareItem = tiny.shop.ranker.itemIds[0];
});

afterAll(() => tiny.close());

type Painted = RgbImage & { feature: Float32Array };
/** Where a red and a light backdrop move an image. */
const RED = new Random(1).normals(E);
const LIGHT = new Random(2).normals(E);

function featureOf(blobHash: string, colour: readonly number[]): Float32Array {
  const base = new Random(seedFrom("feature", blobHash)).normals(E);
  const moved = base.map(
    (value, e) => value + 4 * colour[1] * RED[e] + 0.3 * (colour[0] - 0.65) * LIGHT[e],
  );
  const length = Math.hypot(...moved);
  return moved.map(value => value / length);
}

/** Those who like the even items like red backdrops, the others green ones. */
const likingOf = (userId: string) =>
  RED.map(value => (Number(userId.slice("user-".length)) % 2 === 0 ? value : -value));

interface World {
  score?: (userId: string, feature: Float32Array, numAsked: number) => number;
  generator?: string;
}

/** A world in which the best setting is known: an image's feature follows its backdrop's colour, a score the user's liking. */
function world({ generator = "painted@1", score }: World = {}) {
  const counts = { drawn: 0 };
  const scoreOf: Required<World>["score"] =
    score ?? ((userId, feature) => dot(likingOf(userId), feature));
  const path: ImagePath = {
    ...tiny.path,
    imageFiles: {
      load: async blobHash => {
        const image = imageOf(blobHash);
        return { ...image, blobHash } as RgbImage;
      },
    },
    products: {
      open: async blobHash => ({
        policy: "STYLE",
        original: imageOf(blobHash),
        mask: null,
        // Nothing can be painted around one of the items.
        fault: blobHash === tiny.shop.items.get(bareItem)!.blobHash ? "MASK_IMPLAUSIBLE" : null,
        maskFault: null,
      }),
    },
    generator: {
      version: generator,
      generate: async ({ conditions = [], initImage }: GenerateRequest) => {
        counts.drawn += conditions.length;
        const { blobHash } = initImage as RgbImage & { blobHash: string };
        return conditions.map((condition): Painted => {
          const { colour } = decodeSetting(condition);
          return { ...imageOf(blobHash), feature: featureOf(blobHash, colour) };
        });
      },
    },
    clip: {
      encodeImages: async images => images.map(image => (image as Painted).feature),
    },
    ranker: {
      whatIf: async ({ userId }, _itemId, embeddings) => ({
        rankingModelVersionId: null,
        scoreBefore: 0,
        rankBefore: 5,
        numRanked: 10,
        scoreDeviation: 1,
        candidates: embeddings.map(v => {
          return { score: scoreOf(userId, v, embeddings.length), rank: 5, deltaR: 0 };
        }),
      }),
    } satisfies PictureRanker,
  };
  return { counts, path };
}

/** Backdrops without red or green. */
const tastes = {
  of: async (contexts: readonly PersonalizationContext[]) =>
    contexts.map(() => tasteOf([{ colour: [0.65, 0, 0.05], weight: 1 }])),
};

const newFolder = () => mkdtemp(join(tmpdir(), "setting-trainer-"));

interface Given extends World {
  folder: string;
  config?: Readonly<Record<string, unknown>>;
  shop?: ShopSnapshot;
  abortAfter?: number;
}

/** Trains a version as the plugin does. */
async function train({ abortAfter, config = {}, folder, shop = tiny.shop, ...about }: Given) {
  const { counts, path } = world(about);
  const store = new FolderArtefactStore(folder);
  const versions = new InMemoryVersions<PersonalizerVersionRow, PersonalizerColumns>();
  const trainer = new SettingTrainer({
    shop: async () => shop,
    path,
    rankerOf: () => path.ranker!,
    tastes,
    store,
    cost: () => ({ images: counts.drawn, networkEvaluations: 0 }),
  });
  const service = new TrainedVersionService({
    versions,
    store,
    trainer,
    decide: () => ({ isActivated: false }),
    codes: { notFound: "PERSONALIZER_NOT_FOUND", notReady: "PERSONALIZER_NOT_READY" },
    load: artefactPath =>
      decodeFiles(store, artefactPath, files => SettingPolicy.fromFiles(files, SETTING_FEATURES)),
  });
  const stop = new AbortController();
  let numReports = 0;
  const { version } = await service.train(
    { versionId: "v1", seed: 1, config: { ...small, ...config }, activate: false },
    {
      signal: stop.signal,
      onProgress: ({ stage }) => {
        if (stage.startsWith("bank") && ++numReports === abortAfter) {
          stop.abort();
        }
      },
    },
  );
  const metrics = version.metrics as unknown as SettingMetrics;
  return { counts, metrics, path, service, version };
}

/** Mean score of one image each on test users, by the policy and by taste. */
async function scores({ path, service }: Awaited<ReturnType<typeof train>>) {
  const config = personalizerConfig(small);
  const pairs = evaluationPairs(tiny.shop, "test", { numPairs: 100, seed: 0 }).filter(
    ({ itemId }) => itemId !== bareItem,
  );
  const use = <Result>(run: (policy: SettingPolicy) => Promise<Result>) => service.use("v1", run);
  const { ranker } = path;
  const scoreBy = async (method: SettingMethod | TrainedSettingMethod) => {
    let sum = 0;
    for (const pair of pairs) {
      const request = {
        ...settingRequest({ config, seed: 3, shop: tiny.shop }, pair),
        numImages: 1,
      };
      const [{ whatIf }] = await makeCandidates(path, method, [request]);
      sum += whatIf!.candidates[0].score;
    }
    return sum / pairs.length;
  };
  return {
    byTaste: await scoreBy(new SettingMethod({ tastes })),
    byPolicy: await scoreBy(new TrainedSettingMethod({ versionId: "v1", use, tastes, ranker })),
  };
}

describe("SettingTrainer", () => {
  it.each(["critic", "surrogate"])(
    "learns which settings raise other users' scores: %s",
    async rewardTraining => {
      const trained = await train({ folder: await newFolder(), config: { rewardTraining } });
      const { choice, isInUse, validations } = trained.metrics;
      expect(choice.mode).toBe(rewardTraining);
      expect(choice.heldOutR2).toBeGreaterThan(0.5);
      expect(isInUse).toBe(true);
      expect(validations.map(({ step }) => step)).toEqual([0, 1]);
      expect(validations[1].meanScoreGain).toBeGreaterThan(validations[0].meanScoreGain);
      const { byPolicy, byTaste } = await scores(trained);
      expect(byPolicy).toBeGreaterThan(byTaste + 0.1);
    },
  );

  it("takes the surrogate where nothing is said, and says where the version comes from", async () => {
    const { counts, metrics, version } = await train({ folder: await newFolder() });
    expect(metrics.choice.mode).toBe("surrogate");
    expect(version.config).toMatchObject({ rewardTraining: "surrogate" });
    const { dataHash, generator, rankingModelVersionId } = version;
    expect(generator).toBe("painted@1");
    expect(rankingModelVersionId).toBe(tiny.shop.ranker.versionId);
    expect(dataHash).toMatch(/^[0-9a-f]{64}$/);
    expect(metrics.cost).toEqual({ images: counts.drawn, networkEvaluations: 0 });
    const judged = metrics.numValidationPairs;
    expect(counts.drawn).toBeLessThanOrEqual(metrics.choice.numBankImages + 2 * judged);
    expect(metrics.choice.numBankImages % 16).toBe(0);
  });

  it("goes on where a killed run stood, and draws nothing twice", async () => {
    const whole = await train({ folder: await newFolder() });
    const folder = await newFolder();
    await expect(train({ folder, abortAfter: 2 })).rejects.toThrow();
    const resumed = await train({ folder });
    const { numBankImages, numDrawn, ...choice } = resumed.metrics.choice;
    expect(numDrawn).toBeLessThan(numBankImages);
    expect(numDrawn).toBeGreaterThan(0);
    expect(whole.metrics.choice).toEqual({ ...choice, numBankImages, numDrawn: numBankImages });
    const again = await train({ folder });
    expect(again.metrics.choice.numDrawn).toBe(0);
  });

  it("has a bank of its own for another generator and another ranking model", async () => {
    const folder = await newFolder();
    const first = await train({ folder });
    const other = await train({ folder, generator: "painted@2" });
    const ranker = { ...tiny.shop.ranker, versionId: "another" };
    const ofRanker = await train({ folder, shop: { ...tiny.shop, ranker } });
    const banks = [first, other, ofRanker].map(({ metrics }) => metrics.choice.bank);
    expect(new Set(banks).size).toBe(3);
    expect(await readdir(join(folder, "banks"))).toEqual(expect.arrayContaining(banks));
  });

  it("refuses a kept file of another bank", async () => {
    const folder = await newFolder();
    const first = await train({ folder });
    const other = await train({ folder, generator: "painted@2" });
    const file = (of: typeof first) =>
      join(folder, "banks", of.metrics.choice.bank, "pairs-00000.safetensors");
    await writeFile(file(first), await readFile(file(other)));
    await expect(train({ folder })).rejects.toMatchObject({ code: "FILE_MALFORMED" });
  });

  it("leaves out and counts what nothing can be painted around, scores of no number, and users who do not care", async () => {
    const config = personalizerConfig(small);
    const { path } = world();
    const folder = await newFolder();
    const store = new FolderArtefactStore(folder);
    const { entries } = await settingBank({ shop: tiny.shop, path, tastes, config }, { store });
    const painted = entries.filter(({ features }) => features.shape[0] > 0);
    const [broken, content] = [...new Set(painted.map(({ pair }) => pair.userId))];
    const count = (userId: string) => painted.filter(({ pair }) => pair.userId === userId).length;
    const { metrics } = await train({
      folder,
      score: (userId, feature) =>
        userId === broken ? NaN : userId === content ? 1 : dot(likingOf(userId), feature),
    });
    expect(metrics.choice.leftOut).toEqual({
      noImage: entries.length - painted.length,
      notFinite: count(broken),
      noMargin: count(content),
    });
    expect(entries.length - painted.length).toBe(
      entries.filter(({ pair }) => pair.itemId === bareItem).length,
    );
  });

  it("counts users and items that no pair is made of", async () => {
    const { shop } = tiny;
    const items = new Map(shop.items);
    items.set(bareItem, { ...items.get(bareItem)!, imageEmbedding: null });
    const train0 = shop.split.train.map((own, user) => (user === 0 ? own.slice(0, 2) : own));
    const thin = { ...shop, items, split: { ...shop.split, train: train0 } };
    const { metrics } = await train({ folder: await newFolder(), shop: thin });
    expect(metrics.leftOut).toEqual({ users: 1, items: 1 });
  });

  it("keeps to taste where the policy is not better on validation", async () => {
    // All love red where they are asked by a probe of a catalogue image; but users who judge hate images of it.
    const others = new Set(
      (["validation", "test"] as const).flatMap(part =>
        evaluationPairs(tiny.shop, part, { numPairs: 100, seed: 0 }).map(({ userId }) => userId),
      ),
    );
    const score = (userId: string, feature: Float32Array, numAsked: number) =>
      (others.has(userId) && numAsked === 1 ? -1 : 1) * dot(RED, feature);
    const config = { captionFloorShare: 1 }; // taste has the CS of taste
    const trained = await train({ folder: await newFolder(), score, config });
    const { best, isInUse, validations } = trained.metrics;
    expect(isInUse).toBe(false);
    expect(best).toEqual(validations[0]);
    const { byPolicy, byTaste } = await scores({ ...trained, ...world() });
    expect(byPolicy).toBe(byTaste);
  });

  it.each([
    [() => NaN, "TRAINING_DIVERGED"],
    [() => 1, "TOO_FEW_PAIRS"],
  ])("is refused where no score teaches: %p", async (score, code) => {
    await expect(train({ folder: await newFolder(), score })).rejects.toMatchObject({ code });
  });

  it.each(["distill", "reinforce"])("is refused for the mode '%s'", async rewardTraining => {
    await expect(
      train({ folder: await newFolder(), config: { rewardTraining } }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { argument: "rewardTraining" },
    });
  });
});
