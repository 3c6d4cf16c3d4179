/** @file Messages between a render pool and its threads. */
import { type MessagePort } from "node:worker_threads";
import { AppError, type ErrorCode } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type SubjectMask } from "../studio/subject-mask.js";
import { type GenerateRequest } from "./image-generator.js";

/** Start data of every thread. */
export interface RenderThreadData {
  packDir: string;
  /** The pack whose `subject_mask/` masks photographs; the same as `packDir` where that one has it. */
  maskPackDir: string | undefined;
  /** Threads inside one operator of ONNX Runtime. */
  onnxThreads: number;
  maxBatchSize: number | undefined;
  /** The shop's own backdrops, for a pack that paints settings. */
  scenes: readonly RgbImage[];
}

/**
 * One run. Progress comes back through the port; any message to it cancels the run before its next step, because killing
 * a thread inside ONNX Runtime kills the process.
 */
export interface RenderTask {
  request: GenerateRequest;
  previewInterval: number;
  port: MessagePort;
}

/** One mask; it cannot be cancelled. */
export interface MaskTask {
  image: RgbImage;
  alpha: Uint8Array | null;
}

export type MaskResult = { mask: SubjectMask } | RenderFault;

/** An `AppError` loses its class between threads, so known faults come back as values. */
export type RenderResult = { images: RgbImage[]; evaluations: number } | RenderFault;

export interface RenderFault {
  code: ErrorCode;
  details: AppError["details"];
  cause: string;
}

/** The fault as a value; null for an unknown one. */
export function faultOf(error: unknown): RenderFault | null {
  if (!(error instanceof AppError)) {
    return null;
  }
  const { cause, code, details } = error;
  return { code, details, cause: cause instanceof Error ? cause.message : "" };
}
