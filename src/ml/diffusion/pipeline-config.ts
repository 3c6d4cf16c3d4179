/** @file The configuration of a pack's diffusion model: sizes, scalings and schedule, all read from its files. */
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { loadScheduleConfig, type ScheduleConfig } from "./schedule-config.js";

/** Upper limit of samples per exemplar: the gain of further samples falls. */
export const MAX_NUM_DRAFTS = 16;

const sizeSchema = z.union([
  z.number().int().positive(),
  z.tuple([z.number().int().positive(), z.number().int().positive()]),
]);

const unetConfigSchema = z.looseObject({
  in_channels: z.number().int().positive().default(4),
  sample_size: sizeSchema,
  // Extra inputs beside text and timestep. Everything else it says is in the graph.
  class_embed_type: z.null("is not supported").optional(),
  num_class_embeds: z.null("is not supported").optional(),
  addition_embed_type: z.literal("text", "is not supported").nullish(), // pools the text's own tokens
  encoder_hid_dim_type: z.literal("text_proj", "is not supported").nullish(), // projects the text's own tokens
});

const vaeConfigSchema = z.looseObject({
  _class_name: z.string().optional(),
  latent_channels: z.number().int().positive().default(4),
  block_out_channels: z.array(z.number()).min(1).optional(),
  /** AutoencoderTiny's name for `block_out_channels`. */
  decoder_block_out_channels: z.array(z.number()).min(1).optional(),
  /** Side of the pixel blocks that the autoencoder reads, in pixels. */
  patch_size: z.number().int().positive().default(1),
  scaling_factor: z.number().positive().optional(),
  shift_factor: z.number().nullish(),
  // Per-channel scaling.
  latents_mean: z.null("is not supported").optional(),
  latents_std: z.null("is not supported").optional(),
});

const modelIndexSchema = z.looseObject({
  /** Zeroed unconditional tokens (SDXL). */
  force_zeros_for_empty_prompt: z.literal(false, "is not supported").nullish(),
  /** Vitrine's own fields: the pack's recommended settings. */
  default_strength: z.number().gt(0).max(1).optional(),
  default_num_steps: z.number().int().min(1).max(100).optional(),
  default_guidance_scale: z.number().min(1).optional(),
  default_num_drafts: z.number().int().min(1).max(MAX_NUM_DRAFTS).optional(),
});

/** Settings for requests that do not name their own. */
export interface DrawingDefaults {
  /** How far a run starts from the given image; (0, 1]. */
  strength: number;
  /** Steps over the whole schedule. */
  numSteps: number;
  /** Weight of classifier-free guidance; 1 is none. */
  guidanceScale: number;
  /** Samples per exemplar, of which one is selected. */
  numSamples: number;
}

export interface PipelineConfig {
  /** C, channels of the latents. */
  latentChannels: number;
  /**
   * Whether the U-Net also reads the latents of the given image beside x_t (InstructPix2Pix, Brooks et al. 2023, section
   * 3.2). Then a run over the whole schedule still shows the reference.
   */
  seesReference: boolean;
  /** Whether the U-Net also reads a mask and the latents of the masked image beside x_t (Stable Diffusion inpainting). */
  seesMask: boolean;
  /** Channels that the U-Net reads beside x_t's. */
  numExtraChannels: number;
  defaults: DrawingDefaults;
  /** h and w of the latents. */
  latentHeight: number;
  latentWidth: number;
  /** Pixels per latent, along a side. */
  downsampleFactor: number;
  /** Size of generated and given images. */
  heightPixels: number;
  widthPixels: number;
  /** The denoiser reads `(z - shiftFactor) * scalingFactor` of the autoencoder's z. */
  scalingFactor: number;
  shiftFactor: number;
  schedule: ScheduleConfig;
}

/**
 * Reads the configurations of U-Net, autoencoder and scheduler.
 *
 * @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID` (also when U-Net and autoencoder do not match).
 */
export async function loadPipelineConfig(pack: ModelPack): Promise<PipelineConfig> {
  const unet = await pack.readJson("unet/config.json", unetConfigSchema);
  const vae = await pack.readJson("vae_decoder/config.json", vaeConfigSchema);
  const index = await pack.readJson("model_index.json", modelIndexSchema);
  const numExtraChannels = unet.in_channels - vae.latent_channels;
  const seesReference = numExtraChannels === vae.latent_channels;
  const seesMask = numExtraChannels === vae.latent_channels + 1;
  if (!seesReference && !seesMask && numExtraChannels !== 0) {
    throw new AppError("MODEL_PACK_INVALID", {
      path: pack.dir,
      reason: `the U-Net takes ${unet.in_channels} channels, but the autoencoder's latents have ${vae.latent_channels} (twice as many beside a reference's, and one more with a mask)`,
    });
  }
  const blocks = vae.block_out_channels ?? vae.decoder_block_out_channels;
  if (!blocks) {
    throw new AppError("MODEL_PACK_INVALID", {
      path: pack.path("vae_decoder/config.json"),
      reason: "it has no block_out_channels",
    });
  }
  const [latentHeight, latentWidth] =
    typeof unet.sample_size === "number" ? [unet.sample_size, unet.sample_size] : unet.sample_size;
  const downsampleFactor = vae.patch_size * 2 ** (blocks.length - 1);
  return {
    latentChannels: vae.latent_channels,
    seesReference,
    seesMask,
    numExtraChannels,
    defaults: {
      // A U-Net that reads the image keeps its content from any start; for others half of the schedule changes the
      // style, and more loses the item.
      strength: index.default_strength ?? (seesReference || seesMask ? 1 : 0.5),
      // DPM-Solver++(2M) is nearly converged by then (Lu et al. 2022, figure 3 shows 10 … 15).
      numSteps: index.default_num_steps ?? 12,
      // The style shows at 3; at 5 the colours overshoot.
      guidanceScale: index.default_guidance_scale ?? 3,
      numSamples: index.default_num_drafts ?? 1,
    },
    latentHeight,
    latentWidth,
    downsampleFactor,
    heightPixels: latentHeight * downsampleFactor,
    widthPixels: latentWidth * downsampleFactor,
    // diffusers' defaults of AutoencoderTiny and AutoencoderKL
    scalingFactor: vae.scaling_factor ?? (vae._class_name === "AutoencoderTiny" ? 1 : 0.18215),
    shiftFactor: vae.shift_factor ?? 0,
    schedule: await loadScheduleConfig(pack),
  };
}
