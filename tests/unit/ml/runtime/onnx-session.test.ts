/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  defaultExecutionProviders,
  defaultNumThreads,
  onnxSessionOptions,
  OnnxSession,
} from "../../../../src/ml/runtime/onnx-session.js";

const DECODER = "tests/golden/tiny-sd15/vae_decoder/model.onnx";
const ENCODER = "tests/golden/tiny-sd15/text_encoder/model.onnx";

// y = x + x in float16, opset 17.
const DOUBLE_FLOAT16 =
  "CAg6PwoOCgF4CgF4EgF5IgNBZGQSAWdaFAoBeBIPCg0IChIJCgMSAUIKAggDYhQKAXkSDwoNCAoSCQoDEgFCCgIIA0IECgAQEQ==";

describe("OnnxSession", () => {
  it("reports a model's inputs and outputs", async () => {
    const session = await OnnxSession.load(DECODER, { numThreads: 1 });
    expect([...session.inputs]).toEqual([
      ["latent_sample", { type: "float32", shape: ["batch", 4, 8, 8] }],
    ]);
    expect(session.outputName("image", "sample")).toBe("sample");
    expect(() => session.input("x")).toThrow("is not an ONNX model with inputs x");
    expect(() => session.outputName("x", "y")).toThrow("outputs x or y: it has sample");
    await session.dispose();
  });

  it("converts numbers to the input's type", async () => {
    const session = await OnnxSession.load(ENCODER, { numThreads: 1 });
    expect(session.input("input_ids").type).toBe("int32");
    const { last_hidden_state: hidden } = await session.run(
      { input_ids: { data: [3, 1, 2], dims: [1, 3] } },
      ["last_hidden_state"],
    );
    expect(hidden.dims).toEqual([1, 3, 16]);
    expect(hidden.data).toHaveLength(48);
    await session.dispose();
  });

  it("feeds and reads half precision", async () => {
    const dir = await mkdtemp(join(tmpdir(), "vitrine-onnx-"));
    const path = join(dir, "double.onnx");
    await writeFile(path, Buffer.from(DOUBLE_FLOAT16, "base64"));
    const session = await OnnxSession.load(path, { numThreads: 1 });
    const { y } = await session.run({ x: { data: [1, 1 / 3, -2], dims: [1, 3] } });
    // 1/3 as the nearest half is 0.333251953125.
    expect(Array.from(y.data)).toEqual([2, 0.66650390625, -4]);
    await session.dispose();
    await rm(dir, { recursive: true });
  });

  it("gives the same numbers with one thread and with two", async () => {
    const latents = { data: Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)) };
    const [one, two] = await Promise.all(
      [1, 2].map(async numThreads => {
        const session = await OnnxSession.load(DECODER, { numThreads });
        const { sample } = await session.run({
          latent_sample: { ...latents, dims: [1, 4, 8, 8] },
        });
        await session.dispose();
        return sample.data;
      }),
    );
    const largest = Math.max(...one.map((x, i) => Math.abs(x - two[i])));
    expect(largest).toBeLessThan(1e-5);
  });

  it("reports a missing file, and one that is not a model", async () => {
    const dir = await mkdtemp(join(tmpdir(), "vitrine-onnx-"));
    const path = join(dir, "model.onnx");
    await expect(OnnxSession.load(path)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    await writeFile(path, "no");
    await expect(OnnxSession.load(path)).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    await rm(dir, { recursive: true });
  });
});

describe("onnxSessionOptions()", () => {
  it("leaves a core to the event loop and never spins", () => {
    expect(defaultNumThreads()).toBeGreaterThanOrEqual(1);
    expect(onnxSessionOptions()).toMatchObject({
      intraOpNumThreads: defaultNumThreads(),
      interOpNumThreads: 1,
      executionMode: "sequential",
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
  });

  it("always include the CPU", () => {
    expect(defaultExecutionProviders().at(-1)).toBe("cpu");
    expect(onnxSessionOptions({ executionProviders: ["cpu"] }).executionProviders).toEqual(["cpu"]);
  });
});
