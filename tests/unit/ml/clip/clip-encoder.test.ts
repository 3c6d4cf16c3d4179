/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { ClipEncoder } from "../../../../src/ml/clip/clip-encoder.js";
import { unitPixels } from "../../../../src/ml/diffusion/autoencoder.js";
import { cosine } from "../../../../src/ml/nn/cosine.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { OnnxSession } from "../../../../src/ml/runtime/onnx-session.js";
import { describeWithMiniPack, miniPackDir } from "../runtime/mini-pack.js";

const TINY = "tests/golden/tiny-sd15";

function noiseImage(widthPixels: number, heightPixels: number, seed = 1): RgbImage {
  const random = new Random(seed);
  const pixels = Uint8Array.from({ length: 3 * widthPixels * heightPixels }, () => random.int(256));
  return { widthPixels, heightPixels, pixels };
}

const norm = (vector: Float32Array) => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));

describe("ClipEncoder.load()", () => {
  it("names the missing file", async () => {
    const pack = await openModelPack(TINY);
    await expect(ClipEncoder.load(pack)).rejects.toThrow(/has no file 'clip\/config.json'/);
  });
});

describeWithMiniPack("ClipEncoder", () => {
  let encoder: ClipEncoder;

  beforeAll(async () => {
    encoder = await ClipEncoder.load(await openModelPack(miniPackDir), {
      numThreads: 1,
      batchSize: 3,
    });
  });

  afterAll(() => encoder.dispose());

  it("returns unit vectors of its dimension, in order, in any batching", async () => {
    const texts = ["a red cat", "a dog", "", "two blue birds on a tree", "a cat"];
    const together = await encoder.encodeTexts(texts);
    expect(together).toHaveLength(5);
    for (const [i, vector] of together.entries()) {
      expect(vector).toHaveLength(encoder.dimension);
      expect(norm(vector)).toBeCloseTo(1, 5);
      const [alone] = await encoder.encodeTexts([texts[i]]);
      expect(cosine(vector, alone)).toBeGreaterThan(0.99999);
    }
  });

  it("equals the bare model for an image of its own size", async () => {
    const pack = await openModelPack(miniPackDir);
    const path = pack.path("clip/onnx/vision_model.onnx");
    const session = await OnnxSession.load(path, { numThreads: 1 });
    const [, , height, width] = session.input("pixel_values").shape as number[];
    const image = noiseImage(width, height);
    // The pack's mean and deviation are 0.5, so its pixels are those of -1 … 1.
    const { image_embeds } = await session.run({
      pixel_values: { data: unitPixels(image), dims: [1, 3, height, width] },
    });
    const [vector] = await encoder.encodeImages([image]);
    expect(cosine(vector, image_embeds.data)).toBeGreaterThan(0.99999);
    await session.dispose();
  });

  it("accepts images of different sizes together", async () => {
    const images = [noiseImage(40, 90, 1), noiseImage(200, 100, 2), noiseImage(1, 1, 3)];
    const vectors = await encoder.encodeImages([...images, images[0]]);
    expect(vectors).toHaveLength(4);
    expect(cosine(vectors[0], vectors[3])).toBeCloseTo(1, 5);
  });

  it("returns an empty list for empty input", async () => {
    expect(await encoder.encodeTexts([])).toEqual([]);
    expect(await encoder.encodeImages([])).toEqual([]);
  });
});
