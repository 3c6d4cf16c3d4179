/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { readFileSync } from "node:fs";
import { Autoencoder } from "../../../../src/ml/diffusion/autoencoder.js";
import { schedulerOf } from "../../../../src/ml/diffusion/create-scheduler.js";
import { loadPipelineConfig } from "../../../../src/ml/diffusion/pipeline-config.js";
import { DiffusionPipeline } from "../../../../src/ml/diffusion/pipeline.js";
import { type SchedulerName } from "../../../../src/ml/diffusion/scheduler.js";
import { type ModelPack, openModelPack } from "../../../../src/ml/runtime/model-pack.js";

// SD-1.5's own configurations and export with a few channels and random weights, with diffusers' results:
// tests/golden/sd15_layout.py.
const golden = JSON.parse(readFileSync("tests/golden/sd15-layout.json", "utf8")) as {
  seed: number;
  prompt: string;
  negativePrompt: string;
  guidanceScale: number;
  /** Every `stride`th value of an image is stored. */
  stride: number;
  cases: { scheduler: SchedulerName; numSteps: number; values: number[] }[];
  encoded: number[];
};

const SIDE = 128;
let pack: ModelPack;
let pipeline: DiffusionPipeline;

beforeAll(async () => {
  pack = await openModelPack("tests/golden/sd15-layout");
  pipeline = await DiffusionPipeline.load(pack, { numThreads: 1 });
});

afterAll(() => pipeline.dispose());

describe("a pack in SD-1.5's layout", () => {
  it("is read from SD-1.5's own files, without scaling and spacing", async () => {
    const config = await loadPipelineConfig(pack);
    expect(config).toMatchObject({
      latentChannels: 4,
      downsampleFactor: 8,
      widthPixels: SIDE,
      scalingFactor: 0.18215,
      shiftFactor: 0,
    });
    expect(config.schedule).toMatchObject({
      _class_name: "PNDMScheduler",
      prediction_type: "epsilon",
      steps_offset: 1,
    });
    expect(schedulerOf(config.schedule)).toBe("dpm++");
  });

  it.each(golden.cases.map(one => [one.scheduler, one] as const))(
    "equals diffusers with %s",
    async (scheduler, { numSteps, values }) => {
      const { guidanceScale, negativePrompt, prompt, seed, stride } = golden;
      const [{ pixels }] = await pipeline.generate({
        prompt,
        negativePrompt,
        guidanceScale,
        seed,
        numImages: 1,
        numSteps,
        scheduler,
      });
      const differences = values.map((value, i) => Math.abs(value - pixels[i * stride]));
      expect(values).toHaveLength(Math.ceil(pixels.length / stride));
      expect(new Set(values.map(Math.round)).size).toBeGreaterThan(100); // a picture, not a plain
      expect(Math.max(...differences)).toBeLessThan(0.5 + 0.1); // rounding to 8 bits, and float32
    },
  );

  it("encodes an image like diffusers", async () => {
    const autoencoder = await Autoencoder.load(pack, await loadPipelineConfig(pack), {
      numThreads: 1,
    });
    const pixels = Uint8Array.from({ length: 3 * SIDE ** 2 }, (_, i) => (7 * i) % 256);
    const latents = await autoencoder.encode({ widthPixels: SIDE, heightPixels: SIDE, pixels });
    await autoencoder.dispose();
    expect(latents).toBeAllclose(golden.encoded, { rtol: 0, atol: 2e-5 });
  });
});
