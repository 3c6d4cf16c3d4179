/**
 * @file The diffusion pipeline: a prompt, and what else the picture should follow, to pictures.
 *
 * R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022. https://arxiv.org/abs/2112.10752
 * C. Meng et al., "SDEdit", 2022 (starting from a picture, `initImage`). https://arxiv.org/abs/2108.01073
 *
 * 1. Conditioning: [text tokens; image tokens, zeros where no picture is given; extra tokens], or each picture's own;
 *    unconditional: [tokens of the negative prompt; zeros].
 * 2. x_T: noise of the picture's own seed, or the noised latents of `initImage` at the timestep that strength gives; a
 *    U-Net that sees a reference has those latents beside it at every step.
 *    A pack with a memory (reference-memory.ts) has for a prompt without `initImage` drawings of its own there, as large as the style
 *    that the prompt names draws. With a classifier of styles as well, each of them is redrawn `numSamples` times; otherwise the first
 *    drawing once.
 * 3. For each timestep: guided U-Net output, then one step of the sampler.
 * 4. Of a picture's drafts the x_0 is kept that is most in the style, and the autoencoder decodes it.
 *
 * The same request gives the same bytes on the same machine and thread count. Picture j does not depend on `numImages`:
 * its noise comes from `seed` and j, or for all from `seed` and 0 (drafts.ts). Pictures share U-Net runs, and a run of another batch size may add in another
 * order, which changes the last bits of a latent and at most the last bit of a pixel.
 *
 * Shapes: B pictures, C x h x w latents, T tokens of width D.
 */
import { LRUCache } from "lru-cache";
import { AppError } from "../../errors/app-error.js";
import { Random } from "../nn/random.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { Autoencoder } from "./autoencoder.js";
import {
  concatConditioning,
  type Conditioning,
  scaledConditioning,
  zeroConditioning,
} from "./conditioning.js";
import { createScheduler } from "./create-scheduler.js";
import { Denoiser } from "./denoiser.js";
import { ExemplarRetriever } from "./exemplar-retriever.js";
import { type CompleteRequest, completeRequest, type GenerateRequest } from "./generate-request.js";
import { ImageProjection } from "./image-projection.js";
import { loadPipelineConfig, type PipelineConfig } from "./pipeline-config.js";
import { bestOf, concatenated, type Sample, samplesOf, type Source } from "./samples.js";
import { firstStep } from "./schedule.js";
import { TextConditioner } from "./text-conditioner.js";

export interface StepReport {
  /** Steps made so far, 1 … `numSteps`. */
  step: number;
  /** Steps that the whole request takes. */
  numSteps: number;
  /** The first picture of those being made, as the model sees it now. Costs one run of the decoder. */
  preview: () => Promise<RgbImage>;
}

export interface GenerateHooks {
  /** Called after every step, and waited for. */
  onStep?: (report: StepReport) => void | Promise<void>;
  /** Looked at before every step. */
  signal?: AbortSignal;
}

export interface PipelineOptions extends OnnxOptions {
  /** Pictures that share a U-Net run; more are made in turns. Default: 4, which bounds the memory. */
  maxBatchSize?: number;
}

/** Prompts whose tokens are kept: some 25 kB each of the bundled pack, 250 kB of Stable Diffusion 1.5. */
const MAX_KEPT_PROMPTS = 64;

