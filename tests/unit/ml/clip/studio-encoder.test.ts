/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Recognizer, recognizerOf } from "../../../../src/ml/captioning/recognizer.js";
import { ClipEncoder } from "../../../../src/ml/clip/clip-encoder.js";
import { cosine, dot } from "../../../../src/ml/nn/cosine.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { studioPackDir } from "../runtime/studio-pack.js";

/** A shirt-like shape of one colour before a light backdrop. */
function garment([red, green, blue]: readonly number[], side = 96): RgbImage {
  const pixels = new Uint8Array(3 * side * side).fill(240);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [u, v] = [Math.abs(x / side - 0.5), y / side];
      const isBody = u < 0.22 && v > 0.2 && v < 0.85;
      const isSleeve = u < 0.42 && v > 0.2 && v < 0.4;
      if (isBody || isSleeve) {
        pixels.set([red, green, blue], 3 * (y * side + x));
      }
    }
  }
  return { widthPixels: side, heightPixels: side, pixels };
}

const RED = garment([200, 30, 40]);
const BLUE = garment([30, 70, 170]);

describe("the encoder of models/studio", () => {
  let encoder: ClipEncoder;

  beforeAll(async () => {
    encoder = await ClipEncoder.load(await openModelPack(studioPackDir), {
      numThreads: 1,
      batchSize: 3,
    });
  });

  afterAll(() => encoder.dispose());

  it("gives unit vectors of its dimension, the same in any batch", async () => {
    expect(encoder.name).toBe("studio/clip");
    const texts = ["a red shirt", "Bike", "", "a very long title of a product ".repeat(40)];
    const together = await encoder.encodeTexts(texts);
    for (const [i, vector] of together.entries()) {
      expect(vector).toHaveLength(encoder.dimension);
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
      expect((await encoder.encodeTexts([texts[i]]))[0]).toEqual(vector);
    }
    const images = await encoder.encodeImages([RED, BLUE]);
    expect(cosine(images[0], (await encoder.encodeImages([RED]))[0])).toBeGreaterThan(0.99999);
  });

  it("places texts of one kind near each other", async () => {
    const [hoodie, sweatshirt, watch] = await encoder.encodeTexts([
      "Teton Pullover Hoodie",
      "Ajax Full-Zip Sweatshirt",
      "Aim Analog Watch",
    ]);
    expect(cosine(hoodie, sweatshirt)).toBeGreaterThan(cosine(hoodie, watch) + 0.2);
  });

  it("tells colours of images by words", async () => {
    const [red, blue] = await encoder.encodeImages([RED, BLUE]);
    const [saysRed, saysBlue] = await encoder.encodeTexts(["a red product", "a blue product"]);
    expect(cosine(red, saysRed)).toBeGreaterThan(cosine(red, saysBlue));
    expect(cosine(blue, saysBlue)).toBeGreaterThan(cosine(blue, saysRed));
  });

  it("captions an image by the kind and the colour that it recognises", async () => {
    const pack = await openModelPack(studioPackDir);
    const recognizer = await Recognizer.load(pack, encoder);
    const [red, blue] = await recognizer.caption([RED, BLUE]);
    expect(red).toMatch(/^a photo of a red \w/);
    expect(blue).toMatch(/^a photo of a blue \w/);
    expect(await recognizerOf(pack)).toMatchObject({ name: "studio/recognition" });
    expect(await recognizerOf(await openModelPack("tests/golden/tiny-sd15"))).toBeNull();
  });

  it("names the missing file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vitrine-pack-"));
    await cp(studioPackDir, folder, { recursive: true });
    await rm(join(folder, "manifest.json"));
    await rm(join(folder, "clip/tokenizer.json"));
    await expect(ClipEncoder.load(await openModelPack(folder))).rejects.toThrow(
      /has no file 'clip\/tokenizer.json'/,
    );
    await rm(folder, { recursive: true });
  });
});
