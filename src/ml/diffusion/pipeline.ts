/**
 * @file The diffusion pipeline: from a prompt, and optional image conditions, to images.
 *
 * R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022.
 * https://arxiv.org/abs/2112.10752 C. Meng et al., "SDEdit", 2022 (starting from an image, `initImage`).
 * https://arxiv.org/abs/2108.01073
 *
 * 1. Conditioning: [text tokens; image tokens, zeros where no picture is given], or each picture's own;
 *    unconditional: [tokens of the negative prompt; zeros].
 * 2. x_T: noise of the image's own seed, or the noised latents of `initImage` at the timestep that strength gives; a
 *    U-Net with reference channels also reads those latents at every step, one of the inpainting layout a mask and the
 *    latents of the masked image. Without `initImage`, a pack with an exemplar
 *    bank (exemplar-bank.ts) uses exemplars of the prompt's object, fitted to the prompt's style: each `numSamples`
 *    times where a style classifier can choose, otherwise the first one once.
 * 3. For each timestep: guided U-Net output, then one step of the sampler.
 * 4. The style classifier selects the best x_0 of an image's samples, and the autoencoder decodes it.
 *
 * The same request gives the same bytes on the same machine and thread count. Image j does not depend on `numImages`:
 * its noise comes from `seed` and j, or for all from `seed` and 0 (samples.ts). Images share U-Net runs; another batch
 * size may sum in another order, which changes at most the last bit of a pixel.
 *
 * Shapes: B images, C x h x w latents, T tokens of width D.
 */
import { LRUCache } from "lru-cache";
import { AppError } from "../../errors/app-error.js";
import { Random } from "../nn/random.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { Autoencoder } from "./autoencoder.js";
import { concatConditioning, type Conditioning, zeroConditioning } from "./conditioning.js";
import { createScheduler } from "./create-scheduler.js";
import { Denoiser } from "./denoiser.js";
import { ExemplarRetriever } from "./exemplar-retriever.js";
import { type CompleteRequest, completeRequest } from "./generate-request.js";
import { type GenerateRequest } from "./image-generator.js";
import { ImageProjection } from "./image-projection.js";
import { inpaintingChannels } from "./inpainting.js";
import { loadPipelineConfig, type PipelineConfig } from "./pipeline-config.js";
import { bestOf, concatenated, type Sample, samplesOf, type Source } from "./samples.js";
import { firstStep } from "./schedule.js";
import { TextConditioner } from "./text-conditioner.js";

export interface StepReport {
  /** Steps done, 1 … `numSteps`. */
  step: number;
  /** Steps of the whole request. */
  numSteps: number;
  /** Decodes the present prediction of the first image, at the cost of one decoder run. */
  preview: () => Promise<RgbImage>;
}

export interface GenerateHooks {
  /** Awaited after every step. */
  onStep?: (report: StepReport) => void | Promise<void>;
  /** Checked before every step. */
  signal?: AbortSignal;
}

export interface PipelineOptions extends OnnxOptions {
  /** Images per U-Net run; more run in turn. Default: 4, which bounds the memory. */
  maxBatchSize?: number;
}

/** Prompts whose tokens are cached: about 25 kB each with the bundled pack, 250 kB with Stable Diffusion 1.5. */
const MAX_KEPT_PROMPTS = 64;

interface Guidance {
  /** One for each image, or one for all. */
  conditional: readonly Conditioning[];
  unconditional: Conditioning;
}

export class DiffusionPipeline {
  private exemplars: Promise<ExemplarRetriever> | null = null;
  private readonly keptPrompts = new LRUCache<string, Conditioning>({ max: MAX_KEPT_PROMPTS });

  private constructor(
    readonly config: PipelineConfig,
    private readonly parts: {
      text: TextConditioner;
      image: ImageProjection | null;
      denoiser: Denoiser;
      autoencoder: Autoencoder;
    },
    private readonly maxBatchSize: number,
    /** Null where the pack has no exemplars, or its U-Net cannot read them. */
    private readonly loadExemplars: (() => Promise<ExemplarRetriever>) | null,
  ) {}

  /**
   * Loads a pack, Vitrine's own or a plain SD-1.5 one.
   *
   * @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`, `FILE_MALFORMED`.
   */
  static async load(pack: ModelPack, options: PipelineOptions = {}): Promise<DiffusionPipeline> {
    const config = await loadPipelineConfig(pack);
    const parts = {
      text: await TextConditioner.load(pack, options),
      image: pack.has("image_projection") ? await ImageProjection.load(pack, options) : null,
      denoiser: await Denoiser.load(pack, config, options),
      autoencoder: await Autoencoder.load(pack, config, options),
    };
    const hasExemplars = config.seesReference && pack.has("memory");
    const { autoencoder } = parts;
    const load = hasExemplars
      ? () => ExemplarRetriever.load(pack, config, autoencoder, options)
      : null;
    return new DiffusionPipeline(config, parts, options.maxBatchSize ?? 4, load);
  }

