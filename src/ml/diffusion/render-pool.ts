/**
 * @file Rendering in worker threads, because ONNX Runtime's Node binding blocks the thread that runs a model: in the
 * thread of the server a step of the U-Net would stop every request.
 *
 * Terminology: a request waits in the pool's own queue (`RenderTurns`) until a thread is free; then it is a task of Piscina, which
 * never holds more tasks than it has threads. So a waiting request can leave at once, and a running one is asked to
 * stop through its port and does so before its next step. Threads are never killed inside a run.
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MessageChannel } from "node:worker_threads";
import { Piscina } from "piscina";
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack, openModelPack } from "../runtime/model-pack.js";
import { defaultNumThreads } from "../runtime/onnx-session.js";
import { studioVersionOf } from "../studio/studio-generator.js";
import { type SubjectMask } from "../studio/subject-mask.js";
import { warmUpRequest } from "./generate-request.js";
import {
  type GenerateOptions,
  type GenerateProgress,
  type GenerateRequest,
  type ImageGenerator,
  type RenderPriority,
} from "./image-generator.js";
import { loadPipelineConfig } from "./pipeline-config.js";
import { throwIfCancelled } from "./pipeline.js";
import {
  type MaskResult,
  type MaskTask,
  type RenderFault,
  type RenderResult,
  type RenderTask,
  type RenderThreadData,
} from "./render-messages.js";
import { RenderTurns } from "./render-turns.js";

export interface RenderPoolOptions {
  packDir: string;
  /** The pack with `subject_mask/` for {@link RenderPool.mask}, where `packDir` has none. Default: none. */
  maskPackDir?: string;
  /** Requests rendered at once; each thread holds its own copy of the models. Default: 1. */
  numThreads?: number;
  /** Threads inside one operator. Default: the cores but one, shared out among `numThreads`. */
  onnxThreads?: number;
  /** Pictures of a request that share a U-Net run. Default: that of `DiffusionPipeline`. */
  maxBatchSize?: number;
  /** The shop's own backdrops, for a pack that paints settings. Default: none. */
  scenes?: readonly RgbImage[];
}

export class RenderPool implements ImageGenerator {
  /** U-Net evaluations of single latents in all finished requests: the work done, whatever the machine. */
  evaluations = 0;
  /** Waiting or running. */
  private readonly requests = new Set<Promise<unknown>>();
  private readonly closing = new AbortController();
  private readonly turns: RenderTurns;

  private constructor(
    readonly version: string,
    private readonly threads: Piscina<RenderTask | MaskTask, RenderResult | MaskResult>,
    private readonly drawsByDiffusion: boolean,
  ) {
    this.turns = new RenderTurns(threads.maxThreads);
  }

  /**
   * Checks the pack and starts the threads. Models are loaded by the first request, or by {@link warmUp}.
   *
   * @throws AppError as `openModelPack`; Error when the package is not built.
   */
  static async create(options: RenderPoolOptions): Promise<RenderPool> {
    const { maskPackDir, maxBatchSize, numThreads = 1, packDir, scenes = [] } = options;
    const pack = await openModelPack(packDir);
    if (pack.has("unet") || !pack.has("subject_mask")) {
      await loadPipelineConfig(pack); // a damaged pack is refused before any thread starts
    }
    const share = Math.max(1, Math.floor(defaultNumThreads() / numThreads));
    const workerData: RenderThreadData = {
      packDir: pack.dir,
      maskPackDir: pack.has("subject_mask") ? pack.dir : maskPackDir,
      onnxThreads: options.onnxThreads ?? share,
      maxBatchSize,
      scenes,
    };
    const threads = new Piscina<RenderTask | MaskTask, RenderResult | MaskResult>({
      filename: threadEntry(),
      name: "renderTask",
      minThreads: numThreads,
      maxThreads: numThreads,
      workerData,
      atomics: "disabled", // an idle thread that blocks in Atomics.wait() would never close its end of the port
    });
    return new RenderPool(renderVersionOf(pack, scenes), threads, pack.has("unet"));
  }

  /** Requests that wait for a thread; those being rendered are not counted. */
  get queueSize(): number {
    return this.turns.numWaiting;
  }

