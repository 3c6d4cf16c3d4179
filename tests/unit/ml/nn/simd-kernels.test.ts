import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import createWabt from "wabt";
import { matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  DotTable,
  SIMD_MODULE,
  simdPropagated,
  simdSparseProduct,
} from "../../../../src/ml/nn/simd-kernels.js";
import { csrMatrix, type Entry } from "../../../../src/ml/nn/sparse.js";

const R = 37;
const C = 23;

describe("SIMD_MODULE", () => {
  it("is simd-kernels.wat, assembled", async () => {
    const path = fileURLToPath(new URL("../../../../src/ml/nn/simd-kernels.wat", import.meta.url));
    const wabt = await createWabt();
    const parsed = wabt.parseWat(path, await readFile(path, "utf8"), { simd: true });
    const { buffer } = parsed.toBinary({});
    expect(SIMD_MODULE).toBe(Buffer.from(buffer).toString("base64"));
  });
});

describe("simdSparseProduct()", () => {
  const random = new Random(1);
  const entries = Array.from({ length: 150 }, (): Entry => [
    random.int(R),
    random.int(C),
    random.normal(),
  ]);

  it.each([4, 28, 32, 64, 100])("is the dense product, at width %i", D => {
    const x = matrix([C, D], random.normals(C * D));
    const expected = new Float64Array(R * D);
    for (const [r, c, value] of entries) {
      for (let d = 0; d < D; d++) {
        expected[r * D + d] += value * x.values[c * D + d];
      }
    }
    const target = new Float32Array(R * D).fill(9);
    expect(simdSparseProduct(csrMatrix(entries, [R, C]), x, target)).toBe(true);
    expect(target).toBeAllclose(expected, { atol: 1e-5 });
  });

  it("refuses widths that are not whole vectors", () => {
    const target = new Float32Array(R * 6);
    expect(simdSparseProduct(csrMatrix(entries, [R, C]), matrix([C, 6]), target)).toBe(false);
  });
});

describe("simdPropagated()", () => {
  const random = new Random(2);
  const V = 31;
  const entries = Array.from({ length: 90 }, (): Entry => [
    random.int(V),
    random.int(V),
    random.normal() / 3,
  ]);

  it.each([1, 2, 3, 4])("is the mean of the levels, of %i layers", numLayers => {
    const D = 36;
    const x = matrix([V, D], random.normals(V * D));
    let level = Float64Array.from(x.values);
    const expected = level.slice();
    for (let layer = 1; layer <= numLayers; layer++) {
      const next = new Float64Array(V * D);
      for (const [r, c, value] of entries) {
        for (let d = 0; d < D; d++) {
          next[r * D + d] += value * level[c * D + d];
        }
      }
      level = next;
      level.forEach((value, at) => (expected[at] += value));
    }
    const target = new Float32Array(V * D).fill(9);
    expect(simdPropagated(csrMatrix(entries, [V, V]), x, numLayers, target)).toBe(true);
    expect(target).toBeAllclose(
      expected.map(value => value / (numLayers + 1)),
      { rtol: 1e-5, atol: 1e-5 },
    );
  });
});

describe("DotTable", () => {
  it.each([5, 16, 1280])("gives the dot products of all rows, of length %i", F => {
    const random = new Random(F);
    const rows = matrix([200, F], random.normals(200 * F));
    const queries = [random.normals(F), random.normals(F)];
    const found = new DotTable(rows).dots(queries);
    queries.forEach((query, q) => {
      const expected = Array.from({ length: 200 }, (_, i) =>
        row(rows, i).reduce((sum, value, f) => sum + value * query[f], 0),
      );
      expect(found[q]).toBeAllclose(expected, { atol: 1e-3 });
    });
  });
});
