/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { OnnxSession } from "../../../../src/ml/runtime/onnx-session.js";
import { studioPackDir } from "./studio-pack.js";

describe("models/studio", () => {
  it("is complete, at most 45 MB, and has no diffusion model", async () => {
    const pack = await openModelPack(studioPackDir);
    await pack.verify();
    expect(pack.name).toBe("studio");
    const sizes = pack.manifest!.files.map(({ sizeBytes }) => sizeBytes);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(45e6);
    expect(pack.has("unet")).toBe(false);
    expect(pack.has("subject_mask")).toBe(true);
    expect(pack.has("style_vectors")).toBe(true);
  });

  it("gives a style vector of 100 values", async () => {
    const pack = await openModelPack(studioPackDir);
    const options = { numThreads: 1, executionProviders: ["cpu"] };
    const predict = await OnnxSession.load(pack.path("style_vectors/predict.onnx"), options);
    const [name] = predict.inputs.keys();
    const [vector] = predict.outputs.keys();
    const image = { data: new Float32Array(256 * 256 * 3).fill(0.5), dims: [1, 256, 256, 3] };
    const style = (await predict.run({ [name]: image }))[vector];
    expect(style.data).toHaveLength(100);
    expect(style.data.every(Number.isFinite)).toBe(true);
    await predict.dispose();
  });
});
