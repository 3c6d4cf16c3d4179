/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClipTokenizer } from "../../../../src/ml/clip/clip-tokenizer.js";
import { ConditionEncoder } from "../../../../src/ml/diffusion/condition-encoder.js";
import { type GenerateRequest } from "../../../../src/ml/diffusion/image-generator.js";
import { DiffusionPipeline } from "../../../../src/ml/diffusion/pipeline.js";
import { type SchedulerName } from "../../../../src/ml/diffusion/scheduler.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { describeWithMiniPack, miniPackDir } from "../runtime/mini-pack.js";

// A random Stable Diffusion 1.x pipeline in its own ONNX layout (4 latent channels, 77 tokens, int64 timestep, int32
// tokens, a tokenizer of vocab.json and merges.txt), with diffusers' results: tests/golden/tiny_pack.py.
const TINY = "tests/golden/tiny-sd15";
const golden = JSON.parse(readFileSync(`${TINY}.json`, "utf8")) as {
  seed: number;
  texts: string[];
  inputIds: number[][];
  prompt: string;
  negativePrompt: string;
  guidanceScale: number;
  initPixels: number[];
  cases: { scheduler: SchedulerName; numSteps: number; strength?: number; pixels: number[] }[];
  redrawn: { scheduler: SchedulerName; numSteps: number; pixels: number[] };
};
const initImage: RgbImage = {
  widthPixels: 16,
  heightPixels: 16,
  pixels: Uint8Array.from(golden.initPixels),
};
const request: GenerateRequest = {
  prompt: "a red cat",
  guidanceScale: 3,
  seed: 1,
  numImages: 1,
  numSteps: 3,
};

let pipeline: DiffusionPipeline;

beforeAll(async () => {
  pipeline = await DiffusionPipeline.load(await openModelPack(TINY), { numThreads: 1 });
});

afterAll(() => pipeline.dispose());

describe("ClipTokenizer", () => {
  it("gives transformers' ids, from vocab.json and merges.txt", async () => {
    const tokenizer = await ClipTokenizer.load(await openModelPack(TINY), "tokenizer");
    expect(tokenizer.maxLength).toBe(77);
    expect(tokenizer.encode(golden.texts, 77)).toEqual(golden.inputIds);
  });
});

describe("DiffusionPipeline.generate() with conditions", () => {
  const condition = (value: number) => new Float32Array(80 * 16).fill(value);
  const own: GenerateRequest = { ...request, numImages: 2, sharesNoise: true };

  it("generates each image under its own condition, as it would alone", async () => {
    const images = await pipeline.generate({
      ...own,
      conditions: [condition(0.1), condition(1)],
    });
    const [first] = await pipeline.generate({ ...own, numImages: 1, conditions: [condition(0.1)] });
    const [second] = await pipeline.generate({ ...own, numImages: 1, conditions: [condition(1)] });
    expect(images).toEqual([first, second]);
    expect(first).not.toEqual(second);
  });

  it("shares one unconditional pass in the first step among images of one noise", async () => {
    const evaluations = async (changes: Partial<GenerateRequest>) => {
      const before = pipeline.evaluations;
      await pipeline.generate({ ...own, numImages: 3, ...changes });
      return pipeline.evaluations - before;
    };
    const conditions = [condition(0.1), condition(0.5), condition(1)];
    // 3 steps of 3 images, each with and without its condition; without it only once in the first step
    expect(await evaluations({ conditions })).toBe(18 - 2);
    expect(await evaluations({ conditions, sharesNoise: false })).toBe(18);
    expect(await evaluations({ conditions, guidanceScale: 1 })).toBe(9);
  });

  it("starts them from shared noise, or each from its own", async () => {
    const conditions = [condition(0.5)];
    const [a, b] = await pipeline.generate({ ...own, conditions });
    expect(a).toEqual(b);
    const [c, d] = await pipeline.generate({ ...own, conditions, sharesNoise: false });
    expect(c).toEqual(a);
    expect(d).not.toEqual(c);
  });

  it("gives the prompt's image for the prompt's own tokens", async () => {
    const pack = await openModelPack(TINY);
    const encoder = await ConditionEncoder.load(pack, { numThreads: 1 });
    const [{ tokens }] = await encoder.encodeTexts([request.prompt]);
    await encoder.dispose();
    expect(await pipeline.generate({ ...request, prompt: "", conditions: [tokens] })).toEqual(
      await pipeline.generate(request),
    );
  });

  it.each([
    [[condition(1), condition(1), condition(1)], "conditions must be one, or one for each of 2"],
    [[condition(1), new Float32Array(16)], "conditions must all have the same number of tokens"],
    [[new Float32Array(17)], "conditions must be rows of 16 numbers"],
  ])("refuses invalid conditions", async (conditions, message) => {
    await expect(pipeline.generate({ ...own, conditions })).rejects.toThrow(message);
  });
});

