/** @file ONNX Runtime: the only file that knows its session options, execution providers and tensor types. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { AppError } from "../../errors/app-error.js";
import { fromFloat16, toFloat16 } from "./float16.js";
import { withInnerOutputs } from "./onnx-graph.js";

export interface OnnxOptions {
  /** Threads inside one operator. Default: {@link defaultNumThreads}. */
  numThreads?: number;
  /** Default: `["cuda", "cpu"]` where ONNX Runtime's CUDA library is installed, otherwise `["cpu"]`. */
  executionProviders?: readonly string[];
  /** Names of inner values to add to the outputs; the model then must not have external data. Default: none. */
  innerOutputs?: readonly string[];
}

/** Input of a session, converted to the declared type. */
export interface OnnxInput {
  data: ArrayLike<number>;
  dims: readonly number[];
}

/** Output of a session, converted from any type. */
export interface OnnxOutput {
  data: Float32Array;
  dims: readonly number[];
}

/** One input or output as the model file declares it; a named dimension is free. */
export interface OnnxSlot {
  type: Tensor.Type;
  shape: readonly (number | string)[];
}

/** All cores but one, which is left to the event loop; at least 1. */
export function defaultNumThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

/** `["cuda", "cpu"]` where the CUDA provider's library is beside ONNX Runtime's own, otherwise `["cpu"]`. */
export function defaultExecutionProviders(): string[] {
  const root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  const library = {
    linux: "libonnxruntime_providers_cuda.so",
    win32: "onnxruntime_providers_cuda.dll",
  };
  const name = library[process.platform as keyof typeof library] as string | undefined;
  const folder = join(root, "bin", "napi-v6", process.platform, process.arch);
  return name && existsSync(join(folder, name)) ? ["cuda", "cpu"] : ["cpu"];
}

/**
 * The options of every session, including those that transformers.js opens.
 *
 * One operator at a time, on `numThreads` threads. Threads do not spin while they wait: spinning gains a few per cent on
 * an idle machine, but takes the cores from the event loop, the database and other sessions on a busy one.
 */
export function onnxSessionOptions(options: OnnxOptions = {}): InferenceSession.SessionOptions {
  return {
    executionProviders: options.executionProviders ?? defaultExecutionProviders(),
    intraOpNumThreads: options.numThreads ?? defaultNumThreads(),
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
  };
}

/** One loaded `.onnx` file. `run` blocks the calling thread: serve from a worker thread. */
export class OnnxSession {
  /** By name, in the file's order. */
  readonly inputs: ReadonlyMap<string, OnnxSlot>;
  readonly outputs: ReadonlyMap<string, OnnxSlot>;

  private constructor(
    private readonly session: InferenceSession,
    private readonly path: string,
  ) {
    this.inputs = slots(session.inputMetadata);
    this.outputs = slots(session.outputMetadata);
  }

