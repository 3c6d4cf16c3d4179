/** @file Who makes pictures: threads when serving, this process in tests and scripts. */
import { type RgbImage } from "../nn/rgb-image.js";
import { type GenerateRequest } from "./generate-request.js";
import { type DiffusionPipeline } from "./pipeline.js";
import { type RenderPriority } from "./render-turns.js";

export interface RenderProgress {
  /** Steps made so far, 1 … `numSteps`. */
  step: number;
  numSteps: number;
  /** Every `previewInterval` steps: the first picture being made, as the model sees it now. */
  preview?: RgbImage;
}

export interface RenderHooks {
  onProgress?: (progress: RenderProgress) => void;
  /** Steps between two previews, each of which costs a run of the decoder. Default: 0, none. */
  previewInterval?: number;
  /** Whose turn it is when requests wait for a thread: `live` goes before `batch`. Default: `live`. */
  priority?: RenderPriority;
  /** Raised: a waiting request leaves the queue at once, a running one stops before its next step. */
  signal?: AbortSignal;
}

/** Makes pictures, one request after another for each of its threads. */
export interface Renderer {
  /** The pack's name and version: part of a picture's provenance. */
  readonly packName: string;
  readonly packVersion: string;

  /** The size of every picture made, and of every `initImage` taken. */
  readonly widthPixels: number;
  readonly heightPixels: number;

  /** Requests that wait for a thread; those being rendered are not counted. */
  readonly queueSize: number;

  /** U-Net evaluations of single latents in all finished requests: the work done, whatever the machine. */
  readonly evaluations: number;

  /**
   * Makes the pictures of one request.
   *
   * @throws AppError as `DiffusionPipeline.generate`; `JOB_CANCELLED` when the signal is raised or the renderer closed.
   */
  render(request: GenerateRequest, hooks?: RenderHooks): Promise<RgbImage[]>;

  /** Loads the models and makes one small run, so that the first request does not wait for that. */
  warmUp(): Promise<void>;

  /** Refuses new requests, cancels those that wait, and returns when the running ones have stopped. */
  close(): Promise<void>;
}

/** The least a run can be: one step, one picture. */
export const warmUpRequest: GenerateRequest = {
  prompt: "",
  guidanceScale: 1,
  seed: 0,
  numImages: 1,
  numSteps: 1,
};

/** Calls `onProgress` for every step of a pipeline, with a preview where one is due. */
export async function generateWithProgress(
  pipeline: DiffusionPipeline,
  request: GenerateRequest,
  { onProgress, previewInterval = 0, signal }: RenderHooks,
): Promise<RgbImage[]> {
  return pipeline.generate(request, {
    signal,
    onStep: async ({ step, numSteps, preview }) => {
      const isDue = previewInterval > 0 && step % previewInterval === 0 && step < numSteps;
      onProgress?.({ step, numSteps, ...(isDue && { preview: await preview() }) });
    },
  });
}
