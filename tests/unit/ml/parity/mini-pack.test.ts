/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { AutoTokenizer } from "@huggingface/transformers";
import { Captioner } from "../../../../src/ml/captioning/captioner.js";
import { ClipEncoder } from "../../../../src/ml/clip/clip-encoder.js";
import { ClipTokenizer } from "../../../../src/ml/clip/clip-tokenizer.js";
import { Autoencoder, unitPixels } from "../../../../src/ml/diffusion/autoencoder.js";
import {
  concatConditioning,
  type Conditioning,
  zeroConditioning,
} from "../../../../src/ml/diffusion/conditioning.js";
import { createScheduler } from "../../../../src/ml/diffusion/create-scheduler.js";
import { Denoiser } from "../../../../src/ml/diffusion/denoiser.js";
import { ImageProjection } from "../../../../src/ml/diffusion/image-projection.js";
import {
  loadPipelineConfig,
  type PipelineConfig,
} from "../../../../src/ml/diffusion/pipeline-config.js";
import { DiffusionPipeline } from "../../../../src/ml/diffusion/pipeline.js";
import { type SchedulerName } from "../../../../src/ml/diffusion/scheduler.js";
import { TextConditioner } from "../../../../src/ml/diffusion/text-conditioner.js";
import { Random, seedFrom } from "../../../../src/ml/nn/random.js";
import { type RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import { type ModelPack, openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { OnnxSession } from "../../../../src/ml/runtime/onnx-session.js";
import { describeWithMiniPack, miniPackDir } from "../runtime/mini-pack.js";

/** Every `stride`th of a longer row of numbers. */
interface Thinned {
  stride: number;
  values: number[];
}

// Made by transformers, diffusers and ONNX Runtime in Python: pretrain/golden_pack.py.
const golden = JSON.parse(
  gunzipSync(readFileSync("tests/golden/mini-pack/golden.json.gz")).toString(),
) as {
  weights: string;
  texts: string[];
  tokenIds: { tokenizer: number[][]; clip: number[][]; captioner: number[][] };
  clip: { texts: number[][]; images: number[][] };
  captioner: { begin: number; firstLogits: Thinned; caption: string };
  diffusion: {
    prompt: string;
    negativePrompt: string;
    guidanceScale: number;
    seed: number;
    textStates: Thinned;
    imageTokens: Thinned;
    unet: Thinned;
    encoded: Thinned;
    decoded: Thinned;
    seesReference: boolean;
    trajectories: {
      scheduler: SchedulerName;
      numSteps: number;
      timesteps: number[];
      latents: Thinned;
      pixels: Thinned;
    }[];
  };
};

const TOLERANCE = 1e-3;
const numThreads = 1;

/** The image of `drawing()` in golden_pack.py: a ring on a colour gradient. */
function drawing(size: number, shift = 0): RgbImage {
  const half = Math.floor(size / 2);
  const pixels = new Uint8Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const far = (x - half - shift) ** 2 + (y - half) ** 2;
      const isRing = far < Math.floor(size / 3) ** 2 && far > Math.floor(size / 5) ** 2;
      const slope = [(x * 2 + shift) % 256, (y * 3) % 256, (x + y + 5 * shift) % 256];
      pixels.set(isRing ? [220, 40 + shift, 60] : slope, 3 * (y * size + x));
    }
  }
  return { widthPixels: size, heightPixels: size, pixels };
}

const wave = (length: number, step: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * step));

function expectClose(
  values: ArrayLike<number>,
  { stride, values: expected }: Thinned,
  tolerance = TOLERANCE,
): void {
  expect(Math.ceil(values.length / stride)).toBe(expected.length);
  const differences = expected.map((value, i) => Math.abs(value - values[i * stride]));
  expect(Math.max(...differences)).toBeLessThan(tolerance);
}

