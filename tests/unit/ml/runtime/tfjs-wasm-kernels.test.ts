import * as tf from "@tensorflow/tfjs";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";

beforeAll(() => loadTfjsBackend(["wasm"]));

/** Distinct numbers of the order of 1, the same on both backends. */
const values = (shape: number[], phase: number) =>
  Float32Array.from(
    { length: shape.reduce((p, s) => p * s, 1) },
    (_, i) => Math.sin(1.7 * i + phase) + 0.3 * Math.cos(0.37 * i * phase),
  );

interface Outcome {
  value: Float32Array;
  gradients: Float32Array[];
}

/** The value of `f` and the gradient of a weighted sum of it, on one backend. */
async function outcome(
  backend: "cpu" | "wasm",
  shapes: number[][],
  f: (...x: tf.Tensor[]) => tf.Tensor,
): Promise<Outcome> {
  await tf.setBackend(backend);
  const x = shapes.map((shape, i) => tf.tensor(values(shape, i + 1), shape));
  const numTensors = tf.memory().numTensors;
  const value = tf.tidy(() =>
    f(...x)
      .dataSync<"float32">()
      .slice(),
  );
  const weighted = (...inputs: tf.Tensor[]) => {
    const y = f(...inputs);
    return tf.sum(tf.mul(y, tf.tensor(values(y.shape, 9), y.shape)));
  };
  const gradients = tf.tidy(
    () =>
      tf
        .grads(weighted)(x)
        .map(g => g.dataSync<"float32">().slice()) as never,
  ) as Float32Array[];
  expect(tf.memory().numTensors).toBe(numTensors);
  tf.dispose(x);
  return { value, gradients };
}

async function expectSame(shapes: number[][], f: (...x: tf.Tensor[]) => tf.Tensor): Promise<void> {
  const wanted = await outcome("cpu", shapes, f);
  const got = await outcome("wasm", shapes, f);
  expect(got.value).toBeAllclose(wanted.value, { rtol: 1e-4, atol: 1e-4 });
  expect(got.gradients.length).toBe(shapes.length);
  got.gradients.forEach((gradient, i) => {
    expect(gradient).toBeAllclose(wanted.gradients[i], { rtol: 1e-4, atol: 1e-4 });
  });
}

const product = (transposeA: boolean, transposeB: boolean) => (a: tf.Tensor, b: tf.Tensor) =>
  tf.matMul(a, b, transposeA, transposeB);

