/** @file The inside of a render thread: loads the pack's generator once, then runs one task after another. */
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack, openModelPack, packComponents } from "../runtime/model-pack.js";
import { StudioGenerator } from "../studio/studio-generator.js";
import { type GenerateOptions, type GenerateRequest } from "./image-generator.js";
import { generateWithProgress } from "./in-process-generator.js";
import { DiffusionPipeline } from "./pipeline.js";
import {
  faultOf,
  type MaskResult,
  type MaskTask,
  type RenderResult,
  type RenderTask,
  type RenderThreadData,
} from "./render-messages.js";

/** What draws in a thread. */
interface Drawer {
  /** U-Net evaluations so far; 0 without a U-Net. */
  readonly evaluations: number;
  generate(request: GenerateRequest, options: GenerateOptions): Promise<RgbImage[]>;
}

/** What a thread may load of a pack. */
const drawingParts = packComponents.filter(part => part !== "captioner" && part !== "llm");

// One of each per thread: the thread's composition root.
let loading: Promise<Drawer> | undefined;
let studio: Promise<StudioGenerator> | undefined;

/** Piscina's entry: known faults are part of the result, others are thrown. */
export async function renderTask(task: RenderTask): Promise<RenderResult> {
  try {
    loading ??= load().catch((error: unknown) => {
      loading = undefined; // the next task retries
      throw error;
    });
    return await run(await loading, task);
  } catch (error) {
    return knownFault(error);
  } finally {
    task.port.close();
  }
}

/** Piscina's entry for masks. */
export async function maskTask({ alpha, image }: MaskTask): Promise<MaskResult> {
  try {
    return { mask: await (await loadStudio()).mask(image, alpha) };
  } catch (error) {
    return knownFault(error);
  }
}

function knownFault(error: unknown) {
  const fault = faultOf(error);
  if (!fault) {
    throw error;
  }
  return fault;
}

async function load(): Promise<Drawer> {
  const { maxBatchSize, onnxThreads, packDir } = workerData as RenderThreadData;
  const pack = await openModelPack(packDir);
  await pack.verifyParts(...drawingParts);
  return pack.has("unet")
    ? pipelineDrawer(await DiffusionPipeline.load(pack, { numThreads: onnxThreads, maxBatchSize }))
    : studioDrawer(await loadStudio(pack));
}

function pipelineDrawer(pipeline: DiffusionPipeline): Drawer {
  return {
    get evaluations() {
      return pipeline.evaluations;
    },
    generate: (request, options) => generateWithProgress(pipeline, request, options),
  };
}

function studioDrawer(generator: StudioGenerator): Drawer {
  return {
    evaluations: 0,
    generate: (request, options) => generator.generate(request, options),
  };
}

/** One for images and masks. @throws AppError `MODEL_FILE_MISSING` without any mask network. */
async function loadStudio(pack?: ModelPack): Promise<StudioGenerator> {
  const { maskPackDir, onnxThreads, packDir } = workerData as RenderThreadData;
  studio ??= openStudio(pack ?? maskPackDir ?? packDir, onnxThreads).catch((error: unknown) => {
    studio = undefined; // the next task retries
    throw error;
  });
  return studio;
}

async function openStudio(source: ModelPack | string, numThreads: number) {
  const pack = typeof source === "string" ? await openModelPack(source) : source;
  if (!pack.has("subject_mask")) {
    throw new AppError("MODEL_FILE_MISSING", { pack: pack.name, path: "subject_mask/model.onnx" });
  }
  const { scenes } = workerData as RenderThreadData;
  await pack.verifyParts("subject_mask", "style_vectors");
  return StudioGenerator.create(pack, { numThreads, scenes });
}

async function run(
  drawer: Drawer,
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
  const before = drawer.evaluations;
  const images = await drawer.generate(request, {
    previewInterval,
    signal: controller.signal,
    onProgress: progress => {
      const pixels = progress.preview?.pixels;
      port.postMessage(progress, pixels ? [pixels.buffer as ArrayBuffer] : []); // never shared: the decoder creates it
      checkForCancel();
    },
  });
  return { images, evaluations: drawer.evaluations - before };
}