  /**
   * Loads a model file. Falls back to the CPU where CUDA is the default but does not start.
   *
   * @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` when ONNX Runtime refuses the file.
   */
  static async load(path: string, options: OnnxOptions = {}): Promise<OnnxSession> {
    if (!existsSync(path)) {
      throw new AppError("FILE_NOT_FOUND", { path });
    }
    const sessionOptions = onnxSessionOptions(options);
    try {
      const { innerOutputs } = options;
      const session = innerOutputs
        ? await InferenceSession.create(
            withInnerOutputs(await readFile(path), innerOutputs),
            sessionOptions,
          )
        : await InferenceSession.create(path, sessionOptions);
      return new OnnxSession(session, path);
    } catch (error) {
      if (sessionOptions.executionProviders!.length > 1 && !options.executionProviders) {
        return OnnxSession.load(path, { ...options, executionProviders: ["cpu"] });
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new AppError(
        "FILE_MALFORMED",
        { path, expected: "an ONNX model", reason },
        { cause: error },
      );
    }
  }

  /** The declaration of an input. @throws AppError `FILE_MALFORMED` when the model has no such input. */
  input(name: string): OnnxSlot {
    const slot = this.inputs.get(name);
    if (!slot) {
      throw this.unlike(`inputs ${name}`, [...this.inputs.keys()]);
    }
    return slot;
  }

  /** The first of `names` among the model's outputs. @throws AppError `FILE_MALFORMED` when it has none of them. */
  outputName(...names: string[]): string {
    const found = names.find(name => this.outputs.has(name));
    if (found === undefined) {
      throw this.unlike(`outputs ${names.join(" or ")}`, [...this.outputs.keys()]);
    }
    return found;
  }

  /**
   * Evaluates the model.
   *
   * @param feeds Every input by name; numbers are converted to the declared type.
   * @param outputNames Which outputs to compute. Default: all.
   */
  async run<Name extends string>(
    feeds: Readonly<Record<string, OnnxInput>>,
    outputNames?: readonly Name[],
  ): Promise<Record<Name, OnnxOutput>> {
    const tensors: Record<string, Tensor> = {};
    for (const [name, { data, dims }] of Object.entries(feeds)) {
      tensors[name] = tensorOf(this.input(name).type, data, dims);
    }
    const names = outputNames ?? ([...this.outputs.keys()] as Name[]);
    const results = await this.session.run(tensors, names);
    const outputs = {} as Record<Name, OnnxOutput>;
    for (const name of names) {
      const tensor = results[name];
      outputs[name] = { data: numbersOf(tensor), dims: tensor.dims };
      tensor.dispose();
    }
    for (const tensor of Object.values(tensors)) {
      tensor.dispose();
    }
    return outputs;
  }

  /** Frees the memory; the session cannot run again. */
  async dispose(): Promise<void> {
    await this.session.release();
  }

  private unlike(expected: string, got: string[]): AppError {
    return new AppError("FILE_MALFORMED", {
      path: this.path,
      expected: `an ONNX model with ${expected}`,
      reason: `it has ${got.join(", ")}`,
    });
  }
}

function slots(metadata: readonly InferenceSession.ValueMetadata[]): Map<string, OnnxSlot> {
  return new Map(
    metadata.map(slot => [
      slot.name,
      slot.isTensor ? { type: slot.type, shape: slot.shape } : { type: "string", shape: [] },
    ]),
  );
}

/** Converts numbers to the elements of an input, by ONNX Runtime's type. */
const elements: Partial<Record<Tensor.Type, (data: ArrayLike<number>) => Tensor.DataType>> = {
  float32: data => (data instanceof Float32Array ? data : Float32Array.from(data)),
  float16: toFloat16,
  float64: data => Float64Array.from(data),
  int64: data => BigInt64Array.from(Array.from(data, BigInt)),
  int32: data => Int32Array.from(data),
  bool: data => Uint8Array.from(data),
};

function tensorOf(type: Tensor.Type, data: ArrayLike<number>, dims: readonly number[]): Tensor {
  const convert = elements[type];
  if (!convert) {
    throw new Error(`OnnxSession.run: expected an input of a known type, got ${type}`);
  }
  const values = convert(data);
  const tensor = new Tensor(type, values, dims);
  if (tensor.data !== values) {
    // With Float16Array (Node 24), ONNX Runtime's JavaScript wraps the words in one, which its native part then reads as
    // empty.
    Object.defineProperty(tensor, "data", { value: values });
  }
  return tensor;
}

function numbersOf({ type, data }: Tensor): Float32Array {
  if (data instanceof Float32Array) {
    return data;
  }
  if (type === "float16" && ArrayBuffer.isView(data)) {
    return fromFloat16(new Uint16Array(data.buffer, data.byteOffset, data.length)); // or a Float16Array
  }
  if (Array.isArray(data)) {
    throw new Error("OnnxSession.run: string outputs are not supported");
  }
  return Float32Array.from(data as ArrayLike<number | bigint>, Number);
}
