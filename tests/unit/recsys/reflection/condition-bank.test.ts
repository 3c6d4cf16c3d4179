/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import type { GenerateRequest } from "../../../../src/ml/diffusion/image-generator.js";
import { dot, row } from "../../../../src/ml/nn/matrix.js";
import { Random, seedFrom } from "../../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import type { ImagePath } from "../../../../src/recsys/images/image-path.js";
import type { PictureRanker } from "../../../../src/recsys/ranking/picture-ranker.js";
import {
  type BankMode,
  chosenConditions,
} from "../../../../src/recsys/reflection/chosen-conditions.js";
import { conditionBank } from "../../../../src/recsys/reflection/condition-bank.js";
import { choicePairs, type Pair, pairContext } from "../../../../src/recsys/reflection/pairs.js";
import { personalizerConfig } from "../../../../src/recsys/reflection/personalizer-training-config.js";
import type { ShopSnapshot } from "../../../../src/recsys/reflection/shop-snapshot.js";
import { createTinyShop, imageOf, type TinyShop, tinyTraining } from "./tiny-shop.js";

/** Width of the tiny shop's embeddings. */
const E = 6;
const config = personalizerConfig({ ...tinyTraining, numBankPairs: 40 });

let tiny: TinyShop;

beforeAll(async () => {
  tiny = await createTinyShop();
});

afterAll(() => tiny.close());

/** What a user likes of an image's feature; the best condition follows from it. Those who like the even items like one thing. */
const tasteOf = (userId: string) => {
  const isEven = Number(userId.slice("user-".length)) % 2 === 0;
  return new Random(seedFrom("taste", Number(isEven))).normals(E);
};

type Conditioned = RgbImage & { feature: Float32Array };

/**
 * A linear world: an image's feature is the first six numbers of its condition, which are linear in the condition's embedding, and a
 * score is the user's taste times the feature. So the best condition of a menu is known.
 */
function world(score: (userId: string, feature: Float32Array) => number) {
  const counts = { drawn: 0 };
  const path: ImagePath = {
    ...tiny.path,
    generator: {
      version: "linear world",
      generate: async ({ conditions = [] }: GenerateRequest) => {
        counts.drawn += conditions.length;
        return conditions.map((condition): Conditioned => {
          return { ...imageOf("any"), feature: condition.slice(0, E) };
        });
      },
    },
    clip: { encodeImages: async images => images.map(image => (image as Conditioned).feature) },
    ranker: {
      whatIf: async ({ userId }, _itemId, embeddings) => ({
        rankingModelVersionId: null,
        scoreBefore: 0,
        rankBefore: 5,
        numRanked: 10,
        scoreDeviation: 1,
        candidates: embeddings.map(v => ({ score: score(userId, v), rank: 5, deltaR: 0 })),
      }),
    } satisfies PictureRanker,
  };
  return { counts, path };
}

const linear = (userId: string, feature: Float32Array) => dot(tasteOf(userId), feature);

const newFolder = () => mkdtemp(join(tmpdir(), "bank-"));

interface Given {
  folder: string;
  score?: typeof linear;
  shop?: ShopSnapshot;
  stopAt?: number;
}

async function bankOf({ folder, score = linear, shop = tiny.shop, stopAt }: Given) {
  const { counts, path } = world(score);
  const stop = new AbortController();
  const parts = { shop, path, encoder: tiny.encoder, config, signal: stop.signal };
  const store = new FolderArtefactStore(folder);
  const onPairs = (done: number) => {
    if (done === stopAt) {
      stop.abort();
    }
  };
  const bank = conditionBank(parts, { store, onPairs });
  return { bank: await bank.catch((error: unknown) => error as Error), counts, path };
}

/** The tiny shop, whose ranking model has the gradient of the linear world. */
function withGradient(gradientOf = tasteOf): ShopSnapshot {
  const { shop } = tiny;
  const featureGradient = ({ userIndex }: { userIndex: number }) =>
    gradientOf(shop.userIds[userIndex]);
  const model = Object.create(shop.ranker.model, {
    linearModalityNames: { value: ["visual"] },
    featureGradient: { value: featureGradient },
  }) as typeof shop.ranker.model;
  return { ...shop, ranker: { ...shop.ranker, model } };
}

async function chosen(
  mode: BankMode,
  { score = linear, shop = tiny.shop, startsAtRanker = false } = {},
) {
  const { bank, path } = await bankOf({ folder: await newFolder(), score, shop });
  if (bank instanceof Error) {
    throw bank;
  }
  const train = mode === "distill" ? [] : choicePairs(shop, { numPairs: 24, seed: 9 });
  const parts = { shop, ranker: path.ranker!, config, startsAtRanker };
  return chosenConditions(mode, parts, bank, train);
}

/** The score of the image of an embedding, by the world's law. */
async function worth({ userId }: Pair, embedding: Float32Array): Promise<number> {
  const { tokens } = await tiny.encoder.projectImage(embedding);
  return linear(userId, tokens.slice(0, E));
}

/** Mean worth of the choices above that of P^ret. */
async function gainOf({ chosen: choices }: Awaited<ReturnType<typeof chosen>>): Promise<number> {
  let sum = 0;
  for (const { embedding, pair } of choices) {
    const { preferenceEmbedding: retrieved } = pairContext(tiny.shop, pair, config);
    const length = Math.hypot(...retrieved!); // every pair has a history
    const plain = retrieved!.map(value => value / length);
    sum += (await worth(pair, embedding)) - (await worth(pair, plain));
  }
  return sum / choices.length;
}

