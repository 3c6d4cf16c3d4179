/** @file Chooses the TensorFlow.js backend. The only file that knows; all others import `@tensorflow/tfjs`. */
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { installWasmKernels } from "./wasm-kernels.js";

/** From the fastest to the one that always works. */
export const tfjsBackendNames = ["tfjs-node-gpu", "tfjs-node", "wasm", "cpu"] as const;

export type TfjsBackendName = (typeof tfjsBackendNames)[number];

/** A notice for the operator about the choice, such as the device or why a faster backend is unused. */
export interface TfjsNotice {
  level: "info" | "warn";
  message: string;
}

const unheard: TfjsNotice[] = [];
let hear = (notice: TfjsNotice): void => {
  unheard.push(notice);
};

/** Sends `listener` the notices of the choice, including earlier ones; replaces an earlier listener. */
export function onTfjsNotice(listener: (notice: TfjsNotice) => void): void {
  hear = listener;
  unheard.splice(0).forEach(listener);
}

const require = createRequire(import.meta.url);
const loading = new Map<readonly TfjsBackendName[], Promise<TfjsBackendName>>();

/**
 * Activates the first backend that loads, once per process; later calls return the same name.
 *
 * - `tfjs-node-gpu`, `tfjs-node`: optional packages, absent where libtensorflow could not be fetched. Used only after a
 *   test product: on a newer Node than it supports, a package loads and then fails.
 * - `wasm`: one thread; lacks `Conv2DBackpropFilter`, `Einsum` and others. `wasm-kernels.ts` adds what training
 *   transformers needs.
 * - `cpu`: complete, and about 50 times slower at matrix products; for tests and as the last resort.
 *
 * @param order The backends to try, in this order. Default: {@link tfjsBackendNames}.
 * @returns The name of the active backend.
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
      return loadNative(`@tensorflow/${name}`);
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

/**
 * Whether a native package can compute; it is then the active backend.
 *
 * @param importPackage Imports it, which registers its backend. Default: `import()`.
 */
export async function loadNative(
  packageName: string,
  importPackage: () => Promise<unknown> = () => import(packageName),
): Promise<boolean> {
  try {
    await importPackage();
    if (!(await tf.setBackend("tensorflow"))) {
      throw new Error("its backend does not start");
    }
    multiplyOnce();
  } catch (error) {
    if (!isAbsent(error)) {
      const reason = error instanceof Error ? error.message : String(error);
      hear({ level: "warn", message: `${packageName} is not used: ${reason}` });
    }
    if ((tf.findBackendFactory("tensorflow") as unknown) !== null) {
      tf.removeBackend("tensorflow");
    }
    return false;
  }
  const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
  const device = isUsingGpuDevice ? "the GPU" : "the CPU";
  if (packageName.endsWith("-gpu") && !isUsingGpuDevice) {
    const message = `${packageName} computes on the CPU: it found no GPU, or a library of CUDA is missing`;
    hear({ level: "warn", message });
  } else {
    hear({ level: "info", message: `TensorFlow.js computes by ${packageName} on ${device}` });
  }
  return true;
}

/** @throws Error unless the current backend multiplies two small matrices correctly */
function multiplyOnce(): void {
  const [product] = tf.tidy(() =>
    tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync(),
  );
  if (product !== 11) {
    throw new Error(`it computes 1 x 3 + 2 x 4 as ${product}`);
  }
}

/** Whether an optional native package is absent, or lacks its addon. */
export function isAbsent(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    code === "MODULE_NOT_FOUND" ||
    code === "ERR_MODULE_NOT_FOUND" ||
    /tfjs_binding\.node\) can not|Cannot find (module|package)/.test(message ?? "")
  );
}
