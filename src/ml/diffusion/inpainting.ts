/**
 * @file What a U-Net of the inpainting layout reads beside x_t: a mask, and the latents of the masked image.
 *
 * As diffusers' StableDiffusionInpaintPipeline: the mask is taken at the upper left pixel of each latent (torch's nearest
 * interpolation), and a pixel to redraw is mid-grey.
 * https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/pipelines/stable_diffusion/pipeline_stable_diffusion_inpaint.py
 *
 * Shapes: C x h x w latents, H x W pixels.
 */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type Autoencoder, unitPixels } from "./autoencoder.js";
import { type KeepMask } from "./image-generator.js";
import { type PipelineConfig } from "./pipeline-config.js";

/** Least `alpha` of a pixel that is kept: diffusers redraws from one half on, and `1 - alpha / 255` is the share to redraw. */
const KEPT_FROM = 128;

/**
 * The channels beside x_t. Without a mask all is redrawn.
 *
 * @returns `[1 + C, h, w]`: 1 where the image is redrawn, then scaled latents.
 * @throws AppError `INVALID_ARGUMENT` as `Autoencoder.encode`; `MODEL_FILE_MISSING` when the pack has no encoder.
 */
export async function inpaintingChannels(
  { initImage, mask }: { initImage?: RgbImage; mask?: KeepMask },
  config: PipelineConfig,
  autoencoder: Pick<Autoencoder, "encodePlanes">,
): Promise<Float32Array> {
  const { downsampleFactor, heightPixels, latentHeight, latentWidth, widthPixels } = config;
  const isKept = (pixel: number) => mask !== undefined && mask.alpha[pixel] >= KEPT_FROM;
  const numPixels = widthPixels * heightPixels;
  const planes = initImage && mask ? unitPixels(initImage) : new Float32Array(3 * numPixels);
  planes.forEach((_, i) => {
    if (!isKept(i % numPixels)) {
      planes[i] = 0;
    }
  });
  const latents = await autoencoder.encodePlanes(planes);
  const numLatents = latentHeight * latentWidth;
  const channels = new Float32Array(numLatents + latents.length);
  for (let i = 0; i < numLatents; i++) {
    const row = Math.floor(i / latentWidth);
    const column = i % latentWidth;
    const isLatentKept = isKept(downsampleFactor * (row * widthPixels + column));
    channels[i] = isLatentKept ? 0 : 1;
  }
  channels.set(latents, numLatents);
  return channels;
}

/** @throws AppError `INVALID_ARGUMENT` unless the mask has the image's size. */
export function checkMask(mask: KeepMask | undefined, image: RgbImage | undefined): void {
  if (!mask) {
    return;
  }
  const { alpha, heightPixels, widthPixels } = mask;
  const isOfImage = image?.widthPixels === widthPixels && image.heightPixels === heightPixels;
  if (!isOfImage || alpha.length !== widthPixels * heightPixels) {
    const wanted = image
      ? `must have the image's ${image.widthPixels} x ${image.heightPixels} values`
      : "needs an initImage";
    throw new AppError("INVALID_ARGUMENT", {
      argument: "mask",
      problem: `${wanted}, but got ${widthPixels} x ${heightPixels}, ${alpha.length} values`,
    });
  }
}
