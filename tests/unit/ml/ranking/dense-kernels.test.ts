/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import * as tf from "@tensorflow/tfjs";
import { matrix, normalizedRows } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import type { DenseKernels } from "../../../../src/ml/ranking/dense-kernels.js";
import { createOnnxKernels } from "../../../../src/ml/ranking/onnx-kernels.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const plain = new PlainKernels();
const random = (rows: number, columns: number, seed: number) =>
  matrix([rows, columns], new Random(seed).normals(rows * columns));

describe("the kernels of ONNX Runtime", () => {
  let kernels: DenseKernels;

  beforeAll(async () => {
    kernels = await createOnnxKernels({ numThreads: 1 });
  });

  afterAll(() => kernels.dispose());

  it.each([{}, { a: true }, { b: true }])("multiply like plain loops, with %j", async transpose => {
    const a = transpose.a ? random(9, 13, 1) : random(13, 9, 1);
    const b = transpose.b ? random(5, 9, 2) : random(9, 5, 2);
    const product = await kernels.matMul(a, b, transpose);
    expect(product.shape).toEqual([13, 5]);
    expect(product).toBeAllclose(await plain.matMul(a, b, transpose), { atol: 1e-5 });
  });

  it("find the nearest like plain loops", async () => {
    const keys = normalizedRows(random(300, 16, 3));
    const queries = normalizedRows(random(20, 16, 4));
    const found = await kernels.nearest(queries, keys, 7);
    const expected = await plain.nearest(queries, keys, 7);
    expect([...found.indices]).toEqual([...expected.indices]);
    expect(found.similarities).toBeAllclose(expected.similarities, { atol: 1e-5 });
  });

  it("break ties by the lower index", async () => {
    const keys = matrix([6, 2], Float32Array.of(0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0));
    const { indices } = await kernels.nearest(matrix([1, 2], Float32Array.of(1, 0)), keys, 3);
    expect([...indices]).toEqual([1, 2, 4]);
  });

  it("contrast like plain loops", async () => {
    const keys = normalizedRows(random(60, 16, 5));
    const anchors = normalizedRows(random(11, 16, 6));
    const tile = await kernels.contrast(anchors, keys, 0.5);
    const expected = await plain.contrast(anchors, keys, 0.5);
    expect(tile.denominators).toBeAllclose(expected.denominators, { rtol: 1e-4 });
    expect(tile.rowGradient).toBeAllclose(expected.rowGradient, { rtol: 1e-3, atol: 1e-5 });
    expect(tile.columnProduct).toBeAllclose(expected.columnProduct, { rtol: 1e-3, atol: 1e-5 });
  });

  it("attend like plain loops, forwards and backwards", async () => {
    const view = random(21, 8, 7);
    const parameters = {
      weight: random(8, 8, 8),
      bias: new Random(9).normals(8),
      query: new Random(10).normals(8),
    };
    const found = await kernels.attention(view, parameters);
    const expected = await plain.attention(view, parameters);
    expect(found.hidden).toBeAllclose(expected.hidden, { atol: 1e-5 });
    expect(found.scores).toBeAllclose(expected.scores, { atol: 1e-5 });
    const dScores = new Random(11).normals(21);
    const { hidden } = expected;
    const gradient = await kernels.attentionGradient(view, parameters, hidden, dScores);
    const exact = await plain.attentionGradient(view, parameters, hidden, dScores);
    expect(gradient.view).toBeAllclose(exact.view, { atol: 1e-4 });
    expect(gradient.weight).toBeAllclose(exact.weight, { atol: 1e-4 });
    expect(gradient.bias).toBeAllclose(exact.bias, { atol: 1e-4 });
    expect(gradient.query).toBeAllclose(exact.query, { atol: 1e-4 });
  });

  it("leave no tensor behind", async () => {
    const before = tf.memory().numTensors;
    const [a, b] = [random(4, 4, 1), random(4, 4, 2)];
    await kernels.matMul(a, b, { b: true });
    await kernels.nearest(a, b, 2);
    await kernels.contrast(a, b, 0.5);
    const parameters = { weight: b, bias: new Float32Array(4), query: new Float32Array(4) };
    const { hidden, scores } = await kernels.attention(a, parameters);
    await kernels.attentionGradient(a, parameters, hidden, scores);
    expect(tf.memory().numTensors).toBe(before);
  });
});
