import * as tf from "@tensorflow/tfjs";
import {
  onTfjsNotice,
  isAbsent,
  loadNative,
  loadTfjsBackend,
  type TfjsNotice,
} from "../../../../src/ml/runtime/tfjs-backend.js";

describe("loadTfjsBackend()", () => {
  it("loads a working backend, and names it", async () => {
    const name = await loadTfjsBackend();
    expect(["tfjs-node-gpu", "tfjs-node", "wasm"]).toContain(name);
    const product = tf.tidy(() =>
      tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync(),
    );
    expect(Array.from(product)).toEqual([11]);
  });

  it("returns the same answer again", async () => {
    expect(await loadTfjsBackend()).toBe(await loadTfjsBackend());
  });

  it("falls back to the next in the order", async () => {
    expect(await loadTfjsBackend(["cpu"])).toBe("cpu");
    expect(tf.getBackend()).toBe("cpu");
  });

  it("reports when none is left", async () => {
    await expect(loadTfjsBackend([])).rejects.toThrow("none of");
  });
});

describe("loadNative()", () => {
  const news: TfjsNotice[] = [];

  beforeEach(async () => {
    news.length = 0;
    onTfjsNotice(one => news.push(one));
    await loadTfjsBackend(["cpu"]);
  });
  afterEach(async () => {
    await tf.setBackend("cpu");
    if (tf.findBackend("tensorflow") as unknown) {
      tf.removeBackend("tensorflow");
    }
  });

  /** Registers the CPU backend and its kernels under the native name. */
  const registers = (properties: object) => async () => {
    const cpu = tf.backend();
    const backend = Object.assign(Object.create(cpu) as typeof cpu, properties);
    tf.copyRegisteredKernels("cpu", "tensorflow");
    tf.registerBackend("tensorflow", () => backend);
  };

  it("uses a working package, and reports its device", async () => {
    const load = registers({ isUsingGpuDevice: true });
    expect(await loadNative("@tensorflow/tfjs-node-gpu", load)).toBe(true);
    expect(tf.getBackend()).toBe("tensorflow");
    expect(news).toEqual([
      { level: "info", message: "TensorFlow.js computes by @tensorflow/tfjs-node-gpu on the GPU" },
    ]);
  });

  it("reports a missing GPU or CUDA library", async () => {
    expect(await loadNative("@tensorflow/tfjs-node-gpu", registers({}))).toBe(true);
    expect(news).toEqual([
      {
        level: "warn",
        message:
          "@tensorflow/tfjs-node-gpu computes on the CPU: it found no GPU, or a library of CUDA is missing",
      },
    ]);
  });

  it("skips a package that loads but cannot compute, and reports why", async () => {
    const write = () => {
      throw new TypeError("util.isNullOrUndefined is not a function"); // tfjs-node 4.22 on Node 24
    };
    expect(await loadNative("@tensorflow/tfjs-node", registers({ write }))).toBe(false);
    expect(tf.findBackend("tensorflow")).toBeNull();
    expect(news).toEqual([
      {
        level: "warn",
        message: "@tensorflow/tfjs-node is not used: util.isNullOrUndefined is not a function",
      },
    ]);
  });

  it("reports the library that a package lacks", async () => {
    const lacks = () =>
      Promise.reject(new Error("libcudart.so.11.0: cannot open shared object file"));
    expect(await loadNative("@tensorflow/tfjs-node-gpu", lacks)).toBe(false);
    expect(news[0].message).toContain("libcudart.so.11.0");
  });

  it("ignores an absent optional package", async () => {
    const absent = () =>
      Promise.reject(Object.assign(new Error("no"), { code: "MODULE_NOT_FOUND" }));
    expect(await loadNative("@tensorflow/tfjs-node", absent)).toBe(false);
    expect(news).toEqual([]);
  });
});

describe("isAbsent()", () => {
  it.each([
    [Object.assign(new Error("no"), { code: "MODULE_NOT_FOUND" })],
    [new Error("The Node.js native addon module (tfjs_binding.node) can not be found at path")],
  ])("is true for an absent optional package", error => {
    expect(isAbsent(error)).toBe(true);
  });

  it("is false for any other error", () => {
    expect(isAbsent(new TypeError("undefined is not a function"))).toBe(false);
  });
});