describe("a U-Net with reference channels", () => {
  let folder: string;
  let redrawing: DiffusionPipeline;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pix2pix-"));
    await cp(TINY, folder, { recursive: true });
    await cp("tests/golden/tiny-pix2pix", folder, { recursive: true });
    redrawing = await DiffusionPipeline.load(await openModelPack(folder), { numThreads: 1 });
  });

  afterAll(async () => {
    await redrawing.dispose();
    await rm(folder, { recursive: true });
  });

  it("equals diffusers' InstructPix2Pix pipeline, from pure noise by default", async () => {
    const { guidanceScale, negativePrompt, prompt, redrawn, seed } = golden;
    const { numSteps, pixels, scheduler } = redrawn;
    const asked = { prompt, negativePrompt, guidanceScale, seed, numSteps, scheduler };
    const [image] = await redrawing.generate({ ...asked, numImages: 1, initImage });
    const differences = pixels.map((value, i) => Math.abs(value - image.pixels[i]));
    expect(Math.max(...differences)).toBeLessThan(0.5 + 0.1); // rounding to 8 bits, and float32
  });

  it("generates other images from text alone", async () => {
    const [alone] = await redrawing.generate(request);
    const [beside] = await redrawing.generate({ ...request, initImage });
    expect(alone).not.toEqual(beside);
    expect(await redrawing.generate(request)).toEqual([alone]);
  });

  it("starts from the noised image at a strength below 1", async () => {
    const before = redrawing.evaluations;
    await redrawing.generate({ ...request, numSteps: 10, initImage, strength: 0.35 });
    expect(redrawing.evaluations - before).toBe(3 * 2);
  });

  it("uses the pack's defaults, or the general ones where it has none", async () => {
    expect(redrawing.config.defaults).toEqual({
      strength: 1,
      numSteps: 12,
      guidanceScale: 3,
      numSamples: 1,
    });
    const path = join(folder, "model_index.json");
    const index = JSON.parse(await readFile(path, "utf8")) as object;
    const own = {
      default_strength: 0.5,
      default_num_steps: 4,
      default_guidance_scale: 1,
      default_num_drafts: 2, // without an exemplar bank there is only one sample
    };
    await writeFile(path, JSON.stringify({ ...index, ...own }));
    const distilled = await DiffusionPipeline.load(await openModelPack(folder), { numThreads: 1 });
    expect(distilled.config.defaults).toEqual({
      strength: 0.5,
      numSteps: 4,
      guidanceScale: 1,
      numSamples: 2,
    });
    const { prompt, seed } = request;
    await distilled.generate({ prompt, seed, numImages: 1, initImage });
    await distilled.dispose();
    expect(distilled.evaluations).toBe(2); // half of 4 steps, without guidance
  });
});

