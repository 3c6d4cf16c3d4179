/** @file Rendering in this process, for tests and scripts. Blocks the event loop during every step. */
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type GenerateRequest } from "./generate-request.js";
import { DiffusionPipeline, type PipelineOptions } from "./pipeline.js";
import {
  generateWithProgress,
  type RenderHooks,
  type Renderer,
  warmUpRequest,
} from "./renderer.js";

export class InProcessRenderer implements Renderer {
  readonly packName: string;
  readonly packVersion: string;
  readonly widthPixels: number;
  readonly heightPixels: number;
  private numWaiting = 0;
  private last: Promise<unknown> = Promise.resolve();
  private readonly closing = new AbortController();

  private constructor(
    pack: ModelPack,
    private readonly pipeline: DiffusionPipeline,
  ) {
    this.packName = pack.name;
    this.packVersion = pack.versionOf();
    this.widthPixels = pipeline.config.widthPixels;
    this.heightPixels = pipeline.config.heightPixels;
  }

  /** @throws AppError as `DiffusionPipeline.load`. */
  static async create(pack: ModelPack, options: PipelineOptions = {}): Promise<InProcessRenderer> {
    return new InProcessRenderer(pack, await DiffusionPipeline.load(pack, options));
  }

  get queueSize(): number {
    return this.numWaiting;
  }

  get evaluations(): number {
    return this.pipeline.evaluations;
  }

  async render(request: GenerateRequest, hooks: RenderHooks = {}): Promise<RgbImage[]> {
    const signal = hooks.signal
      ? AbortSignal.any([hooks.signal, this.closing.signal])
      : this.closing.signal;
    this.numWaiting++;
    const run = this.last.then(() => {
      this.numWaiting--;
      return generateWithProgress(this.pipeline, request, { ...hooks, signal });
    });
    this.last = run.catch(() => undefined); // its caller gets the error; the next request ignores it
    return run;
  }

  async warmUp(): Promise<void> {
    await this.render(warmUpRequest);
  }

  async close(): Promise<void> {
    if (!this.closing.signal.aborted) {
      this.closing.abort();
      await this.last;
      await this.pipeline.dispose();
    }
  }
}
