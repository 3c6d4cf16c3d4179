/**
 * @file The U-Net with classifier-free guidance.
 *
 * J. Ho, T. Salimans, "Classifier-Free Diffusion Guidance", 2022, eq. (6), with guidanceScale = 1 + w.
 * https://arxiv.org/abs/2207.12598
 *
 * Shapes: B pictures, C x h x w latents, T tokens of width D.
 */
import { AppError } from "../../errors/app-error.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession, type OnnxSlot } from "../runtime/onnx-session.js";
import { type Conditioning } from "./conditioning.js";
import { type PipelineConfig } from "./pipeline-config.js";

export interface DenoiserInput {
  /** x_t; `[B, C, h, w]`. */
  latents: Float32Array;
  timestep: number;
  /** One for each picture, or one for all. */
  conditional: readonly Conditioning[];
  /** As many tokens as `conditional`. Not read when `guidanceScale` is 1. */
  unconditional: Conditioning;
  /** 1 is no guidance, and half the work. */
  guidanceScale: number;
}

const INPUTS = ["sample", "timestep", "encoder_hidden_states"];

export class Denoiser {
  /** Latents evaluated so far: with guidance two for a picture and step, without one. */
  numEvaluations = 0;
  /** Time spent in the U-Net so far. */
  elapsedMs = 0;

  private constructor(
    private readonly session: OnnxSession,
    private readonly config: PipelineConfig,
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `FILE_MALFORMED`; `MODEL_PACK_INVALID` for a U-Net with other inputs. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    options: OnnxOptions = {},
  ): Promise<Denoiser> {
    const path = pack.path("unet/model.onnx");
    const session = await OnnxSession.load(path, options);
    INPUTS.forEach(name => session.input(name));
    const unknown = [...session.inputs.keys()].filter(name => !INPUTS.includes(name));
    if (unknown.length > 0) {
      throw new AppError("MODEL_PACK_INVALID", {
        path,
        reason: `its inputs ${unknown.join(", ")} are not those of a Stable Diffusion 1.x U-Net`,
      });
    }
    return new Denoiser(session, config);
  }

  /** D: the width of the tokens it attends to; undefined where the model file leaves it free. */
  get conditionDimension(): number | undefined {
    const width = this.session.input("encoder_hidden_states").shape[2];
    return typeof width === "number" ? width : undefined;
  }

  /** The guided output, in the schedule's prediction type; `[B, C, h, w]`. */
  async predict(input: DenoiserInput): Promise<Float32Array> {
    const { latents, guidanceScale, conditional, unconditional } = input;
    if (guidanceScale === 1) {
      return this.evaluate(latents, input.timestep, conditional);
    }
    if (unconditional.numTokens !== conditional[0].numTokens) {
      throw new Error(
        `Denoiser.predict: expected ${conditional[0].numTokens} unconditional tokens, got ${unconditional.numTokens}`,
      );
    }
    const twice = new Float32Array(2 * latents.length);
    twice.set(latents);
    twice.set(latents, latents.length);
    const both = [...conditional.map(() => unconditional), ...conditional];
    const outputs = await this.evaluate(twice, input.timestep, both);
    return guided(
      outputs.subarray(0, latents.length),
      outputs.subarray(latents.length),
      guidanceScale,
    );
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }

  /** One run; the batch is split evenly among the conditionings, in their order. */
  private async evaluate(
    latents: Float32Array,
    timestep: number,
    conditionings: readonly Conditioning[],
  ): Promise<Float32Array> {
    const { latentChannels, latentHeight, latentWidth } = this.config;
    const batch = latents.length / (latentChannels * latentHeight * latentWidth);
    const [{ dimension, numTokens }] = conditionings;
    const states = new Float32Array(batch * numTokens * dimension);
    for (let b = 0; b < batch; b++) {
      const { tokens } = conditionings[Math.floor((b * conditionings.length) / batch)];
      states.set(tokens, b * numTokens * dimension);
    }
    const startedMs = performance.now();
    const { out_sample: output } = await this.session.run(
      {
        sample: { data: latents, dims: [batch, latentChannels, latentHeight, latentWidth] },
        timestep: timestepInput(this.session, timestep, batch),
        encoder_hidden_states: { data: states, dims: [batch, numTokens, dimension] },
      },
      [this.session.outputName("out_sample")],
    );
    this.elapsedMs += performance.now() - startedMs;
    this.numEvaluations += batch;
    return output.data;
  }
}

/** `unconditional + guidanceScale (conditional - unconditional)`: Ho & Salimans, eq. (6). */
export function guided(
  unconditional: Float32Array,
  conditional: Float32Array,
  guidanceScale: number,
): Float32Array {
  return unconditional.map((u, i) => u + guidanceScale * (conditional[i] - u));
}

/** Exports differ: a scalar, one value, or one for each latent (then its axis has the name of the batch axis). */
function timestepInput(session: OnnxSession, timestep: number, batch: number) {
  const { shape } = session.input("timestep");
  const isPerLatent = shape.length === 1 && isSameAxis(shape[0], session.input("sample"));
  const data = new Array<number>(isPerLatent ? batch : 1).fill(timestep);
  return { data, dims: shape.length === 0 ? [] : [data.length] };
}

function isSameAxis(axis: number | string, sample: OnnxSlot): boolean {
  return typeof axis === "string" && axis === sample.shape[0];
}