  async generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<RgbImage[]> {
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.closing.signal])
      : this.closing.signal;
    const rendering = this.renderInTurn(request, { ...options, signal });
    this.requests.add(rendering);
    try {
      return await rendering;
    } finally {
      this.requests.delete(rendering);
    }
  }

  /**
   * The subject mask of a photograph, in a thread.
   *
   * @throws AppError `MODEL_FILE_MISSING` where neither pack has the network; `JOB_CANCELLED` when the pool closes; as
   *   `SubjectMasker.mask`.
   */
  async mask(image: RgbImage, alpha: Uint8Array | null): Promise<SubjectMask> {
    const making = this.inTurn({ signal: this.closing.signal }, async () => {
      const result = await this.threads.run({ image, alpha }, { name: "maskTask" });
      return "mask" in result ? result.mask : thrown(result as RenderFault);
    });
    this.requests.add(making);
    try {
      return await making;
    } finally {
      this.requests.delete(making);
    }
  }

  /** Loads the models and makes one small run, so that the first request does not wait for that. */
  async warmUp(): Promise<void> {
    if (!this.drawsByDiffusion) {
      return; // the first mask loads the network
    }
    const { maxThreads: length } = this.threads;
    await Promise.all(Array.from({ length }, () => this.generate(warmUpRequest)));
  }

  /** Refuses new requests, cancels those that wait, and returns when the running ones have stopped. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.allSettled(this.requests);
    await this.threads.destroy();
  }

  private renderInTurn(
    request: GenerateRequest,
    options: GenerateOptions & { signal: AbortSignal },
  ): Promise<RgbImage[]> {
    return this.inTurn(options, () => this.run(request, options));
  }

  private async inTurn<Result>(
    { priority, signal }: { priority?: RenderPriority; signal: AbortSignal },
    run: () => Promise<Result>,
  ): Promise<Result> {
    await this.turns.take(signal, priority);
    try {
      throwIfCancelled(signal);
      return await run();
    } finally {
      this.turns.handOn();
    }
  }

  /** One task in a thread. */
  private async run(
    request: GenerateRequest,
    { onProgress, previewInterval = 0, signal }: GenerateOptions & { signal: AbortSignal },
  ): Promise<RgbImage[]> {
    const { port1: port, port2 } = new MessageChannel();
    let hookError: unknown;
    const cancel = () => port.postMessage("cancel");
    port.on("message", (progress: GenerateProgress) => {
      try {
        onProgress?.(progress);
      } catch (error) {
        hookError ??= error;
        cancel();
      }
    });
    signal.addEventListener("abort", cancel, { once: true });
    const closed = once(port, "close"); // after the last progress
    try {
      const task: RenderTask = { request, previewInterval, port: port2 };
      const result = await this.threads.run(task, { transferList: [port2] });
      await closed;
      if (hookError !== undefined) {
        throw hookError as Error;
      }
      return this.imagesOf(result as RenderResult); // of a RenderTask
    } finally {
      signal.removeEventListener("abort", cancel);
      port.close();
    }
  }

  private imagesOf(result: RenderResult): RgbImage[] {
    if ("code" in result) {
      return thrown(result);
    }
    this.evaluations += result.evaluations;
    return result.images;
  }
}

/** The name and version of what a pack draws: of itself, or of the studio where it has no U-Net. */
export function renderVersionOf(
  pack: Pick<ModelPack, "has" | "id" | "versionOf">,
  scenes: readonly RgbImage[] = [],
): string {
  return !pack.has("unet") && pack.has("subject_mask") ? studioVersionOf(pack, scenes) : pack.id;
}

function thrown({ cause, code, details }: RenderFault): never {
  throw new AppError(code, details, cause === "" ? {} : { cause: new Error(cause) });
}

/** The built thread: beside this file when it runs from `dist/`, in `dist/` when it runs from `src/` (in tests). */
function threadEntry(): string {
  const beside = fileURLToPath(new URL("./render-thread.js", import.meta.url));
  const built = fileURLToPath(
    new URL("../../../dist/ml/diffusion/render-thread.js", import.meta.url),
  );
  const entry = [beside, built].find(path => existsSync(path));
  if (entry === undefined) {
    throw new Error(`RenderPool.create: expected ${built}; run 'npm run build'`);
  }
  return entry;
}
