/** @file The inside of a render thread: loads the pipeline once, then runs one task after another. */
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { openModelPack } from "../runtime/model-pack.js";
import { generateWithProgress } from "./in-process-generator.js";
import { DiffusionPipeline } from "./pipeline.js";
import {
  faultOf,
  type RenderResult,
  type RenderTask,
  type RenderThreadData,
} from "./render-messages.js";

// One pipeline per thread: the thread's composition root.
let loading: Promise<DiffusionPipeline> | undefined;

/** Piscina's entry: known faults are part of the result, others are thrown. */
export async function renderTask(task: RenderTask): Promise<RenderResult> {
  try {
    loading ??= load().catch((error: unknown) => {
      loading = undefined; // the next task retries
      throw error;
    });
    return await run(await loading, task);
  } catch (error) {
    const fault = faultOf(error);
    if (!fault) {
      throw error;
    }
    return fault;
  } finally {
    task.port.close();
  }
}

async function load(): Promise<DiffusionPipeline> {
  const { maxBatchSize, onnxThreads, packDir } = workerData as RenderThreadData;
  const pack = await openModelPack(packDir);
  return DiffusionPipeline.load(pack, { numThreads: onnxThreads, maxBatchSize });
}

async function run(
  pipeline: DiffusionPipeline,
  { port, previewInterval, request }: RenderTask,
): Promise<RenderResult> {
  const controller = new AbortController();
  // ONNX Runtime blocks this thread, so events would arrive late: read the port between steps.
  const checkForCancel = () => {
    if (receiveMessageOnPort(port)) {
      controller.abort();
    }
  };
  checkForCancel();
  const before = pipeline.evaluations;
  const images = await generateWithProgress(pipeline, request, {
    previewInterval,
    signal: controller.signal,
    onProgress: progress => {
      const pixels = progress.preview?.pixels;
      port.postMessage(progress, pixels ? [pixels.buffer as ArrayBuffer] : []); // never shared: the decoder creates it
      checkForCancel();
    },
  });
  return { images, evaluations: pipeline.evaluations - before };
}
