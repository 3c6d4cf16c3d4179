/**
 * @file A shop at a size for tests whose parts are real ones: a trained MICRO, a Stable Diffusion of random weights, a
 * personalizer upon a decoder of two layers. What sees pictures and what knows items are plain functions.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NamedFiles } from "../../../../src/db/artefact-files.js";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { decodeRgb, encodeGeneratedPng } from "../../../../src/db/image-codec.js";
import { ConditionEncoder } from "../../../../src/ml/diffusion/condition-encoder.js";
import { type Conditioning } from "../../../../src/ml/diffusion/conditioning.js";
import { InProcessGenerator } from "../../../../src/ml/diffusion/in-process-generator.js";
import { type Llama } from "../../../../src/ml/language/llama.js";
import { Random, seedFrom } from "../../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import type { PersonalizerConfig } from "../../../../src/ml/personalizer/personalizer-config.js";
import { decodePersonalizer } from "../../../../src/ml/personalizer/personalizer-files.js";
import { Personalizer } from "../../../../src/ml/personalizer/personalizer.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";
import { CachedImageGenerator } from "../../../../src/recsys/images/cached-image-generator.js";
import type { ImagePath } from "../../../../src/recsys/images/image-path.js";
import type { PersonalizerModel } from "../../../../src/recsys/images/personalizer-model.js";
import type { InteractionEntry } from "../../../../src/recsys/ranking/ranking-dataset.js";
import { snapshotRanker } from "../../../../src/recsys/ranking/what-if.js";
import {
  readShopSnapshot,
  type ShopItem,
  type ShopSnapshot,
} from "../../../../src/recsys/reflection/shop-snapshot.js";
import { tinyConfig, tinyLlama } from "../../ml/personalizer/tiny-personalizer.js";
import { createShop, embedding, itemId, NUM_ITEMS } from "../ranking/shop.js";

const NUM_SHOPPERS = 40;
const SIDE = 16;
/** Width of the tiny U-Net's condition, and of the embeddings of `shop.ts`. */
const [D, E] = [16, 6];
const NUM_TOKENS = 2;

export const tinyPersonalizerConfig: PersonalizerConfig = {
  ...tinyConfig,
  conditionSize: D,
  embeddingSize: E,
  numPreferenceTokens: NUM_TOKENS,
};

/** What is small and quick of a training. */
export const tinyTraining = {
  numPairs: 8,
  batchSize: 2,
  numRollouts: 2,
  numDirections: 4,
  numSteps: 2,
  strength: 0.5,
  guidanceScale: 20, // a U-Net of random weights hardly listens to its condition
  numValidationPairs: 2,
  validateEvery: 2,
  k: 2,
  model: { learningRate: 0.01, sigma: 1 },
};

/** Every shopper likes the even or the odd items, each in an order of their own. */
export function users(): InteractionEntry[] {
  return Array.from({ length: NUM_SHOPPERS }, (_, user) => {
    const items = Array.from({ length: NUM_ITEMS / 2 }, (__, n) => 2 * n + (user % 2));
    return new Random(seedFrom("tiny shop", user)).shuffled(items).map((item, place) => ({
      userId: `user-${user}`,
      itemId: itemId(item),
      kind: "LIKE" as const,
      weight: 1,
      occurredAt: new Date(Date.UTC(2026, 0, 1 + place)),
    }));
  }).flat();
}

export function catalogue(): ShopItem[] {
  return Array.from({ length: NUM_ITEMS }, (_, index) => ({
    itemId: itemId(index),
    title: `thing ${index}`,
    keywords: [index % 2 === 0 ? "even" : "odd"],
    caption: `a drawing of thing ${index}`,
    captionEmbedding: embedding("CAPTION", index),
    imageEmbedding: embedding("IMAGE", index),
    blobHash: `blob-${index}`,
  }));
}

/** A picture of noise that is the blob's own. */
export function imageOf(blobHash: string): RgbImage {
  const random = new Random(seedFrom("picture", blobHash));
  const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, () => random.int(256));
  return { widthPixels: SIDE, heightPixels: SIDE, pixels };
}

/** Six directions in the space of pictures: what an encoder of pictures does, and as deterministic. */
function seen({ pixels }: RgbImage): Float32Array {
  const vector = new Float32Array(E);
  pixels.forEach((value, at) => (vector[at % E] += value / 255 - 0.5));
  const length = Math.hypot(...vector) || 1;
  return vector.map(value => value / length);
}

