import { Adam } from "../../../../src/ml/nn/adam.js";
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";

const N = 5;
const D = 3;

describe("Adam.step()", () => {
  it("follows the paper: the first step is the learning rate in the gradient's direction", () => {
    const x = Float32Array.of(1, 1);
    new Adam({ x }).step({ x: Float32Array.of(0.5, -20) }, 0.1);
    expect(x).toBeAllclose([0.9, 1.1], { rtol: 1e-6 });
  });

  it("gives the same bytes by rows and by whole gradients, resumed between two steps", () => {
    const random = new Random(1);
    const start = random.normals(N * D);
    const dense = { x: start.slice() };
    const sparse = { x: start.slice() };
    const ofDense = new Adam(dense);
    let ofSparse = new Adam(sparse);
    // Row 4 never has a gradient, row 0 only in the first step: it keeps moving by its moments.
    for (const rows of [[0, 2], [1, 3], [2], [3, 1]]) {
      const values = random.normals(rows.length * D);
      const whole = new Float32Array(N * D);
      rows.forEach((row, at) => whole.set(values.subarray(at * D, (at + 1) * D), row * D));
      ofDense.step({ x: whole }, 0.01);
      const gradient = { rows: Int32Array.from(rows), values: matrix([rows.length, D], values) };
      ofSparse.step({ x: gradient }, 0.01);
      const resumed = new Adam(sparse);
      resumed.restore(ofSparse.state());
      ofSparse = resumed;
    }
    expect([...sparse.x]).toEqual([...dense.x]);
    expect([...sparse.x.subarray(4 * D)]).toEqual([...start.subarray(4 * D)]);
    expect(ofSparse.state()).toEqual(ofDense.state());
  });
});
