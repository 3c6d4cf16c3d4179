import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeSafetensors, encodeSafetensors } from "../../../../src/ml/nn/safetensors.js";
import {
  loadModelSafetensors,
  loadSafetensors,
} from "../../../../src/ml/runtime/safetensors-file.js";

const content = {
  tensors: {
    weight: { shape: [2, 3], values: Float32Array.of(1, -2.5, 3, 0, 1e-30, 6) },
    indices: { shape: [3], values: Int32Array.of(7, -8, 9) },
    empty: { shape: [0, 4], values: new Float32Array(0) },
  },
  metadata: { algorithm: "MICRO", größe: "ß" },
};

/** A file with this header and these bytes of values. */
function fileOf(header: unknown, values: Uint8Array | number = 0): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = typeof values === "number" ? Buffer.alloc(values) : values;
  return Buffer.concat([length, json, data]);
}

/** The same of a header that no object gives. */
function rawFileOf(json: string, numBytes: number): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, Buffer.from(json), Buffer.alloc(numBytes)]);
}

const entry = (start: number, end: number, length = 1) => ({
  dtype: "F32",
  shape: [length],
  data_offsets: [start, end],
});

describe("safetensors", () => {
  it("round-trips tensors", () => {
    expect(decodeSafetensors(encodeSafetensors(content), "x")).toEqual(content);
  });

  it("returns tensors that do not alias the file's bytes", () => {
    const bytes = encodeSafetensors(content);
    const { tensors } = decodeSafetensors(bytes, "x");
    bytes.fill(0);
    expect(tensors.weight.values[2]).toBe(3);
  });

  it("has the format's layout: header length, JSON, aligned values", () => {
    const bytes = Buffer.from(encodeSafetensors(content));
    const headerLength = Number(bytes.readBigUInt64LE(0));
    expect(headerLength % 8).toBe(0);
    expect(JSON.parse(bytes.toString("utf8", 8, 8 + headerLength))).toEqual({
      __metadata__: content.metadata,
      empty: { dtype: "F32", shape: [0, 4], data_offsets: [0, 0] },
      indices: { dtype: "I32", shape: [3], data_offsets: [0, 12] },
      weight: { dtype: "F32", shape: [2, 3], data_offsets: [12, 36] },
    });
    expect(bytes.readFloatLE(8 + headerLength + 12 + 4)).toBe(-2.5);
  });

  it("reads half precision", () => {
    // 1 is 0x3c00, -2 is 0xc000, 65504 (the largest) is 0x7bff.
    const file = fileOf(
      { w: { dtype: "F16", shape: [3], data_offsets: [0, 6] } },
      Uint8Array.of(0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b),
    );
    expect([...decodeSafetensors(file, "x").tensors.w.values]).toEqual([1, -2, 65504]);
  });

  it("reads bfloat16", () => {
    // The upper halves of 1 (0x3f800000), -2.5 (0xc0200000) and infinity (0x7f800000).
    const file = fileOf(
      { w: { dtype: "BF16", shape: [3], data_offsets: [0, 6] } },
      Uint8Array.of(0x80, 0x3f, 0x20, 0xc0, 0x80, 0x7f),
    );
    expect([...decodeSafetensors(file, "x").tensors.w.values]).toEqual([1, -2.5, Infinity]);
  });

  it("reads signed bytes", () => {
    const file = fileOf(
      { w: { dtype: "I8", shape: [3], data_offsets: [0, 3] } },
      Uint8Array.of(1, 0xff, 0x80),
    );
    expect([...decodeSafetensors(file, "x").tensors.w.values]).toEqual([1, -1, -128]);
  });

  it.each<[string, Uint8Array, string]>([
    ["too short", Uint8Array.of(1, 2), "it has 2 bytes"],
    ["cut in the header", fileOf({}).subarray(0, 9), "header of 2 bytes is cut off"],
    [
      "cut in the values",
      encodeSafetensors(content).subarray(0, -1),
      "'weight' ends at byte 36 of 35",
    ],
    ["not JSON", Buffer.concat([fileOf({}).subarray(0, 8), Buffer.from("{?")]), "is not JSON"],
    ["a list", fileOf([1]), "is not an object"],
    [
      "of an unknown type",
      fileOf({ w: { dtype: "F8", shape: [1], data_offsets: [0, 1] } }, 1),
      "tensor 'w' has values of type F8; supported are F32, F16, BF16, I32, I8",
    ],
    [
      "of a wrong length",
      fileOf({ w: { dtype: "F32", shape: [2], data_offsets: [0, 4] } }, 4),
      "tensor 'w' is [2], which needs 8 bytes, but has 4",
    ],
    ["without a shape", fileOf({ w: { dtype: "F32" } }), "tensor 'w' has no shape"],
    ["with an entry of null", fileOf({ w: null }), "tensor 'w' has values of type undefined"],
    [
      "with a hole between tensors",
      fileOf({ a: entry(0, 4), b: entry(8, 12) }, 12),
      "tensor 'b' starts at byte 8 instead of 4: it leaves a gap",
    ],
    ["with a hole at the start", fileOf({ a: entry(4, 8) }, 8), "it leaves a gap before it"],
    [
      "with tensors that overlap",
      fileOf({ a: entry(0, 8, 2), b: entry(4, 12, 2) }, 12),
      "it overlaps the tensor before it",
    ],
    [
      "with two tensors in one place",
      fileOf({ a: entry(0, 4), b: entry(0, 4) }, 4),
      "tensor 'b' starts at byte 0 instead of 4",
    ],
    ["longer than its tensors", fileOf({ a: entry(0, 4) }, 9), "end at byte 4, but there are 9"],
    ["with a place before the start", fileOf({ a: entry(-4, 0) }, 4), "tensor 'a' has no offsets"],
    [
      "with three offsets",
      fileOf({ a: { ...entry(0, 4), data_offsets: [0, 4, 8] } }, 4),
      "no offsets",
    ],
    [
      "with a shape beyond all numbers",
      fileOf({ a: { dtype: "F32", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } }, 4),
      "needs 4.83",
    ],
    [
      "with a tensor twice",
      rawFileOf(`{"a":${JSON.stringify(entry(0, 4))},"\\u0061":${JSON.stringify(entry(0, 4))}}`, 4),
      "its header has 'a' twice",
    ],
    [
      "with a place twice",
      rawFileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[0,4]}}', 4),
      "its header has 'data_offsets' twice",
    ],
    ["with metadata that is no text", fileOf({ __metadata__: { a: 1 } }), "not text by name"],
    [
      "of a header longer than any",
      Buffer.concat([Buffer.from("00e1f50500000001", "hex").reverse(), Buffer.alloc(9)]),
      "is too long",
    ],
  ])("reports the fault of a file that is %s", (_, bytes, reason) => {
    expect(() => decodeSafetensors(bytes, "weights")).toThrow(reason);
    expect(() => decodeSafetensors(bytes, "weights")).toThrow(
      "'weights' is not a safetensors file",
    );
  });

  it("refuses a shape that does not match its values", () => {
    const tensors = { w: { shape: [3], values: new Float32Array(2) } };
    expect(() => encodeSafetensors({ tensors, metadata: {} })).toThrow(
      "'w' is [3], but has 2 values",
    );
  });

  it("reads a file as it decodes bytes", async () => {
    const directory = await mkdtemp(join(tmpdir(), "safetensors-"));
    await writeFile(join(directory, "a.safetensors"), encodeSafetensors(content));
    expect(await loadSafetensors(join(directory, "a.safetensors"))).toEqual(content);
    await rm(directory, { recursive: true });
  });

  it("accepts names and keys in any order, and names of object properties", () => {
    const json = `{"b":${JSON.stringify(entry(4, 8))},"a":${JSON.stringify(entry(0, 4))},"__proto__":${JSON.stringify(entry(8, 12))}}  `;
    const { tensors } = decodeSafetensors(rawFileOf(json, 12), "x");
    expect(Object.keys(tensors).sort()).toEqual(["__proto__", "a", "b"]);
  });

  it("reads tensors on both sides of 2 GiB", async () => {
    const directory = await mkdtemp(join(tmpdir(), "safetensors-"));
    const path = join(directory, "large.safetensors");
    const large = 2 ** 31 + 400;
    const header = Buffer.from(
      JSON.stringify({
        before: entry(0, 4),
        large: { dtype: "I8", shape: [large], data_offsets: [4, 4 + large] },
        after: entry(4 + large, 12 + large, 2),
      }),
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const file = await open(path, "w");
    await file.write(Buffer.concat([length, header, Buffer.from(Float32Array.of(1.5).buffer)]));
    const last = Buffer.from(Float32Array.of(-2.5, 3).buffer);
    await file.write(last, 0, last.length, 8 + header.length + 4 + large); // the file has a hole on the disk
    await file.close();
    const { tensors } = await loadSafetensors(path, name => name !== "large");
    expect([...tensors.before.values, ...tensors.after.values]).toEqual([1.5, -2.5, 3]);
    await rm(directory, { recursive: true });
  });

  it("reports a missing file", async () => {
    await expect(loadSafetensors("/nowhere/w.safetensors")).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });
});

