/** @file Rendering in this process: for tests and scripts. It blocks the event loop for the length of every step. */
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { warmUpRequest } from "./generate-request.js";
import {
  type GenerateOptions,
  type GenerateRequest,
  type ImageGenerator,
} from "./image-generator.js";
import { DiffusionPipeline, type PipelineOptions } from "./pipeline.js";

export class InProcessGenerator implements ImageGenerator {
  private numWaiting = 0;
  private last: Promise<unknown> = Promise.resolve();
  private readonly closing = new AbortController();

  private constructor(
    readonly version: string,
    private readonly pipeline: DiffusionPipeline,
  ) {}

  /** @throws AppError as `DiffusionPipeline.load`. */
  static async create(pack: ModelPack, options: PipelineOptions = {}): Promise<InProcessGenerator> {
    return new InProcessGenerator(pack.id, await DiffusionPipeline.load(pack, options));
  }

  /** Requests that wait for their turn. */
  get queueSize(): number {
    return this.numWaiting;
  }

  /** U-Net evaluations of single latents in all requests: the work done, whatever the machine. */
  get evaluations(): number {
    return this.pipeline.evaluations;
  }

  async generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<RgbImage[]> {
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.closing.signal])
      : this.closing.signal;
    this.numWaiting++;
    const run = this.last.then(() => {
      this.numWaiting--;
      return generateWithProgress(this.pipeline, request, { ...options, signal });
    });
    this.last = run.catch(() => undefined); // its caller hears of the fault; the next request does not
    return run;
  }

  /** Makes one small run, so that the first request does not wait for that. */
  async warmUp(): Promise<void> {
    await this.generate(warmUpRequest);
  }

  /** Refuses new requests, cancels those that wait, and returns when the running one has stopped. */
  async close(): Promise<void> {
    if (!this.closing.signal.aborted) {
      this.closing.abort();
      await this.last;
      await this.pipeline.dispose();
    }
  }
}

/** Calls `onProgress` for every step of a pipeline, with a preview where one is due. */
export async function generateWithProgress(
  pipeline: DiffusionPipeline,
  request: GenerateRequest,
  { onProgress, previewInterval = 0, signal }: GenerateOptions,
): Promise<RgbImage[]> {
  return pipeline.generate(request, {
    signal,
    onStep: async ({ step, numSteps, preview }) => {
      const isDue = previewInterval > 0 && step % previewInterval === 0 && step < numSteps;
      onProgress?.({ step, numSteps, ...(isDue && { preview: await preview() }) });
    },
  });
}
