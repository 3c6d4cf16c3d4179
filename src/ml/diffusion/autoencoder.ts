/**
 * @file The autoencoder: images to latents and back.
 *
 * R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022, section 3.1 (E and D).
 * https://arxiv.org/abs/2112.10752
 *
 * Shapes: B images, C latent channels, h x w latents, H x W pixels.
 */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { type PipelineConfig } from "./pipeline-config.js";

export class Autoencoder {
  /** Total time in encoder and decoder. */
  elapsedMs = 0;

  private constructor(
    private readonly config: PipelineConfig,
    private readonly decoder: OnnxSession,
    /** Null in packs that only generate from text. */
    private readonly encoder: OnnxSession | null,
    private readonly pack: ModelPack,
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `FILE_MALFORMED`. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    options: OnnxOptions = {},
  ): Promise<Autoencoder> {
    const decoder = await OnnxSession.load(pack.path("vae_decoder/model.onnx"), options);
    const encoder = pack.has("vae_encoder")
      ? await OnnxSession.load(pack.path("vae_encoder/model.onnx"), options)
      : null;
    return new Autoencoder(config, decoder, encoder, pack);
  }

  /**
   * The latents of an image, scaled for the denoiser; the mean where the encoder gives a distribution.
   *
   * @returns `[C, h, w]`.
   * @throws AppError `INVALID_ARGUMENT` unless the image has exactly the pack's size; `MODEL_FILE_MISSING` when the pack
   *   has no encoder; `MODEL_OUTPUT_INVALID` for non-finite output.
   */
  async encode(image: RgbImage): Promise<Float32Array> {
    const { heightPixels, widthPixels } = this.config;
    if (image.heightPixels !== heightPixels || image.widthPixels !== widthPixels) {
      throw new AppError("INVALID_ARGUMENT", {
        argument: "initImage",
        problem: `must have ${widthPixels} x ${heightPixels} pixels, but got ${image.widthPixels} x ${image.heightPixels}`,
      });
    }
    return this.encodePlanes(unitPixels(image));
  }

  /**
   * {@link encode} for planes of -1 … 1 of the pack's size; `[3, H, W] -> [C, h, w]`.
   *
   * @throws AppError `MODEL_FILE_MISSING` when the pack has no encoder; `MODEL_OUTPUT_INVALID` for non-finite output.
   */
  async encodePlanes(planes: Float32Array): Promise<Float32Array> {
    const { heightPixels, widthPixels } = this.config;
    if (!this.encoder) {
      throw new AppError("MODEL_FILE_MISSING", {
        pack: this.pack.name,
        path: "vae_encoder/model.onnx",
      });
    }
    const name = this.encoder.outputName("latent_sample", "latent_parameters");
    const startedMs = performance.now();
    const outputs = await this.encoder.run(
      { sample: { data: planes, dims: [1, 3, heightPixels, widthPixels] } },
      [name],
    );
    this.elapsedMs += performance.now() - startedMs;
    // latent_parameters is [1, 2 C, h, w]: means, then log-variances
    const means = outputs[name].data.subarray(0, this.latentSize);
    this.refuseNoNumbers(means, "encoder");
    return this.scaled(means);
  }

  /**
   * Decodes latents; `[B, C, h, w] -> B` images.
   *
   * @throws AppError `MODEL_OUTPUT_INVALID` for non-finite latents or output: as bytes they would be a black image, and
   *   the fault would go unnoticed.
   */
  async decode(latents: Float32Array): Promise<RgbImage[]> {
    const { heightPixels, latentChannels, latentHeight, latentWidth, widthPixels } = this.config;
    const name = this.decoder.outputName("sample");
    const images: RgbImage[] = [];
    // One at a time: the decoder's activations are the largest of the pipeline.
    for (let start = 0; start < latents.length; start += this.latentSize) {
      const z = latents.slice(start, start + this.latentSize);
      this.refuseNoNumbers(z, "denoiser");
      const startedMs = performance.now();
      const { [name]: sample } = await this.decoder.run(
        {
          latent_sample: {
            data: this.unscaled(z),
            dims: [1, latentChannels, latentHeight, latentWidth],
          },
        },
        [name],
      );
      this.elapsedMs += performance.now() - startedMs;
      this.refuseNoNumbers(sample.data, "decoder");
      images.push(rgbImage(sample.data, widthPixels, heightPixels));
    }
    return images;
  }

  /** Scales the autoencoder's latents for the denoiser; any shape. */
  scaled(latents: Float32Array): Float32Array {
    const { scalingFactor, shiftFactor } = this.config;
    return latents.map(x => (x - shiftFactor) * scalingFactor);
  }

  /** Scales the denoiser's latents for the autoencoder; any shape. */
  unscaled(latents: Float32Array): Float32Array {
    const { scalingFactor, shiftFactor } = this.config;
    return latents.map(x => x / scalingFactor + shiftFactor);
  }

  async dispose(): Promise<void> {
    await this.decoder.dispose();
    await this.encoder?.dispose();
  }

  private refuseNoNumbers(values: Float32Array, part: string): void {
    if (!values.every(Number.isFinite)) {
      throw new AppError("MODEL_OUTPUT_INVALID", { part, pack: this.pack.name });
    }
  }

  private get latentSize(): number {
    const { latentChannels, latentHeight, latentWidth } = this.config;
    return latentChannels * latentHeight * latentWidth;
  }
}

/** Planes of -1 … 1 for the encoder; `[H, W, 3] -> [3, H, W]`. */
export function unitPixels({ heightPixels, pixels, widthPixels }: RgbImage): Float32Array {
  const size = heightPixels * widthPixels;
  const planes = new Float32Array(3 * size);
  for (let i = 0; i < size; i++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * size + i] = pixels[3 * i + channel] / 127.5 - 1;
    }
  }
  return planes;
}

/** The decoder's planes as an image, clipped to -1 … 1; `[3, H, W] -> [H, W, 3]`. */
export function rgbImage(
  planes: Float32Array,
  widthPixels: number,
  heightPixels: number,
): RgbImage {
  const size = heightPixels * widthPixels;
  const pixels = new Uint8Array(3 * size);
  for (let channel = 0; channel < 3; channel++) {
    const plane = planes.subarray(channel * size, (channel + 1) * size);
    for (let i = 0; i < size; i++) {
      const value = (plane[i] + 1) * 127.5;
      pixels[3 * i + channel] = Math.min(Math.max(value, 0), 255) + 0.5; // the byte array truncates, so + 0.5 rounds
    }
  }
  return { widthPixels, heightPixels, pixels };
}