  /** U-Net evaluations of single latents since loading: the work done, independent of the machine. */
  get evaluations(): number {
    return this.parts.denoiser.numEvaluations;
  }

  /** U-Net runs since loading, whatever their batch. */
  get runs(): number {
    return this.parts.denoiser.numRuns;
  }

  /** Time in the U-Net since loading. */
  get denoiserMs(): number {
    return this.parts.denoiser.elapsedMs;
  }

  /** Time in the autoencoder since loading. */
  get autoencoderMs(): number {
    return this.parts.autoencoder.elapsedMs;
  }

  /** True when a prompt without `initImage` starts from an exemplar. */
  get hasExemplars(): boolean {
    return this.loadExemplars !== null;
  }

  /**
   * Generates `numImages` images.
   *
   * @throws AppError `INVALID_ARGUMENT`; `JOB_CANCELLED` when the signal is aborted; `GENERATION_FAILED` for non-finite
   *   model output.
   */
  async generate(request: GenerateRequest, hooks: GenerateHooks = {}): Promise<RgbImage[]> {
    const complete = completeRequest(request, this.config);
    throwIfCancelled(hooks.signal);
    const guidance = await this.guidance(complete);
    const source = await this.source(complete);
    const samples = samplesOf(complete, source);
    const size = this.latentSize;
    const drawn = new Float32Array(samples.length * size);
    for (let start = 0; start < samples.length; start += this.maxBatchSize) {
      const batch = samples.slice(start, start + this.maxBatchSize);
      const progress = { start, total: samples.length, hooks };
      drawn.set(
        await this.denoise(complete, guidance, { ...source, batch, progress }),
        start * size,
      );
    }
    const kept = await bestOf(drawn, source, complete.numImages);
    return this.parts.autoencoder.decode(kept);
  }

  async dispose(): Promise<void> {
    const { autoencoder, denoiser, image, text } = this.parts;
    await Promise.all([
      text.dispose(),
      image?.dispose(),
      denoiser.dispose(),
      autoencoder.dispose(),
      this.exemplars?.then(exemplars => exemplars.dispose()),
    ]);
  }

  private get latentSize(): number {
    const { latentChannels, latentHeight, latentWidth } = this.config;
    return latentChannels * latentHeight * latentWidth;
  }

  private async source(request: CompleteRequest): Promise<Source> {
    const { autoencoder } = this.parts;
    if (this.config.seesMask) {
      const channels = await inpaintingChannels(request, this.config, autoencoder);
      const { initImage, strength } = request;
      const original = initImage && strength < 1 ? await autoencoder.encode(initImage) : null;
      return { original, references: [channels], classify: null };
    }
    if (request.initImage) {
      const original = await autoencoder.encode(request.initImage);
      return { original, references: [autoencoder.unscaled(original)], classify: null };
    }
    const { conditions, prompt, usesExemplars } = request;
    if (!this.loadExemplars || !usesExemplars || conditions || prompt.trim() === "") {
      return { original: null, references: [null], classify: null };
    }
    // Loaded lazily, since it has its own encoder. A failed load is retried.
    this.exemplars ??= this.loadExemplars().catch((error: unknown) => {
      this.exemplars = null;
      throw error;
    });
    return { original: null, ...(await (await this.exemplars).retrieve(prompt)) };
  }

  /** Both rows of tokens, equally long. */
  private async guidance(request: CompleteRequest): Promise<Guidance> {
    const negative = await this.encodePrompt(request.negativePrompt);
    if (request.conditions) {
      return ownGuidance(request.conditions, negative);
    }
    const positive = await this.encodePrompt(request.prompt);
    const { dimension } = positive;
    const { image } = this.parts;
    if (!image) {
      return { conditional: [positive], unconditional: negative };
    }
    // Without an image its tokens are silent but there: the U-Net learned with all of them.
    const silent = zeroConditioning(image.numTokens, dimension);
    const shown = request.imageEmbedding ? await image.project(request.imageEmbedding) : silent;
    return {
      conditional: [concatConditioning([positive, shown])],
      unconditional: concatConditioning([negative, silent]),
    };
  }

