import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { Llama } from "../../../../src/ml/language/llama.js";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";
import { golden, goldenDir } from "./golden.js";

beforeAll(() => loadTfjsBackend());

/** Hidden states of one sequence without padding. */
function hiddenOf(model: Llama, ids: readonly number[]): tf.Tensor3D {
  return tf.tidy(() =>
    model.hiddenStates(tf.tensor2d([[...ids]], undefined, "int32"), tf.ones([1, ids.length])),
  );
}

describe.each(["tied", "untied"] as const)("Llama on the %s model of transformers", name => {
  let model: Llama;
  const { ids, logits, hidden, greedy } = golden[name];

  beforeAll(async () => {
    model = await Llama.load(join(goldenDir, name));
  });
  afterAll(() => model.dispose());

  it("has its hidden states", () => {
    expect(hiddenOf(model, ids)).toBeAllclose(hidden, { rtol: 1e-4, atol: 1e-4 });
  });

  it("has its logits", () => {
    const got = tf.tidy(() => {
      const all = model.logits(hiddenOf(model, ids));
      return tf.slice(all, [0, ids.length - 3, 0]).dataSync();
    });
    expect(got).toBeAllclose(logits, { rtol: 0, atol: 1e-3 });
  });

  it("has its greedy continuation", async () => {
    expect(await model.generate(ids, { maxTokens: greedy.length, stopIds: [] })).toEqual(greedy);
  });

  it("continues several prompts at once as each alone", async () => {
    const prompts = [ids, ids.slice(3), [...ids].reverse().slice(2)];
    const end = greedy[2];
    const options = { maxTokens: 8, stopIds: [end] };
    const alone = [];
    for (const prompt of prompts) {
      alone.push(await model.generate(prompt, options));
    }
    expect(alone[0]).toEqual(greedy.slice(0, greedy.indexOf(end))); // the first ends before the others
    expect(await model.generateMany(prompts, options)).toEqual(alone);
    expect(await model.generateMany([], options)).toEqual([]);
  });

  it("generates the same with and without a key-value cache", async () => {
    const uncached: number[] = [];
    for (let step = 0; step < 12; step++) {
      uncached.push(
        ...(await model.generate([...ids, ...uncached], { maxTokens: 1, stopIds: [] })),
      );
    }
    expect(await model.generate(ids, { maxTokens: 12, stopIds: [] })).toEqual(uncached);
  });

  it.each(["left", "right"])("ignores padding on the %s", side => {
    const padding = [0, 0, 0];
    const pad = <T>(values: T[], filler: T[]) =>
      side === "left" ? [...filler, ...values] : [...values, ...filler];
    const other = [...ids].reverse();
    const padded = tf.tidy(() =>
      model
        .hiddenStates(
          tf.tensor2d([pad(ids, padding), [...other, ...padding.map(() => 7)]], undefined, "int32"),
          tf.tensor2d([
            pad(
              ids.map(() => 1),
              padding,
            ),
            new Array<number>(ids.length + 3).fill(1),
          ]),
        )
        .slice([0, side === "left" ? 3 : 0, 0], [1, ids.length, model.config.hiddenSize]),
    );
    expect(padded).toBeAllclose(hiddenOf(model, ids), { rtol: 1e-4, atol: 1e-5 });
    padded.dispose();
  });
});

describe("Llama.generate()", () => {
  let model: Llama;
  const { ids, greedy } = golden.tied;

  beforeAll(async () => {
    model = await Llama.load(join(goldenDir, "tied"));
  });
  afterAll(() => model.dispose());

  it("stops at a stop token, which it omits", async () => {
    const last = greedy.findIndex((id, i) => i > 3 && !greedy.slice(0, i).includes(id));
    expect(await model.generate(ids, { maxTokens: 12, stopIds: [greedy[last]] })).toEqual(
      greedy.slice(0, last),
    );
  });

  it("samples the same tokens for the same seed only", async () => {
    const drawn = (seed: number) =>
      model.generate(ids, { maxTokens: 16, temperature: 3, topP: 0.95, seed, stopIds: [] });
    const first = await drawn(1);
    expect(await drawn(1)).toEqual(first);
    expect(await drawn(2)).not.toEqual(first);
    expect(first).not.toEqual(greedy);
  });

  it("is greedy when top-p leaves one token", async () => {
    expect(
      await model.generate(ids, { maxTokens: 12, temperature: 1, topP: 1e-9, stopIds: [] }),
    ).toEqual(greedy);
  });

  it("ends at the last position", async () => {
    const { maxPositions } = model.config;
    const prompt = new Array<number>(maxPositions - 2).fill(5);
    expect(await model.generate(prompt, { maxTokens: 10, stopIds: [] })).toHaveLength(2);
    await expect(
      model.generate(new Array<number>(maxPositions + 1).fill(5), { maxTokens: 1 }),
    ).rejects.toThrow(`expected 1 to ${maxPositions} tokens, got ${maxPositions + 1}`);
  });

  it("stops at the signal, and leaves no tensor behind", async () => {
    const before = tf.memory().numTensors;
    const controller = new AbortController();
    const generating = model.generate(ids, {
      maxTokens: 40,
      stopIds: [],
      signal: controller.signal,
    });
    controller.abort();
    await expect(generating).rejects.toThrow("abort");
    await model.generate(ids, { maxTokens: 5 });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses unknown tokens", async () => {
    await expect(model.generate([300], { maxTokens: 1 })).rejects.toThrow("below 300, got 300");
  });
});