describe("loadModelSafetensors()", () => {
  const part = (name: string, value: number) =>
    encodeSafetensors({
      tensors: { [name]: { shape: [1], values: Float32Array.of(value) } },
      metadata: {},
    });
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sharded-"));
    await writeFile(join(directory, "model-00001-of-00002.safetensors"), part("a", 1));
    await writeFile(join(directory, "model-00002-of-00002.safetensors"), part("b", 2));
  });

  afterEach(() => rm(directory, { recursive: true }));

  const writeIndex = (index: unknown) =>
    writeFile(join(directory, "model.safetensors.index.json"), JSON.stringify(index));

  it("merges the shards of an index", async () => {
    await writeIndex({
      weight_map: {
        a: "model-00001-of-00002.safetensors",
        b: "model-00002-of-00002.safetensors",
      },
    });
    const { tensors } = await loadModelSafetensors(directory);
    expect([tensors.a.values[0], tensors.b.values[0]]).toEqual([1, 2]);
  });

  it.each([
    [{ weight_map: { a: "gone.safetensors" } }, "FILE_NOT_FOUND", "gone.safetensors"],
    [
      { weight_map: { c: "model-00001-of-00002.safetensors" } },
      "FILE_MALFORMED",
      "does not have the tensor 'c'",
    ],
    [{ weight_map: { a: "../x.safetensors" } }, "FILE_MALFORMED", "not a file beside it"],
    [{}, "FILE_MALFORMED", "no 'weight_map'"],
  ])("refuses an index of %j", async (index, code, reason) => {
    await writeIndex(index);
    const loading = loadModelSafetensors(directory);
    await expect(loading).rejects.toMatchObject({ code });
    await expect(loading).rejects.toThrow(reason);
  });

  it("names model.safetensors where both are missing", async () => {
    await expect(loadModelSafetensors(directory)).rejects.toThrow("model.safetensors");
  });
});