  /** Cached: the negative prompt is nearly always empty, and prompts often repeat. */
  private async encodePrompt(prompt: string): Promise<Conditioning> {
    let conditioning = this.keptPrompts.get(prompt);
    if (!conditioning) {
      [conditioning] = await this.parts.text.encode([prompt]);
      this.keptPrompts.set(prompt, conditioning);
    }
    return conditioning;
  }

  /** x_0 of the pictures of one batch; `[B, C, h, w]`. */
  private async denoise(
    request: CompleteRequest,
    guidance: Guidance,
    run: Pick<Source, "original"> & {
      batch: readonly Sample[];
      progress: { start: number; total: number; hooks: GenerateHooks };
    },
  ): Promise<Float32Array> {
    const { guidanceScale, numSteps, strength } = request;
    const { batch, original, progress } = run;
    const { hooks } = progress;
    const size = this.latentSize;
    const own = batch.map(({ noiseSeed }) => noiseSeed);
    const sources = new Map(own.map(noiseSeed => [noiseSeed, new Random(noiseSeed)]));
    const drawNoise = () => {
      const drawn = new Map([...sources].map(([noiseSeed, r]) => [noiseSeed, r.normals(size)]));
      return concatenated(own.map(noiseSeed => drawn.get(noiseSeed)!)); // every seed is a key
    };
    const { schedule } = this.config;
    const scheduler = createScheduler(request.scheduler, schedule, numSteps, drawNoise);
    const first = original ? firstStep(numSteps, strength) : 0;
    const numMade = scheduler.timesteps.length - first;
    const numBefore = (progress.start / this.maxBatchSize) * numMade;
    const numTotal = Math.ceil(progress.total / this.maxBatchSize) * numMade;

    const noise = drawNoise();
    const originals = original && concatenated(own.map(() => original));
    const { conditional, unconditional } = guidance;
    const attended =
      conditional.length > 1 ? batch.map(({ image }) => conditional[image]) : conditional;
    const references = batch.map(({ reference }) => reference);
    const isOneReference = references.every(reference => reference === references[0]);
    const isOneNoise = sources.size === 1;
    const startsAfresh = !originals || (this.config.seesReference && strength === 1);
    let latents = startsAfresh ? noise : scheduler.addNoise(originals, noise, first);

    for (let i = 0; i < numMade; i++) {
      throwIfCancelled(hooks.signal);
      const timestep = scheduler.timesteps[first + i];
      const output = await this.parts.denoiser.predict({
        latents,
        timestep,
        references,
        guidanceScale,
        conditional: attended,
        unconditional,
        isOneLatent: isOneNoise && isOneReference && i === 0, // later each follows its own condition
      });
      const made = scheduler.step(output, first + i, latents);
      latents = made.latents;
      await hooks.onStep?.({
        step: numBefore + i + 1,
        numSteps: numTotal,
        preview: async () => {
          const decoded = await this.parts.autoencoder.decode(
            made.predictedOriginal.slice(0, size),
          );
          return decoded[0];
        },
      });
    }
    if (!latents.every(Number.isFinite)) {
      throw new AppError(
        "GENERATION_FAILED",
        {},
        { cause: new Error("DiffusionPipeline: the denoiser gave non-finite values") },
      );
    }
    throwIfCancelled(hooks.signal);
    return latents;
  }
}

/** The images' own conditions; the unconditional pass has the negative prompt, padded with zeros to the same length. */
function ownGuidance(conditions: readonly Float32Array[], negative: Conditioning): Guidance {
  const { dimension } = negative;
  const conditional = conditions.map(tokens => rowsOf(tokens, dimension));
  const [{ numTokens }] = conditional;
  if (conditional.some(condition => condition.numTokens !== numTokens)) {
    const problem = "must all have the same number of tokens";
    throw new AppError("INVALID_ARGUMENT", { argument: "conditions", problem });
  }
  const unconditional = new Float32Array(numTokens * dimension);
  unconditional.set(negative.tokens.subarray(0, unconditional.length));
  return { conditional, unconditional: { tokens: unconditional, numTokens, dimension } };
}

/** @throws AppError `INVALID_ARGUMENT` when the tokens are not whole rows of width D. */
function rowsOf(tokens: Float32Array, dimension: number): Conditioning {
  if (tokens.length === 0 || tokens.length % dimension !== 0) {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "conditions",
      problem: `must be rows of ${dimension} numbers, but got ${tokens.length} numbers`,
    });
  }
  return { tokens, numTokens: tokens.length / dimension, dimension };
}

/** @throws AppError `JOB_CANCELLED` when the signal is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new AppError("JOB_CANCELLED");
  }
}