describe("conditionBank()", () => {
  it("goes on where a killed run stood, to the same bank", async () => {
    const whole = await bankOf({ folder: await newFolder() });
    const folder = await newFolder();
    const killed = await bankOf({ folder, stopAt: 8 });
    expect(killed.bank).toMatchObject({ name: "AbortError" });
    const resumed = await bankOf({ folder });
    expect(resumed.counts.drawn).toBe(whole.counts.drawn - killed.counts.drawn);
    expect(resumed.counts.drawn).toBeGreaterThan(0);
    expect({ ...resumed.bank, numDrawn: 0 }).toEqual({ ...whole.bank, numDrawn: 0 });
    expect((await bankOf({ folder })).counts.drawn).toBe(0);
  });

  it("is another bank for another ranking model, and refuses files of one", async () => {
    const folder = await newFolder();
    await bankOf({ folder });
    const { ranker } = tiny.shop;
    const other = { ...tiny.shop, ranker: { ...ranker, versionId: "another" } };
    expect((await bankOf({ folder, shop: other })).counts.drawn).toBeGreaterThan(0);
    const names = await readdir(join(folder, "banks"));
    const [one, two] = names.filter(name => !name.startsWith("."));
    const file = (key: string) => join(folder, "banks", key, "pairs-00000.safetensors");
    await writeFile(file(one), await readFile(file(two)));
    const results = [await bankOf({ folder }), await bankOf({ folder, shop: other })];
    expect(results.map(({ bank }) => (bank as { code?: string }).code)).toContain("FILE_MALFORMED");
  });

  it("does not depend on what test users chose", async () => {
    const { split } = tiny.shop;
    const permuted = { ...tiny.shop, split: { ...split, test: [...split.test].reverse() } };
    const [own, other] = [
      await bankOf({ folder: await newFolder() }),
      await bankOf({ folder: await newFolder(), shop: permuted }),
    ];
    expect(other.bank).toEqual(own.bank);
  });
});

describe("chosenConditions()", () => {
  it.each(["critic", "distill", "surrogate"] as const)(
    "by '%s' chooses conditions that gain in a linear world, and with the reward's sign flipped ones that lose",
    async mode => {
      const shop = mode === "surrogate" ? withGradient() : tiny.shop;
      const gain = await gainOf(await chosen(mode, { shop }));
      expect(gain).toBeGreaterThan(0.1);
      if (mode !== "surrogate") {
        const flipped = (userId: string, feature: Float32Array) => -linear(userId, feature);
        expect(await gainOf(await chosen(mode, { shop, score: flipped }))).toBeLessThan(0);
      }
    },
  );

  it("by 'distill' is the best of each pair's own images", async () => {
    const { chosen: choices, report } = await chosen("distill");
    const { bank } = await bankOf({ folder: await newFolder() });
    if (bank instanceof Error) {
      throw bank;
    }
    for (const [at, { embedding, name, pair }] of choices.entries()) {
      const { conditions, features, names } = bank.entries[at];
      const scores = names.map((_, n) => linear(pair.userId, row(features, n)));
      const best = scores.indexOf(Math.max(...scores));
      expect(name).toBe(names[best]);
      expect(embedding).toEqual(row(conditions, best));
    }
    const numChosen = Object.values(report.numChosen).reduce((sum, own) => sum + own, 0);
    expect(numChosen).toBe(choices.length);
    expect(report.numBankImages).toBe(bank.entries.length * bank.entries[0].names.length);
  });

  it("leaves out and counts pairs whose score is the same with every image, or not a number", async () => {
    const pairs = choicePairs(tiny.shop, { numPairs: config.numBankPairs, seed: 0 });
    const [content, broken] = [...new Set(pairs.map(({ userId }) => userId))];
    const score = (userId: string, feature: Float32Array) =>
      userId === content ? 1 : userId === broken ? NaN : linear(userId, feature);
    const { chosen: choices, report } = await chosen("distill", { score });
    const count = (user: string) => pairs.filter(({ userId }) => userId === user).length;
    expect(report.leftOut).toEqual({
      noImage: 0,
      noMargin: count(content),
      notFinite: count(broken),
    });
    expect(choices).toHaveLength(pairs.length - count(content) - count(broken));
  });

  it("stays at what an untrained P^gen is where nothing gains", async () => {
    const shop = withGradient(() => new Float32Array(E));
    const { report } = await chosen("surrogate", { shop });
    const { report: atRanker } = await chosen("surrogate", { shop, startsAtRanker: true });
    expect(Object.keys(report.numChosen)).toEqual(["retrieved"]);
    expect(atRanker.numChosen).toEqual({ top: report.numChosen.retrieved });
  });

  it("refuses to learn from scores that say nothing", async () => {
    const none = chosen("critic", { score: () => 1 });
    await expect(none).rejects.toMatchObject({ code: "TOO_FEW_PAIRS" });
    const broken = chosen("critic", { score: () => NaN });
    await expect(broken).rejects.toMatchObject({ code: "TRAINING_DIVERGED" });
  });

  it("refuses the surrogate for a ranking model without a gradient", async () => {
    const fault = { code: "INVALID_ARGUMENT", details: { argument: "rewardTraining" } };
    await expect(chosen("surrogate")).rejects.toMatchObject(fault);
  });
});
