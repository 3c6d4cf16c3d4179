/**
 * @file Moderation by `nsfwjs`, which is no dependency: what needs it is skipped where it is not installed
 * (`npm install --no-save nsfwjs`).
 */
import * as tf from "@tensorflow/tfjs";
import sharp from "sharp";
import { noModeration } from "../../../../src/ml/moderation/moderation-strategy.js";
import {
  defaultNsfwConfig,
  hasNsfwjs,
  NsfwjsModeration,
  nsfwjsName,
} from "../../../../src/ml/moderation/nsfwjs-moderation.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { drawSticker } from "../../../../src/recsys/datasets/sticker-art.js";
import {
  type StickerArt,
  stickerConcepts,
} from "../../../../src/recsys/datasets/sticker-concepts.js";
import { shopStyles } from "../../../../src/recsys/datasets/sticker-styles.js";

const SIDE = 128;
const image = (colour: (x: number, y: number) => number): RgbImage => ({
  widthPixels: SIDE,
  heightPixels: SIDE,
  pixels: Uint8Array.from({ length: 3 * SIDE ** 2 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return colour(pixel % SIDE, Math.floor(pixel / SIDE));
  }),
});
const grey = image(() => 120);
const random = new Random(1);
const noise = image(() => random.int(256));

describe("noModeration", () => {
  it("accepts everything", async () => {
    expect(await noModeration.faultsOf([grey, noise])).toEqual([[], []]);
    expect(noModeration.name).toBe("");
  });
});

describe("nsfwjsName()", () => {
  it("distinguishes thresholds", () => {
    expect(nsfwjsName({ ...defaultNsfwConfig, maxProbability: 0.3 })).not.toBe(nsfwjsName());
  });
});

const describeWithout = hasNsfwjs() ? describe.skip : describe;
const describeWith = hasNsfwjs() ? describe : describe.skip;

describeWithout(`NsfwjsModeration${hasNsfwjs() ? " (nsfwjs is installed)" : ""}`, () => {
  it("reports that the package is not installed", async () => {
    await expect(NsfwjsModeration.load()).rejects.toMatchObject({
      code: "MODERATION_UNAVAILABLE",
      details: { package: "nsfwjs", reason: "not installed" },
    });
  });
});

describeWith(`NsfwjsModeration${hasNsfwjs() ? "" : " (nsfwjs is not installed)"}`, () => {
  let moderation: NsfwjsModeration;

  beforeAll(async () => {
    moderation = await NsfwjsModeration.load();
  });
  afterAll(() => moderation.dispose());

  it("gives a probability for each class", async () => {
    const probabilities = await moderation.probabilities(grey);
    expect(Object.keys(probabilities).sort()).toEqual([
      "Drawing",
      "Hentai",
      "Neutral",
      "Porn",
      "Sexy",
    ]);
    expect(Object.values(probabilities).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
  });

  it("refuses from the threshold on, and leaves no tensor behind", async () => {
    const { Hentai, Porn } = await moderation.probabilities(grey);
    const before = tf.memory().numTensors;
    for (const [maxProbability, faults] of [
      [Hentai + Porn, ["UNSAFE"]],
      [Hentai + Porn + 1e-6, []],
    ] as const) {
      const strict = await NsfwjsModeration.load({ ...defaultNsfwConfig, maxProbability });
      expect(await strict.faultsOf([grey])).toEqual([faults]);
      await strict.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it("accepts stickers", async () => {
    const stickers = await Promise.all(
      stickerConcepts(6).flatMap(({ art }) => shopStyles.map(style => drawn(art[style]))),
    );
    const unsafe = (await moderation.faultsOf(stickers)).filter(faults => faults.length > 0);
    expect(unsafe).toEqual([]);
  });
});

async function drawn(art: StickerArt): Promise<RgbImage> {
  const { png } = await drawSticker(art);
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return { widthPixels: info.width, heightPixels: info.height, pixels: data };
}