describe("DiffusionPipeline.generate()", () => {
  it.each(golden.cases.map(c => [c.scheduler, c.strength ? "a picture" : "noise", c] as const))(
    "equals diffusers with %s from %s",
    async (scheduler, _, { numSteps, pixels, strength }) => {
      const { guidanceScale, negativePrompt, prompt, seed } = golden;
      const [image] = await pipeline.generate({
        prompt,
        negativePrompt,
        guidanceScale,
        seed,
        numImages: 1,
        numSteps,
        scheduler,
        ...(strength && { strength, initImage }),
      });
      const differences = pixels.map((value, i) => Math.abs(value - image.pixels[i]));
      expect(Math.max(...differences)).toBeLessThan(0.5 + 0.1); // rounding to 8 bits, and float32
    },
  );

  it("gives the same bytes for the same request", async () => {
    expect(await pipeline.generate(request)).toEqual(await pipeline.generate(request));
  });

  it("gives another image for another seed", async () => {
    expect(await pipeline.generate({ ...request, seed: 2 })).not.toEqual(
      await pipeline.generate(request),
    );
  });

  it("gives image j independently of the number of images", async () => {
    const one = await pipeline.generate({ ...request, numImages: 1 });
    const six = await pipeline.generate({ ...request, numImages: 6 }); // 4, then 2 in a batch
    expect(six).toHaveLength(6);
    const differences = one[0].pixels.map((value, i) => Math.abs(value - six[0].pixels[i]));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
    expect(six[4]).not.toEqual(six[0]);
  });

  it("reports every step, with a preview that ends at the image", async () => {
    const steps: number[] = [];
    let preview: RgbImage | undefined;
    const [image] = await pipeline.generate(request, {
      onStep: async ({ preview: render, step, numSteps }) => {
        expect(numSteps).toBe(3);
        steps.push(step);
        preview = await render();
      },
    });
    expect(steps).toEqual([1, 2, 3]);
    expect(preview).toEqual(image);
  });

  it("counts steps over all batches", async () => {
    const steps: string[] = [];
    await pipeline.generate(
      { ...request, numImages: 5 },
      { onStep: ({ step, numSteps }) => void steps.push(`${step}/${numSteps}`) },
    );
    expect(steps).toEqual(["1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]);
  });

  it("runs only the last steps from an image", async () => {
    const before = pipeline.evaluations;
    await pipeline.generate({ ...request, numSteps: 10, initImage, strength: 0.35 });
    expect(pipeline.evaluations - before).toBe(3 * 2); // floor(3.5) steps, two evaluations each
  });

  it("stays closer to the image with less strength", async () => {
    const [decoded] = await pipeline.generate({
      ...request,
      numSteps: 50,
      initImage,
      strength: 0.02,
    });
    const distance = async (strength: number) => {
      const [image] = await pipeline.generate({ ...request, numSteps: 50, initImage, strength });
      return image.pixels.reduce((sum, value, i) => sum + Math.abs(value - decoded.pixels[i]), 0);
    };
    expect(await distance(0.1)).toBeLessThan(await distance(0.9));
  });

  it("needs half the evaluations without guidance", async () => {
    const before = pipeline.evaluations;
    await pipeline.generate({ ...request, guidanceScale: 1 });
    expect(pipeline.evaluations - before).toBe(3);
  });

  it("stops between steps when cancelled", async () => {
    const controller = new AbortController();
    let numSteps = 0;
    const made = pipeline.generate(
      { ...request, numSteps: 20 },
      { signal: controller.signal, onStep: () => void (++numSteps === 2 && controller.abort()) },
    );
    await expect(made).rejects.toMatchObject({ code: "JOB_CANCELLED" });
    expect(numSteps).toBe(2);
  });

  it.each([
    [{ numImages: 0 }, "numImages must be"],
    [{ numSamples: 17 }, "numSamples must be 1 … 16"],
    [{ numSteps: 0 }, "numSteps must be"],
    [{ guidanceScale: NaN }, "guidanceScale must be"],
    [{ seed: 0.5 }, "seed must be"],
    [{ scheduler: "euler" as "ddim" }, "scheduler must be ddim or dpm++"],
    [
      { initImage: { widthPixels: 8, heightPixels: 16, pixels: new Uint8Array(384) } },
      "initImage must have 16 x 16 pixels, but got 8 x 16",
    ],
  ])("refuses %j", async (fault, message) => {
    const made = pipeline.generate({ ...request, ...fault });
    await expect(made).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(made).rejects.toThrow(message);
  });
});

describe("DiffusionPipeline.load()", () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "vitrine-pack-"));
    await cp(TINY, dir, { recursive: true });
  });

  afterEach(() => rm(dir, { recursive: true }));

  const load = async () => DiffusionPipeline.load(await openModelPack(dir));

  it("names a missing file", async () => {
    await rm(join(dir, "unet", "model.onnx"));
    await expect(load()).rejects.toThrow(/has no file 'unet\/model.onnx'/);
  });

  it("names a file that is not a model", async () => {
    await writeFile(join(dir, "unet", "model.onnx"), "not a model");
    await expect(load()).rejects.toMatchObject({ code: "FILE_MALFORMED" });
  });

  it("names the fault of a configuration", async () => {
    await writeFile(
      join(dir, "scheduler", "scheduler_config.json"),
      JSON.stringify({ prediction_type: "vibes" }),
    );
    await expect(load()).rejects.toThrow(/prediction_type/);
  });

  it("reports a U-Net and an autoencoder that do not match", async () => {
    await writeFile(
      join(dir, "unet", "config.json"),
      JSON.stringify({ in_channels: 9, sample_size: 8 }),
    );
    await expect(load()).rejects.toThrow("the U-Net takes 9 channels");
  });
});

describeWithMiniPack("DiffusionPipeline with image tokens", () => {
  let mini: DiffusionPipeline;
  const short = { ...request, numSteps: 2 };
  const embedding = (seed: number) => new Random(seed).normals(128);

  beforeAll(async () => {
    mini = await DiffusionPipeline.load(await openModelPack(miniPackDir));
  });

  afterAll(() => mini.dispose());

  it("follows the embedding", async () => {
    const [one] = await mini.generate({ ...short, imageEmbedding: embedding(1) });
    const [other] = await mini.generate({ ...short, imageEmbedding: embedding(2) });
    expect(one).not.toEqual(other);
    expect(one.widthPixels).toBe(mini.config.widthPixels);
  });

  it("draws without an embedding under silent image tokens, as the U-Net was trained", async () => {
    const encoder = await ConditionEncoder.load(await openModelPack(miniPackDir), {});
    const [text] = await encoder.encodeTexts([short.prompt]);
    const { numTokens } = (await encoder.projectImage(embedding(1)))!;
    await encoder.dispose();
    const silent = new Float32Array(text.tokens.length + numTokens * text.dimension);
    silent.set(text.tokens);
    const plain = { ...short, usesExemplars: false };
    expect(await mini.generate(plain)).toEqual(
      await mini.generate({ ...plain, conditions: [silent] }),
    );
  });

  it("refuses an embedding of another encoder", async () => {
    const made = mini.generate({ ...short, imageEmbedding: new Float32Array(512) });
    await expect(made).rejects.toThrow("imageEmbedding must have 128 dimensions, but got 512");
  });
});
