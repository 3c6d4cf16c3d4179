/**
 * @file Jest's node environment, with the typed arrays of the process. ONNX Runtime's addon makes its outputs with those
 * and its JavaScript compares them with the sandbox's own, which are others: "A float32 tensor's data must be type of
 * function Float32Array()" (microsoft/onnxruntime#16622).
 *
 * A test that runs a model begins with `@jest-environment ./tests/unit/ml/runtime/onnx-environment.js`.
 */
import { TestEnvironment } from "jest-environment-node";

const shared = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "ArrayBuffer",
];

export default class OnnxEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const name of shared) {
      this.global[name] = globalThis[name];
    }
  }
}