describe("Llama with image tokens", () => {
  it("has them after the vocabulary, seeded, with the spread of its embeddings", async () => {
    const load = (seed: number) => Llama.load(join(goldenDir, "tied"), { numImageTokens: 4, seed });
    const models = [await load(1), await load(1), await load(2)];
    const [first, same, other] = models.map(({ trainable }) =>
      Object.values(trainable)[0].dataSync<"float32">(),
    );
    expect(models[0].imageTokenIds).toEqual([300, 301, 302, 303]);
    expect(Object.values(models[0].trainable)[0].shape).toEqual([4, 32]);
    expect(same).toEqual(first);
    expect(other).not.toEqual(first);
    const spread = Math.sqrt(first.reduce((sum, x) => sum + x * x, 0) / first.length);
    expect(spread).toBeGreaterThan(0.2); // the golden model's words have 0.25
    expect(spread).toBeLessThan(0.3);
    models.forEach(model => model.dispose());
  });

  it("reads them in place, after the preceding tokens only", async () => {
    const model = await Llama.load(join(goldenDir, "tied"), { numImageTokens: 2 });
    const ids = [5, 9, ...model.imageTokenIds];
    const width = model.config.hiddenSize;
    const before = hiddenOf(model, ids).dataSync();
    const images = Object.values(model.trainable)[0];
    tf.tidy(() => images.assign(tf.neg(images)));
    const after = hiddenOf(model, ids).dataSync();
    expect(after.slice(0, 2 * width)).toEqual(before.slice(0, 2 * width));
    expect(after.slice(2 * width, 3 * width)).not.toEqual(before.slice(2 * width, 3 * width));
    model.dispose();
  });
});

describe("Llama's tensors", () => {
  it("are all disposed of", async () => {
    const before = tf.memory().numTensors;
    const model = await Llama.load(join(goldenDir, "tied"), { lora: {}, numImageTokens: 3 });
    const loaded = tf.memory().numTensors;
    const ids = tf.tensor2d([[5, 6, ...model.imageTokenIds]], undefined, "int32");
    const mask = tf.onesLike(ids);
    const variables = Object.values(model.trainable);
    const { value, grads } = tf.variableGrads(
      () => tf.mean(tf.square(model.hiddenStates(ids, mask))),
      variables,
    );
    tf.dispose([value, ...Object.values(grads), ids, mask]);
    expect(tf.memory().numTensors).toBe(loaded);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("Llama.load()", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "llama-"));
    await cp(join(goldenDir, "tied"), directory, { recursive: true });
  });
  afterEach(() => rm(directory, { recursive: true }));

  const editConfig = async (change: object) => {
    const path = join(directory, "config.json");
    const config = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...config, ...change }));
  };

  it.each<[object, string]>([
    [{ model_type: "gpt2" }, "model_type"],
    [{ hidden_act: "gelu" }, "hidden_act"],
    [{ attention_bias: true }, "attention_bias"],
    [{ rope_parameters: { rope_type: "llama3", rope_theta: 1e4 } }, "scaled by 'llama3'"],
    [{ rope_parameters: null, rope_scaling: { type: "linear" } }, "scaled by 'linear'"],
    [{ head_dim: 7 }, "cannot be rotated in pairs"],
    [{ num_key_value_heads: 3 }, "4 heads cannot share 3"],
    [{ hidden_size: -1 }, "hidden_size"],
    [{ intermediate_size: 47 }, "gate_proj.weight' is [48,32], expected floats of [47,32]"],
    [{ num_hidden_layers: 3 }, "no tensor 'model.layers.2"],
    [{ tie_word_embeddings: false }, "no tensor 'lm_head.weight'"],
  ])("refuses a configuration with %j", async (change, reason) => {
    const before = tf.memory().numTensors;
    await editConfig(change);
    const loading = Llama.load(directory);
    await expect(loading).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    await expect(loading).rejects.toThrow(reason);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(["config.json", "model.safetensors"])("reports a missing %s", async file => {
    await rm(join(directory, file));
    const loading = Llama.load(directory);
    await expect(loading).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    await expect(loading).rejects.toThrow(file);
  });

  it("reports a damaged weights file", async () => {
    const path = join(directory, "model.safetensors");
    await writeFile(path, (await readFile(path)).subarray(0, 20_000));
    await expect(Llama.load(directory)).rejects.toThrow("the file is cut off");
  });

  it("refuses an unknown projection to adapt", async () => {
    await expect(Llama.load(directory, { lora: { targets: ["c_attn"] } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});
