/**
 * @file The U-Net with classifier-free guidance.
 *
 * J. Ho, T. Salimans, "Classifier-Free Diffusion Guidance", 2022, eq. (6), with guidanceScale = 1 + w.
 * https://arxiv.org/abs/2207.12598
 *
 * A U-Net distilled with guidance takes the scale as an input, `timestep_cond`, and needs no unconditional pass: C. Meng
 * et al., "On Distillation of Guided Diffusion Models", 2023, and the LCM paper (lcm-scheduler.ts), section 4.2.
 *
 * A U-Net with twice the channels also reads a reference's latents beside x_t: T. Brooks et al., "InstructPix2Pix",
 * 2023, section 3.2. https://arxiv.org/abs/2211.09800. The reference stays in the unconditional pass, which is that
 * paper's eq. (3) with an image guidance of 1.
 *
 * The inpainting U-Net of Stable Diffusion reads C + 1 channels beside x_t: the mask (1 is redrawn), then the latents of the
 * masked image. https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-inpainting
 *
 * Shapes: B images, C x h x w latents, E extra channels, T tokens of width D.
 */
import { AppError } from "../../errors/app-error.js";
import { type ModelPack } from "../runtime/model-pack.js";
import {
  type OnnxInput,
  type OnnxOptions,
  OnnxSession,
  type OnnxSlot,
} from "../runtime/onnx-session.js";
import { type Conditioning } from "./conditioning.js";
import { type PipelineConfig } from "./pipeline-config.js";

export interface DenoiserInput {
  /** x_t; `[B, C, h, w]`. */
  latents: Float32Array;
  timestep: number;
  /**
   * What the U-Net reads beside x_t: `[E, h, w]` for each image, or one for all; null for text alone. The unscaled latents
   * of a reference, or a mask and scaled latents. Ignored by a U-Net without extra channels.
   */
  references: readonly (Float32Array | null)[];
  /** One for each image, or one for all. */
  conditional: readonly Conditioning[];
  /** As many tokens as `conditional`. Ignored when `guidanceScale` is 1. */
  unconditional: Conditioning;
  /** 1 means no guidance and half the work. */
  guidanceScale: number;
  /** Whether all x_t and references are equal, so that one unconditional pass serves all. Default: false. */
  isOneLatent?: boolean;
}

const INPUTS = ["sample", "timestep", "encoder_hidden_states"];
const GUIDANCE_INPUT = "timestep_cond";
/** The `time_cond_proj_dim` of published LCMs, where the model file leaves it open. */
const GUIDANCE_DIMENSION = 256;

export class Denoiser {
  /** Total number of latents evaluated: at most two per image and step with guidance, otherwise one. */
  numEvaluations = 0;
  /** Total number of model runs, whatever their batch: one per step. */
  numRuns = 0;
  /** Total time in the U-Net. */
  elapsedMs = 0;

  private constructor(
    private readonly session: OnnxSession,
    private readonly config: PipelineConfig,
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `FILE_MALFORMED`; `MODEL_PACK_INVALID` for a U-Net with other inputs or channels. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    options: OnnxOptions = {},
  ): Promise<Denoiser> {
    const path = pack.path("unet/model.onnx");
    const session = await OnnxSession.load(path, options);
    INPUTS.forEach(name => session.input(name));
    const unknown = [...session.inputs.keys()].filter(
      name => !INPUTS.includes(name) && name !== GUIDANCE_INPUT,
    );
    if (unknown.length > 0) {
      throw new AppError("MODEL_PACK_INVALID", {
        path,
        reason: `its inputs ${unknown.join(", ")} are not those of a Stable Diffusion 1.x U-Net`,
      });
    }
    const numChannels = config.latentChannels + config.numExtraChannels;
    const inGraph = session.input("sample").shape[1];
    if (typeof inGraph === "number" && inGraph !== numChannels) {
      const reason = `the U-Net takes ${numChannels} channels by its configuration, but ${inGraph} by its graph`;
      throw new AppError("MODEL_PACK_INVALID", { path, reason });
    }
    return new Denoiser(session, config);
  }

  /** The guided output, in the schedule's prediction type; `[B, C, h, w]`. */
  async predict(input: DenoiserInput): Promise<Float32Array> {
    const { latents, guidanceScale, conditional, unconditional } = input;
    if (guidanceScale === 1 || this.session.inputs.has(GUIDANCE_INPUT)) {
      return this.evaluate(input, latents, conditional);
    }
    if (unconditional.numTokens !== conditional[0].numTokens) {
      throw new Error(
        `Denoiser.predict: expected ${conditional[0].numTokens} unconditional tokens, got ${unconditional.numTokens}`,
      );
    }
    const { latentChannels, latentHeight, latentWidth } = this.config;
    const size = latentChannels * latentHeight * latentWidth;
    const B = latents.length / size;
    const numSilent = input.isOneLatent ? 1 : B;
    const rows = new Float32Array((numSilent + B) * size);
    rows.set(latents.subarray(0, numSilent * size));
    rows.set(latents, numSilent * size);
    const silent = new Array<Conditioning>(numSilent).fill(unconditional);
    const references = spread(input.references, B);
    const outputs = await this.evaluate(
      { ...input, references: [...references.slice(0, numSilent), ...references] },
      rows,
      [...silent, ...spread(conditional, B)],
    );
    return guided(
      outputs.subarray(0, numSilent * size),
      outputs.subarray(numSilent * size),
      guidanceScale,
    );
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }

  /** One run; the batch is split evenly among the conditions and the references, in order. */
  private async evaluate(
    { guidanceScale, references, timestep }: DenoiserInput,
    latents: Float32Array,
    conditionings: readonly Conditioning[],
  ): Promise<Float32Array> {
    const { latentChannels, latentHeight, latentWidth, numExtraChannels } = this.config;
    const numChannels = latentChannels + numExtraChannels;
    const batch = latents.length / (latentChannels * latentHeight * latentWidth);
    const [{ dimension, numTokens }] = conditionings;
    const states = new Float32Array(batch * numTokens * dimension);
    spread(conditionings, batch).forEach(({ tokens }, b) => {
      states.set(tokens, b * numTokens * dimension);
    });
    const startedMs = performance.now();
    const { out_sample: output } = await this.session.run(
      {
        sample: {
          data:
            numExtraChannels > 0
              ? besideReferences(latents, spread(references, batch), [
                  numExtraChannels,
                  latentChannels,
                ])
              : latents,
          dims: [batch, numChannels, latentHeight, latentWidth],
        },
        timestep: timestepInput(this.session, timestep, batch),
        encoder_hidden_states: { data: states, dims: [batch, numTokens, dimension] },
        ...guidanceInput(this.session, guidanceScale, batch),
      },
      [this.session.outputName("out_sample")],
    );
    this.elapsedMs += performance.now() - startedMs;
    this.numEvaluations += batch;
    this.numRuns++;
    return output.data;
  }
}

/**
 * `unconditional + guidanceScale (conditional - unconditional)`: Ho & Salimans, eq. (6); all images may share one
 * unconditional output.
 */
export function guided(
  unconditional: Float32Array,
  conditional: Float32Array,
  guidanceScale: number,
): Float32Array {
  const { length } = unconditional;
  return conditional.map((c, i) => {
    const u = unconditional[i % length];
    return u + guidanceScale * (c - u);
  });
}

/** Repeats `values` evenly over a batch, in order. */
function spread<T>(values: readonly T[], batch: number): T[] {
  return Array.from({ length: batch }, (_, b) => values[Math.floor((b * values.length) / batch)]);
}

/** Appends each reference's channels to its latent, zeros without one; `[B, C, h, w] -> [B, C + E, h, w]`. */
function besideReferences(
  latents: Float32Array,
  references: readonly (Float32Array | null)[],
  [numExtra, numOwn]: readonly [number, number],
): Float32Array {
  const size = latents.length / references.length;
  const grown = size + (size / numOwn) * numExtra;
  const both = new Float32Array(references.length * grown);
  references.forEach((reference, b) => {
    both.set(latents.subarray(b * size, (b + 1) * size), b * grown);
    both.set(reference ?? [], b * grown + size);
  });
  return both;
}

/** Exports differ: a scalar, one value, or one per latent (then its axis has the batch axis's name). */
function timestepInput(session: OnnxSession, timestep: number, batch: number) {
  const { shape } = session.input("timestep");
  const isPerLatent = shape.length === 1 && isSameAxis(shape[0], session.input("sample"));
  const data = new Array<number>(isPerLatent ? batch : 1).fill(timestep);
  return { data, dims: shape.length === 0 ? [] : [data.length] };
}

/** The guidance scale of each latent for a distilled U-Net; nothing for others. */
function guidanceInput(
  session: OnnxSession,
  guidanceScale: number,
  batch: number,
): Record<string, OnnxInput> {
  if (!session.inputs.has(GUIDANCE_INPUT)) {
    return {};
  }
  const width = session.input(GUIDANCE_INPUT).shape[1];
  const dimension = typeof width === "number" ? width : GUIDANCE_DIMENSION;
  const row = guidanceEmbedding(guidanceScale - 1, dimension);
  const data = Float32Array.from({ length: batch * dimension }, (_, i) => row[i % dimension]);
  return { [GUIDANCE_INPUT]: { data, dims: [batch, dimension] } };
}

/** Sines, then cosines, of `1000 w` at falling frequencies, as diffusers' `get_guidance_scale_embedding`; `[D]`, D even. */
export function guidanceEmbedding(w: number, dimension: number): Float32Array {
  const half = dimension / 2;
  const angles = Array.from({ length: half }, (_, i) => 1000 * w * 10_000 ** (-i / (half - 1)));
  return Float32Array.from([...angles.map(Math.sin), ...angles.map(Math.cos)]);
}

function isSameAxis(axis: number | string, sample: OnnxSlot): boolean {
  return typeof axis === "string" && axis === sample.shape[0];
}