describe("BatchMatMul on WASM", () => {
  it.each([
    [[19, 33], [33, 18], false, false],
    [[33, 19], [33, 18], true, false],
    [[19, 33], [18, 33], false, true],
    [[33, 19], [18, 33], true, true],
    [[4, 27, 19], [4, 19, 23], false, false],
    [[4, 19, 27], [4, 19, 23], true, false],
    [[4, 27, 19], [4, 23, 19], false, true],
    [[4, 19, 27], [4, 23, 19], true, true],
    [[2, 3, 27, 19], [2, 3, 19, 21], false, false],
    [[2, 3, 27, 19], [2, 3, 21, 19], false, true],
    [[3, 40, 32], [3, 40, 17], true, false],
    [[40, 32], [40, 17], true, false],
    [[3, 5, 64], [3, 40, 64], false, true], // too few rows
    [[5, 2, 3], [5, 3, 2], false, false], // too small to split
    [[5, 2, 3], [5, 2, 3], false, true],
    [[1, 27, 19], [1, 19, 23], false, false],
    [[3, 1, 64], [3, 64, 40], false, false],
  ])("of %j and %j, transposed %p %p", async (a, b, transposeA, transposeB) => {
    await expectSame([a, b], product(transposeA, transposeB));
  });

  // TensorFlow.js's own gradient does not sum over a broadcast batch, so only values are compared here.
  it.each([
    [[4, 27, 19], [1, 19, 23], false, false],
    [[1, 27, 19], [4, 19, 23], false, false],
    [[1, 19, 27], [4, 23, 19], true, true],
    [[4, 19, 27], [1, 23, 19], true, true],
  ])("of %j and %j, one shared by a batch", async (a, b, transposeA, transposeB) => {
    const compute = async (backend: string) => {
      await tf.setBackend(backend);
      return tf.tidy(() =>
        tf
          .matMul(tf.tensor(values(a, 1), a), tf.tensor(values(b, 2), b), transposeA, transposeB)
          .arraySync(),
      );
    };
    expect(await compute("wasm")).toBeAllclose(await compute("cpu"), {
      rtol: 1e-4,
      atol: 1e-4,
    });
  });

  it("multiplies a variable's present value, not a packed earlier one", async () => {
    await tf.setBackend("wasm");
    const a = tf.ones([2, 3]);
    const weight = tf.variable(tf.ones([3, 4]));
    expect(tf.matMul(a, weight)).toBeAllclose(new Array<number>(8).fill(3));
    weight.assign(tf.fill([3, 4], 2));
    expect(tf.matMul(a, weight)).toBeAllclose(new Array<number>(8).fill(6));
    tf.dispose([a, weight]);
  });

  it("reports mismatched inner sizes", async () => {
    await tf.setBackend("wasm");
    expect(() => tf.matMul(tf.ones([2, 3]), tf.ones([4, 2]), true, false)).toThrow("inner");
  });

  it("frees the backend's memory", async () => {
    await tf.setBackend("wasm");
    const a = tf.tensor(values([8, 64, 32], 1), [8, 64, 32]);
    const b = tf.tensor(values([8, 64, 32], 2), [8, 64, 32]);
    const heapBytes = () =>
      (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length;
    tf.matMul(a, b, false, true).dispose();
    const [numIds, bytes] = [tf.backend().numDataIds(), heapBytes()];
    for (let i = 0; i < 500; i++) {
      tf.matMul(a, b, false, true).dispose(); // 131 KB of result and 524 KB packed each: 300 MB if kept
    }
    expect([tf.backend().numDataIds(), heapBytes()]).toEqual([numIds, bytes]);
    tf.dispose([a, b]);
  });
});

describe("UnsortedSegmentSum on WASM", () => {
  it.each([
    [[6, 5], 4, [0, 3, 3, 1, 0, 3]],
    [[6], 3, [2, 2, 2, 0, 0, 2]],
    [[4, 2, 3], 5, [4, -1, 0, 4]], // -1 belongs to none
  ])("of %j", async (shape, numSegments, ids) => {
    await expectSame([shape], x =>
      tf.unsortedSegmentSum(x, tf.tensor1d(ids, "int32"), numSegments),
    );
  });

  it("is the gradient of a gather", async () => {
    await expectSame([[7, 3]], table => tf.gather(table, tf.tensor1d([2, 2, 6, 0], "int32")));
  });
});

describe("LogSoftmax on WASM", () => {
  it("has the CPU backend's value and gradient", async () => {
    await expectSame([[3, 4, 11]], x => tf.logSoftmax(tf.mul(x, 5)));
  });

  it("stays finite where e^x overflows", async () => {
    await tf.setBackend("wasm");
    expect(tf.logSoftmax(tf.tensor1d([1000, 0]))).toBeAllclose([0, -1000]);
  });
});

describe("operations of a transformer and Adam on WASM", () => {
  const layerNorm = (x: tf.Tensor) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
  };
  it.each<[string, number[][], (...x: tf.Tensor[]) => tf.Tensor]>([
    ["layer norm", [[3, 5, 8]], layerNorm],
    ["GELU", [[4, 9]], x => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))))],
    ["ReLU", [[4, 9]], x => tf.relu(x)],
    ["softmax", [[2, 3, 7]], x => tf.softmax(x)],
    ["split heads", [[2, 6, 12]], x => tf.transpose(tf.reshape(x, [2, 6, 3, 4]), [0, 2, 1, 3])],
    ["bias", [[5, 6], [6]], (x, bias) => tf.add(x, bias)],
    [
      "concat and slice",
      [
        [2, 3],
        [2, 4],
      ],
      (a, b) => tf.slice(tf.concat([a, b], 1), [0, 1], [2, 4]),
    ],
    ["tile", [[1, 3, 4]], x => tf.tile(x, [5, 1, 1])],
    ["mean over tokens", [[2, 5, 3]], x => tf.mean(x, 1)],
    ["sigmoid", [[2, 5]], x => tf.sigmoid(x)],
    ["norm", [[4, 5]], x => tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-6)))],
    [
      "stack",
      [
        [2, 3],
        [2, 3],
      ],
      (a, b) => tf.stack([a, b]),
    ],
    [
      "fused dense",
      [[4, 6], [6, 3], [3]],
      (x, w, b) => tf.fused.matMul({ a: x, b: w, bias: b, activation: "relu" }),
    ],
  ])("%s", async (_, shapes, f) => {
    await expectSame(shapes, f);
  });

  it("takes the same Adam steps", async () => {
    const steps = async (backend: string) => {
      await tf.setBackend(backend);
      const weight = tf.variable(tf.tensor2d(values([6, 4], 3), [6, 4]));
      const x = tf.tensor2d(values([5, 6], 1), [5, 6]);
      const optimizer = tf.train.adam(0.05);
      for (let step = 0; step < 3; step++) {
        optimizer.minimize(() => tf.mean(tf.square(tf.relu(tf.matMul(x, weight)))), false, [
          weight,
        ]);
      }
      const result = weight.dataSync().slice();
      optimizer.dispose();
      tf.dispose([weight, x]);
      return result;
    };
    expect(await steps("wasm")).toBeAllclose(await steps("cpu"), { rtol: 1e-4, atol: 1e-5 });
  });
});
