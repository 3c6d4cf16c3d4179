/**
 * @file The door for generators of images: what a host may replace.
 *
 * Defaults: `RenderPool` (threads, when serving) and `InProcessGenerator` (this process, in tests and scripts).
 *
 * Shapes: E width of CLIP's embeddings, T tokens, D width of the denoiser's cross-attention.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { type SchedulerName } from "./scheduler.js";

/** Which pixels of an image are the product's; a subject mask is one. */
export interface KeepMask {
  widthPixels: number;
  heightPixels: number;
  /** 255 keeps a pixel, 0 leaves it to be redrawn; `[H, W]`, row by row. */
  alpha: Uint8Array;
}

/** Plain values only, so that a request can be sent to a thread. */
export interface GenerateRequest {
  prompt: string;
  /** What the image should not be, in place of the empty prompt of the unconditional pass. Default: `""`. */
  negativePrompt?: string;
  /** A CLIP image embedding (P^ret); `[E]`. Left unread by a pack without `image_projection/`, such as SD-1.5. */
  imageEmbedding?: Float32Array;
  /**
   * All that each image attends to, in place of prompt and image embedding (a + z_t around P^gen, Eq. 12): one for each image,
   * or one for all; `[T, D]`, row by row, of one length.
   */
  conditions?: readonly Float32Array[];
  /** Whether all images start from the noise of image 0, so that they differ by their conditions alone. Default: false. */
  sharesNoise?: boolean;
  /** The image to redraw, of exactly the pack's size. Without it the run starts from noise. */
  initImage?: RgbImage;
  /**
   * What to keep of `initImage`, of its size. Read by generators that redraw around a product: a U-Net of the inpainting
   * layout, and generators on other machines. Others ignore it. Default: nothing is kept.
   */
  mask?: KeepMask;
  /**
   * Whether, without `initImage`, the pack's own drawing of the nearest object is redrawn, where it has an exemplar bank
   * (`ExemplarBank`). Default: true.
   */
  usesExemplars?: boolean;
  /**
   * Samples of each exemplar, each with noise of its own, where there is something to choose among them by: the prompt names
   * a style, and the pack tells styles apart. One image is kept of them all. Default: the pack's.
   */
  numSamples?: number;
  /** How far from `initImage` the run starts, above 0 up to 1. Default: the pack's, `PipelineConfig.defaults`. */
  strength?: number;
  /** Steps over the whole schedule. Default: the pack's. */
  numSteps?: number;
  /** Classifier-free guidance weight; 1 is no guidance, and half the work. Default: the pack's. */
  guidanceScale?: number;
  /** Image j has noise of its own from `seed` and j. */
  seed: number;
  numImages: number;
  /** Default: the pack's own choice (`schedulerOf`), which is `"dpm++"` unless it was distilled for another. */
  scheduler?: SchedulerName;
}

export interface GenerateProgress {
  /** Steps made so far, 1 … `numSteps`. */
  step: number;
  numSteps: number;
  /** Every `previewInterval` steps: the first image being made, as the model sees it now. */
  preview?: RgbImage;
}

/** `live`: somebody waits for the image. `batch`: one of many. */
export type RenderPriority = "live" | "batch";

export interface GenerateOptions {
  /** Raised: a waiting request leaves the queue at once, a running one stops before its next step. */
  signal?: AbortSignal;
  onProgress?: (progress: GenerateProgress) => void;
  /** Which request runs next when several wait: `live` goes before `batch`. Default: `live`. */
  priority?: RenderPriority;
  /** Steps between two previews, each of which costs a run of the decoder. Default: 0, none. */
  previewInterval?: number;
  /** Whether a cache may answer, and keep the images. A generator without a cache ignores it. Default: true. */
  cache?: boolean;
}

/** Makes images. The same request gives the same images. */
export interface ImageGenerator {
  /** `name@version`. Part of an image's identity: another version makes the images again. */
  readonly version: string;
  /** Whether it draws images of any size, in the size of `initImage`. Default: it gets images of the pack's size. */
  readonly drawsAnySize?: boolean;
  /** Whether conditions are encoded settings (`encodeSetting`). Default: as the pack's own generator. */
  readonly readsSettings?: boolean;
  /** U-Net evaluations that one of its images counts as in the budgets. Default: those of the pack. */
  readonly evaluationsAnImage?: number;

  /**
   * Makes the `numImages` images of one request, in order.
   *
   * @throws AppError `INVALID_ARGUMENT` for a request that cannot be drawn, `JOB_CANCELLED` when the signal is raised. Any
   *   other error is reported as `GENERATION_FAILED`.
   */
  generate(request: GenerateRequest, options?: GenerateOptions): Promise<RgbImage[]>;
}
