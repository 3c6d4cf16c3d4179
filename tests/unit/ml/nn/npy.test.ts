import { matrix } from "../../../../src/ml/nn/matrix.js";
import { npyOf, parseNpy } from "../../../../src/ml/nn/npy.js";

/** As `numpy.save` writes it, in version 1 of the format. */
function npy(descr: string, shape: string, body: Uint8Array): Buffer {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117);
  const start = Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"); // 118 bytes of header
  return Buffer.concat([start, Buffer.from(`${header}\n`), body]);
}

describe("parseNpy()", () => {
  it("reads half floats", () => {
    // 1, -2, 0.5, 65504, 2^-24, 0
    const words = Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0);
    expect(parseNpy(npy("<f2", "2, 3", new Uint8Array(words.buffer)), "a.npy")).toEqual({
      shape: [2, 3],
      values: Float32Array.of(1, -2, 0.5, 65504, 2 ** -24, 0),
    });
  });

  it("reads single floats", () => {
    const values = Float32Array.of(1.5, -3.25);
    const bytes = npy("<f4", "1, 2", new Uint8Array(values.buffer));
    expect(parseNpy(bytes, "a.npy")).toEqual({ shape: [1, 2], values });
  });

  it.each([
    ["doubles", npy("<f8", "1, 1", new Uint8Array(8)), "its header is"],
    ["one dimension", npy("<f4", "2,", new Uint8Array(8)), "its header is"],
    ["a cut-off end", npy("<f4", "2, 2", new Uint8Array(12)), "declares 16 bytes, but 12 follow"],
    ["another file", Buffer.from("PK and so on"), "has another signature"],
  ])("refuses %s", (_, content, reason) => {
    expect(() => parseNpy(content, "a.npy")).toThrow(
      expect.objectContaining({
        code: "FILE_MALFORMED",
        message: expect.stringContaining(reason) as string,
      }) as Error,
    );
  });
});

describe("npyOf()", () => {
  it("writes what numpy.save writes", () => {
    const values = Float32Array.of(1.5, -3.25, 0, 1e-9, 7, 8);
    expect(npyOf(matrix([3, 2], values))).toEqual(
      npy("<f4", "3, 2", new Uint8Array(values.buffer)),
    );
  });

  it("writes a part of a longer array", () => {
    const part = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    expect(parseNpy(npyOf(matrix([1, 2], part)), "a.npy").values).toEqual(Float32Array.of(1, 2));
  });
});
