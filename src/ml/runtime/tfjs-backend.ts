/** @file Which TensorFlow.js backend computes. The only place that knows; everything else imports `@tensorflow/tfjs`. */
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { installWasmKernels } from "./wasm-kernels.js";

/** From the fastest to the one that is always there. */
export const tfjsBackendNames = ["tfjs-node-gpu", "tfjs-node", "wasm", "cpu"] as const;

export type TfjsBackendName = (typeof tfjsBackendNames)[number];

const require = createRequire(import.meta.url);
const loading = new Map<readonly TfjsBackendName[], Promise<TfjsBackendName>>();

/**
 * Makes the first backend that loads the current one, once a process; later calls give the same answer.
 *
 * - `tfjs-node-gpu`, `tfjs-node`: optional packages; left out by npm where libtensorflow cannot be fetched.
 * - `wasm`: one thread, and it lacks `Conv2DBackpropFilter`, `Einsum` and others; what training transformers takes is
 *   there, see `wasm-kernels.ts`.
 * - `cpu`: complete, and about 50 times slower at matrix products; for tests and as the last resort.
 *
 * @param order The backends to try, in this order. Default: {@link tfjsBackendNames}.
 * @returns The name of the backend in use.
 * @throws Error when none of `order` loads.
 */
export function loadTfjsBackend(
  order: readonly TfjsBackendName[] = tfjsBackendNames,
): Promise<TfjsBackendName> {
  let result = loading.get(order);
  if (!result) {
    result = firstThatLoads(order);
    loading.set(order, result);
  }
  return result;
}

async function firstThatLoads(order: readonly TfjsBackendName[]): Promise<TfjsBackendName> {
  for (const name of order) {
    if (await load(name)) {
      await tf.ready();
      return name;
    }
  }
  throw new Error(`loadTfjsBackend: none of ${order.join(", ")} loads`);
}

async function load(name: TfjsBackendName): Promise<boolean> {
  switch (name) {
    case "tfjs-node-gpu":
    case "tfjs-node":
      return (await loadNative(`@tensorflow/${name}`)) && tf.setBackend("tensorflow");
    case "wasm":
      setWasmPaths(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")) + sep);
      return (await tf.setBackend("wasm")) && installed();
    case "cpu":
      return tf.setBackend("cpu");
  }
}

function installed(): boolean {
  installWasmKernels();
  return true;
}

/** Importing the package registers its backend. False where it is absent or its native library is. */
async function loadNative(packageName: string): Promise<boolean> {
  try {
    await import(packageName);
    return true;
  } catch (error) {
    if (isMissingNative(error)) {
      return false;
    }
    throw error;
  }
}

/** The two ways in which an optional native package is absent: not installed, or installed without its library. */
export function isMissingNative(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    code === "MODULE_NOT_FOUND" ||
    code === "ERR_MODULE_NOT_FOUND" ||
    /tfjs_binding\.node|Cannot find (module|package)|libtensorflow|libcud/.test(message ?? "")
  );
}