interface Guidance {
  /** One for each picture, or one for all. */
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
    /** Null where the pack has none, or nothing that could see it. */
    private readonly loadExemplars: (() => Promise<ExemplarRetriever>) | null,
  ) {}

  /**
   * Loads the parts of a pack; Vitrine's own or a plain SD-1.5 one.
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

  /** U-Net evaluations of single latents since loading: the work done, whatever the machine. */
  get evaluations(): number {
    return this.parts.denoiser.numEvaluations;
  }

  /** U-Net runs since loading, whatever their batch. */
  get runs(): number {
    return this.parts.denoiser.numRuns;
  }

  /** Time inside the U-Net since loading. */
  get denoiserMs(): number {
    return this.parts.denoiser.elapsedMs;
  }

  /** Time inside the autoencoder since loading. */
  get autoencoderMs(): number {
    return this.parts.autoencoder.elapsedMs;
  }

  /** True when `imageEmbedding` has an effect. */
  get takesImageEmbedding(): boolean {
    return this.parts.image !== null;
  }

  /** True when a prompt without `initImage` has a drawing of the pack's own to go by. */
  get hasExemplars(): boolean {
    return this.loadExemplars !== null;
  }

  /**
   * Makes `numImages` pictures.
   *
   * @throws AppError `INVALID_ARGUMENT`; `JOB_CANCELLED` when the signal is raised; `GENERATION_FAILED` when the model
   *   gives values that are not numbers.
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
    if (request.initImage) {
      const original = await autoencoder.encode(request.initImage);
      return { original, references: [autoencoder.unscaled(original)], classify: null };
    }
    const { conditions, prompt, usesExemplars } = request;
    if (!this.loadExemplars || !usesExemplars || conditions || prompt.trim() === "") {
      return { original: null, references: [null], classify: null };
    }
    // When first needed: it has an encoder of its own. A load that failed is not kept.
    this.exemplars ??= this.loadExemplars().catch((error: unknown) => {
      this.exemplars = null;
      throw error;
    });
    return { original: null, ...(await (await this.exemplars).retrieve(prompt)) };
  }

  /** Both rows of tokens, equally long. */
  private async guidance(request: CompleteRequest): Promise<Guidance> {
    const negative = await this.encoded(request.negativePrompt);
    if (request.conditions) {
      return ownGuidance(request.conditions, negative);
    }
    const positive = await this.encoded(request.prompt);
    const { dimension } = positive;
    const more: Conditioning[] = [];
    const { image } = this.parts;
    if (image) {
      // Without a picture its tokens are silent but there: the U-Net learned with all of them.
      more.push(
        request.imageEmbedding
          ? scaledConditioning(await image.project(request.imageEmbedding), request.imageWeight)
          : zeroConditioning(image.numTokens, dimension),
      );
    }
    if (request.extraTokens) {
      more.push(rowsOf("extraTokens", request.extraTokens, dimension));
    }
    const silent = more.map(({ numTokens }) => zeroConditioning(numTokens, dimension));
    return {
      conditional: [concatConditioning([positive, ...more])],
      unconditional: concatConditioning([negative, ...silent]),
    };
  }

  /** Kept: the negative prompt is nearly always the empty one, and who asks for a picture often asks for another. */
  private async encoded(prompt: string): Promise<Conditioning> {
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
      return concatenated(own.map(noiseSeed => drawn.get(noiseSeed)!)); // every one is a key
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
        isOneLatent: isOneNoise && isOneReference && i === 0, // from then on each follows its own condition
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
        { cause: new Error("DiffusionPipeline: the denoiser gave values that are not numbers") },
      );
    }
    throwIfCancelled(hooks.signal);
    return latents;
  }
}

/** The pictures' own conditions; the unconditional pass has the negative prompt, then silence, to the same length. */
function ownGuidance(conditions: readonly Float32Array[], negative: Conditioning): Guidance {
  const { dimension } = negative;
  const conditional = conditions.map(tokens => rowsOf("conditions", tokens, dimension));
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
function rowsOf(argument: string, tokens: Float32Array, dimension: number): Conditioning {
  if (tokens.length === 0 || tokens.length % dimension !== 0) {
    throw new AppError("INVALID_ARGUMENT", {
      argument,
      problem: `must be rows of ${dimension} numbers, but got ${tokens.length} numbers`,
    });
  }
  return { tokens, numTokens: tokens.length / dimension, dimension };
}

/** @throws AppError `JOB_CANCELLED` when the signal was raised. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new AppError("JOB_CANCELLED");
  }
}