describeWithMiniPack("the bundled pack, as Python computes it", () => {
  let pack: ModelPack;
  let config: PipelineConfig;

  beforeAll(async () => {
    pack = await openModelPack(miniPackDir);
    config = await loadPipelineConfig(pack);
  });

  it("is the pack of the golden file", () => {
    const lines = pack
      .manifest!.files.filter(({ path }) => path.includes("/"))
      .map(({ path, sha256 }) => `${path} ${sha256}\n`)
      .sort();
    const weights = createHash("sha256").update(lines.join("")).digest("hex");
    if (weights !== golden.weights) {
      throw new Error(
        "models/mini was changed; run: npm run build && python pretrain/golden_pack.py --pack models/mini",
      );
    }
  });

  it.each(["tokenizer", "clip"] as const)("tokenizes texts: %s", async folder => {
    const tokenizer = await ClipTokenizer.load(pack, folder);
    const expected = golden.tokenIds[folder];
    expect(tokenizer.encode(golden.texts, expected[0].length)).toEqual(expected);
  });

  it("tokenizes texts: captioner", async () => {
    const tokenizer = await AutoTokenizer.from_pretrained(pack.path("captioner"), {
      local_files_only: true,
    });
    const ids = golden.texts.map(text => {
      const { input_ids } = tokenizer(text, { return_tensor: false }) as { input_ids: number[] };
      return input_ids;
    });
    expect(ids).toEqual(golden.tokenIds.captioner);
  });

  it("embeds texts and pictures", async () => {
    const clip = await ClipEncoder.load(pack, { numThreads });
    const texts = await clip.encodeTexts(golden.texts);
    const images = await clip.encodeImages([0, 9].map(shift => drawing(config.widthPixels, shift)));
    await clip.dispose();
    texts.forEach((text, i) => {
      expectClose(text, { stride: 1, values: golden.clip.texts[i] });
    });
    images.forEach((image, i) => {
      expectClose(image, { stride: 1, values: golden.clip.images[i] });
    });
  });

  it("captions an image: the first logits and the sentence", async () => {
    const image = drawing(config.widthPixels);
    const load = (name: string) =>
      OnnxSession.load(pack.path(`captioner/onnx/${name}.onnx`), { numThreads });
    const encoder = await load("encoder_model");
    const dims = [1, 3, image.heightPixels, image.widthPixels];
    const encoded = await encoder.run({ pixel_values: { data: unitPixels(image), dims } });
    const decoder = await load("decoder_model_merged");
    const past = [...decoder.inputs].flatMap(([name, { shape }]) =>
      name.startsWith("past_key_values")
        ? [[name, { data: [], dims: [1, Number(shape[1]), 0, Number(shape[3])] }] as const]
        : [],
    );
    const { logits } = await decoder.run({
      input_ids: { data: [golden.captioner.begin], dims: [1, 1] },
      encoder_hidden_states: encoded[encoder.outputName("last_hidden_state")],
      ...Object.fromEntries(past),
      ...(decoder.inputs.has("use_cache_branch") && { use_cache_branch: { data: [0], dims: [1] } }),
    });
    expectClose(logits.data, golden.captioner.firstLogits);
    await Promise.all([encoder.dispose(), decoder.dispose()]);

    const captioner = await Captioner.load(pack, { numThreads });
    expect(await captioner.caption([image])).toEqual([golden.captioner.caption]);
    await captioner.dispose();
  });

  describe("its diffusion model", () => {
    const expected = golden.diffusion;
    let denoiser: Denoiser;
    let autoencoder: Autoencoder;
    let conditional: Conditioning;
    let unconditional: Conditioning;
    let size: number;
    let reference: Float32Array;

    beforeAll(async () => {
      denoiser = await Denoiser.load(pack, config, { numThreads });
      autoencoder = await Autoencoder.load(pack, config, { numThreads });
      size = config.latentChannels * config.latentHeight * config.latentWidth;
      reference = autoencoder.unscaled(await autoencoder.encode(drawing(config.widthPixels)));
      const text = await TextConditioner.load(pack, { numThreads });
      const { negativePrompt, prompt } = expected;
      const [negative, positive] = await text.encode([negativePrompt, prompt]);
      await text.dispose();
      expectClose(positive.tokens, expected.textStates);
      const projection = await ImageProjection.load(pack, { numThreads });
      const tokens = await projection.project(wave(projection.embeddingDimension!, 0.37));
      await projection.dispose();
      expectClose(tokens.tokens, expected.imageTokens);
      const silent = zeroConditioning(tokens.numTokens, tokens.dimension);
      conditional = concatConditioning([positive, silent]);
      unconditional = concatConditioning([negative, silent]);
    });

    afterAll(() => Promise.all([denoiser.dispose(), autoencoder.dispose()]));

    it("predicts noise", async () => {
      const latents = wave(size, 0.7);
      const output = await denoiser.predict({
        latents,
        timestep: 500,
        references: [reference],
        guidanceScale: 1,
        conditional: [conditional],
        unconditional,
      });
      expectClose(output, expected.unet);
    });

    it.each([1, 3])("redraws each image from its own reference: guidance %d", async scale => {
      const common = { timestep: 500, guidanceScale: scale, unconditional };
      const own = { ...common, conditional: [conditional] };
      const latents = wave(2 * size, 0.7);
      const both = await denoiser.predict({ ...own, latents, references: [reference, null] });
      for (const [n, one] of [reference, null].entries()) {
        const alone = latents.slice(n * size, (n + 1) * size);
        const expectedOutput = await denoiser.predict({
          ...own,
          latents: alone,
          references: [one],
        });
        expectClose(both.subarray(n * size, (n + 1) * size), {
          values: [...expectedOutput],
          stride: 1,
        });
      }
    });

    it("encodes and decodes pictures", async () => {
      expectClose(await autoencoder.encode(drawing(config.widthPixels)), expected.encoded);
      const [decoded] = await autoencoder.decode(wave(size, 0.7));
      // The picture has 8 bits: half a level, in planes of -1 … 1.
      expectClose(unitPixels(decoded), expected.decoded, 1 / 255 + TOLERANCE);
    });

    it.each(expected.trajectories.map(run => [run.scheduler, run] as const))(
      "generates the same image from the same latents: %s",
      async (name, { latents: finalLatents, numSteps, pixels, timesteps }) => {
        const { guidanceScale, negativePrompt, prompt, seed } = expected;
        const noise = new Random(seedFrom(seed, 0));
        let latents = noise.normals(size);
        const drawNoise = (length: number) => noise.normals(length);
        const scheduler = createScheduler(name, config.schedule, numSteps, drawNoise);
        expect(scheduler.timesteps).toEqual(timesteps);
        for (const [i, timestep] of timesteps.entries()) {
          const output = await denoiser.predict({
            latents,
            timestep,
            references: [reference],
            guidanceScale,
            conditional: [conditional],
            unconditional,
          });
          ({ latents } = scheduler.step(output, i, latents));
        }
        expectClose(latents, finalLatents);

        const pipeline = await DiffusionPipeline.load(pack, { numThreads });
        const request = { prompt, negativePrompt, guidanceScale, seed, numSteps, numImages: 1 };
        const [image] = await pipeline.generate({
          ...request,
          scheduler: name,
          ...(expected.seesReference && { initImage: drawing(config.widthPixels), strength: 1 }),
        });
        await pipeline.dispose();
        expectClose(image.pixels, pixels, 0.5 + 0.1); // rounding to 8 bits, and float32
      },
    );
  });
});
