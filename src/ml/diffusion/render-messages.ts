/** @file What a render pool and its threads say to each other. */
import { type MessagePort } from "node:worker_threads";
import { AppError, type ErrorCode } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type GenerateRequest } from "./generate-request.js";

/** Given to every thread when it starts. */
export interface RenderThreadData {
  packDir: string;
  /** Threads inside one operator of ONNX Runtime. */
  onnxThreads: number;
  maxBatchSize: number | undefined;
}

/**
 * One run. Progress comes back through the port; anything sent to it cancels the run before its next step, because a
 * thread that is killed inside ONNX Runtime takes the process with it.
 */
export interface RenderTask {
  request: GenerateRequest;
  previewInterval: number;
  port: MessagePort;
}

/** An `AppError` loses its class on the way between threads, so known faults come back as values. */
export type RenderResult =
  | { images: RgbImage[]; evaluations: number }
  | { code: ErrorCode; details: AppError["details"]; cause: string };

/** The fault as a value, or null when it is not a known one. */
export function faultOf(error: unknown): RenderResult | null {
  if (!(error instanceof AppError)) {
    return null;
  }
  const { cause, code, details } = error;
  return { code, details, cause: cause instanceof Error ? cause.message : "" };
}