export interface TinyShop {
  home: string;
  shop: ShopSnapshot;
  /** Without a cache. */
  generator: InProcessGenerator;
  /** With a cache in `home`, and the rankings of the snapshot. */
  path: ImagePath;
  clip: {
    encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]>;
    encodeTexts(texts: readonly string[]): Promise<Float32Array[]>;
  };
  encoder: {
    encodeTexts(texts: readonly string[]): Promise<Conditioning[]>;
    projectImage(embedding: Float32Array): Promise<Conditioning>;
  };
  /** A cache in another home, without images yet. */
  createImageGenerator(home: string): CachedImageGenerator;
  close(): Promise<void>;
}

export async function createTinyShop(rows = users()): Promise<TinyShop> {
  await loadTfjsBackend(["cpu"]);
  const ranking = await createShop(rows);
  await ranking.train(randomUUID());
  const shop = await readShopSnapshot({
    rankers: ranking.rankers,
    versions: ranking.versions,
    store: ranking.store,
    interactions: {
      async *streamAll() {
        yield rows;
      },
    },
    items: { findAll: async () => catalogue() },
  });
  const pack = await openModelPack("tests/golden/tiny-sd15");
  const generator = await InProcessGenerator.create(pack, { numThreads: 1 });
  const text = await ConditionEncoder.load(pack, { numThreads: 1 });
  const projection = new Random(1).normals(NUM_TOKENS * D * E);
  const clip: TinyShop["clip"] = {
    encodeImages: async images => images.map(seen),
    encodeTexts: async texts => texts.map(own => new Random(seedFrom("text", own)).normals(E)),
  };
  const createImageGenerator = (home: string) =>
    new CachedImageGenerator({
      generator,
      codec: {
        encode: image => encodeGeneratedPng(image, generator.version),
        decode: bytes => decodeRgb(bytes),
      },
      store: new FolderArtefactStore(home),
    });
  const home = await mkdtemp(join(tmpdir(), "tiny-shop-"));
  return {
    home,
    shop,
    generator,
    clip,
    createImageGenerator,
    path: {
      generator: createImageGenerator(home),
      imageFiles: { load: async hash => imageOf(hash) },
      clip,
      ranker: snapshotRanker(shop),
      products: null,
    },
    encoder: {
      encodeTexts: texts => text.encodeTexts(texts),
      projectImage: async values => ({
        numTokens: NUM_TOKENS,
        dimension: D,
        tokens: Float32Array.from({ length: NUM_TOKENS * D }, (_, row) =>
          values.reduce((sum, value, e) => sum + value * projection[row * E + e], 0),
        ),
      }),
    },
    async close() {
      await generator.close();
      await text.dispose();
      await ranking.remove();
    },
  };
}

/** A personalizer as the services see it, and the parts that must not learn. */
export function createTinyModel(
  seed: number,
  given: Readonly<Record<string, unknown>> = {},
): { model: PersonalizerModel; llm: Llama; personalizer: Personalizer } {
  const llm = tinyLlama();
  const config = { ...tinyPersonalizerConfig, ...given }; // checked by create
  const personalizer = Personalizer.create(config, llm, seed);
  return { llm, personalizer, model: modelOf(personalizer, llm) };
}

export function loadTinyModel(files: NamedFiles): PersonalizerModel {
  const llm = tinyLlama();
  return modelOf(Personalizer.restore(decodePersonalizer(files), llm), llm);
}

function modelOf(personalizer: Personalizer, llm: Llama): PersonalizerModel {
  return {
    startsAtImageTokens: personalizer.config.form === "slots",
    startsAtRanker: personalizer.config.startsAtRanker,
    readsRankerPreference: personalizer.config.rankerPreference,
    explore: (samples, options) => {
      personalizer.explore(samples, options);
    },
    policy: inputs => personalizer.policy(inputs),
    trainStep: rollouts => personalizer.trainStep(rollouts),
    trainToward: (lessons, scale) => personalizer.trainToward(lessons, scale),
    toFiles: lineage => personalizer.toFiles(lineage),
    encodeTraining: () => personalizer.encodeTraining(),
    restoreTraining: bytes => personalizer.restoreTraining(bytes),
    promptIds: keywords => [
      ...keywords.map(keyword => (seedFrom("token", keyword) >>> 0) % 11),
      ...llm.imageTokenIds,
    ],
    dispose: () => {
      personalizer.dispose();
      llm.dispose();
    },
  };
}
