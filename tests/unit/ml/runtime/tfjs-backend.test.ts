import * as tf from "@tensorflow/tfjs";
import { isMissingNative, loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";

describe("loadTfjsBackend()", () => {
  it("loads a backend that multiplies matrices, and names it", async () => {
    const name = await loadTfjsBackend();
    expect(["tfjs-node-gpu", "tfjs-node", "wasm"]).toContain(name);
    const product = tf.tidy(() =>
      tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync(),
    );
    expect(Array.from(product)).toEqual([11]);
  });

  it("gives the same answer again", async () => {
    expect(await loadTfjsBackend()).toBe(await loadTfjsBackend());
  });

  it("falls back to the next in the order", async () => {
    expect(await loadTfjsBackend(["cpu"])).toBe("cpu");
    expect(tf.getBackend()).toBe("cpu");
  });

  it("says when none is left", async () => {
    await expect(loadTfjsBackend([])).rejects.toThrow("none of");
  });
});

describe("isMissingNative()", () => {
  it.each([
    [Object.assign(new Error("no"), { code: "MODULE_NOT_FOUND" })],
    [new Error("The Node.js native addon module (tfjs_binding.node) can not be found at path")],
  ])("is true of an optional package that is not there", error => {
    expect(isMissingNative(error)).toBe(true);
  });

  it("is false of any other fault", () => {
    expect(isMissingNative(new TypeError("undefined is not a function"))).toBe(false);
  });
});
