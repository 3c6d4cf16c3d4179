/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type GenerateRequest,
  type KeepMask,
} from "../../../../src/ml/diffusion/image-generator.js";
import { DiffusionPipeline } from "../../../../src/ml/diffusion/pipeline.js";
import { type SchedulerName } from "../../../../src/ml/diffusion/scheduler.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";

// SD-1.5's inpainting layout with a few channels and random weights, with the results of diffusers'
// StableDiffusionInpaintPipeline: tests/golden/sd15_inpainting.py.
const golden = JSON.parse(readFileSync("tests/golden/sd15-inpainting.json", "utf8")) as {
  seed: number;
  prompt: string;
  negativePrompt: string;
  guidanceScale: number;
  stride: number;
  /** Left, top, right, bottom, in pixels. */
  kept: [number, number, number, number];
  cases: { scheduler: SchedulerName; numSteps: number; values: number[] }[];
};

const SIDE = 128;
const initImage: RgbImage = {
  widthPixels: SIDE,
  heightPixels: SIDE,
  pixels: Uint8Array.from({ length: 3 * SIDE ** 2 }, (_, i) => (7 * i) % 256),
};
const request: GenerateRequest = {
  prompt: golden.prompt,
  negativePrompt: golden.negativePrompt,
  guidanceScale: golden.guidanceScale,
  seed: golden.seed,
  numImages: 1,
  numSteps: 2,
  initImage,
  mask: maskOf(golden.kept),
};

let folder: string;
let pipeline: DiffusionPipeline;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inpainting-"));
  await cp("tests/golden/sd15-layout", folder, { recursive: true });
  await cp("tests/golden/sd15-inpainting", folder, { recursive: true });
  pipeline = await DiffusionPipeline.load(await openModelPack(folder), { numThreads: 1 });
});

afterAll(async () => {
  await pipeline.dispose();
  await rm(folder, { recursive: true });
});

function maskOf([left, top, right, bottom]: readonly number[]): KeepMask {
  const isKept = (x: number, y: number) => x >= left && x < right && y >= top && y < bottom;
  const alpha = Uint8Array.from({ length: SIDE ** 2 }, (_, i) =>
    isKept(i % SIDE, Math.floor(i / SIDE)) ? 255 : 0,
  );
  return { widthPixels: SIDE, heightPixels: SIDE, alpha };
}

describe("a U-Net of the inpainting layout", () => {
  it.each(golden.cases.map(one => [one.scheduler, one] as const))(
    "equals diffusers' inpainting pipeline with %s",
    async (scheduler, { numSteps, values }) => {
      const [{ pixels }] = await pipeline.generate({ ...request, numSteps, scheduler });
      const differences = values.map((value, i) => Math.abs(value - pixels[i * golden.stride]));
      expect(values).toHaveLength(Math.ceil(pixels.length / golden.stride));
      expect(new Set(values.map(Math.round)).size).toBeGreaterThan(100); // a picture, not a plain
      expect(Math.max(...differences)).toBeLessThan(0.5 + 0.1); // rounding to 8 bits, and float32
    },
  );

  it("redraws other images for another mask, and all of it without one", async () => {
    const [image] = await pipeline.generate(request);
    const [moved] = await pipeline.generate({ ...request, mask: maskOf([0, 0, 64, 128]) });
    const [whole] = await pipeline.generate({ ...request, mask: undefined });
    const [unseen] = await pipeline.generate({ ...request, mask: maskOf([0, 0, 0, 0]) });
    expect(moved).not.toEqual(image);
    expect(whole).not.toEqual(image);
    expect(unseen).toEqual(whole);
  });

  it("reads only the kept pixels of the image, and half a pixel's share is kept", async () => {
    const { alpha } = request.mask!;
    const other = initImage.pixels.map((value, i) => (alpha[Math.floor(i / 3)] ? value : 9));
    const soft = alpha.map(share => (share ? 128 : 127));
    const asked = {
      ...request,
      initImage: { ...initImage, pixels: other },
      mask: { ...request.mask!, alpha: soft },
    };
    expect(await pipeline.generate(asked)).toEqual(await pipeline.generate(request));
  });

  it("starts from the noised image at a strength below 1", async () => {
    const before = pipeline.evaluations;
    const [part] = await pipeline.generate({ ...request, numSteps: 10, strength: 0.35 });
    expect(pipeline.evaluations - before).toBe(3 * 2);
    expect([part]).not.toEqual(await pipeline.generate({ ...request, numSteps: 3 }));
    expect(pipeline.config.defaults.strength).toBe(1);
  });

  it.each([
    [
      { mask: { ...request.mask!, widthPixels: 64 } },
      "mask must have the image's 128 x 128 values",
    ],
    [{ mask: { ...request.mask!, alpha: new Uint8Array(9) } }, "128 x 128, 9 values"],
    [{ initImage: undefined }, "mask needs an initImage"],
  ])("refuses a mask that does not fit", async (changes, message) => {
    await expect(pipeline.generate({ ...request, ...changes })).rejects.toThrow(message);
  });

  it("needs the autoencoder's encoder", async () => {
    const bare = await mkdtemp(join(tmpdir(), "inpainting-"));
    await cp(folder, bare, { recursive: true });
    await rm(join(bare, "vae_encoder"), { recursive: true });
    const drawing = await DiffusionPipeline.load(await openModelPack(bare), { numThreads: 1 });
    await expect(drawing.generate(request)).rejects.toThrow("vae_encoder/model.onnx");
    await drawing.dispose();
    await rm(bare, { recursive: true });
  });

  it("refuses a U-Net of another number of channels", async () => {
    const other = await mkdtemp(join(tmpdir(), "inpainting-"));
    await cp(folder, other, { recursive: true });
    const path = join(other, "unet", "config.json");
    const config = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...config, in_channels: 7 }));
    await expect(DiffusionPipeline.load(await openModelPack(other))).rejects.toThrow(
      "the U-Net takes 7 channels",
    );
    await rm(other, { recursive: true });
  });
});
