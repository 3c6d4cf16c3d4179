/**
 * The LLaMA decoder on TensorFlow.js: tokens per second of a prompt and of generation with a key-value cache, and seconds
 * of a LoRA training step, on WASM with our kernels (src/ml/runtime/wasm-kernels.ts).
 *
 * CPU time of the process (WASM has one thread), so that other work on the machine does not count.
 *
 * Random weights of two shapes: the bundled model's, and the transformer of 4 layers, d 256, 8 x 128 tokens by which
 * backends are compared elsewhere. `--model DIR` measures a folder's weights instead. Needs `npm run build`.
 */
import * as tf from "@tensorflow/tfjs";
import { Llama } from "../dist/ml/language/llama.js";
import {
  projectionNames,
  projectionPath,
  projectionShape,
} from "../dist/ml/language/llama-weights.js";
import { Random } from "../dist/ml/nn/random.js";
import { loadTfjsBackend } from "../dist/ml/runtime/tfjs-backend.js";

const PROMPT_TOKENS = 128;
const NEW_TOKENS = 64;
const BATCH = 8;
const NUM_IMAGE_TOKENS = 4;

const common = { normEpsilon: 1e-5, ropeTheta: 10_000, hasTiedEmbeddings: true, endTokenIds: [] };
const shapes = {
  mini: {
    ...common,
    hiddenSize: 192,
    intermediateSize: 512,
    numLayers: 5,
    numHeads: 6,
    numKeyValueHeads: 2,
    headSize: 32,
    vocabSize: 4096,
    maxPositions: 256,
  },
  "4 layers, d 256": {
    ...common,
    hiddenSize: 256,
    intermediateSize: 1024,
    numLayers: 4,
    numHeads: 4,
    numKeyValueHeads: 4,
    headSize: 64,
    vocabSize: 4096,
    maxPositions: 256,
  },
};

function randomModel(config, options) {
  const random = new Random(1);
  const tensors = {};
  const put = (name, shape, scale, shift = 0) => {
    const values = random.normals(shape.reduce((product, size) => product * size, 1));
    tensors[`${name}.weight`] = { shape, values: values.map(x => shift + scale * x) };
  };
  put("model.embed_tokens", [config.vocabSize, config.hiddenSize], 0.02);
  put("model.norm", [config.hiddenSize], 0, 1);
  for (let layer = 0; layer < config.numLayers; layer++) {
    for (const norm of ["input_layernorm", "post_attention_layernorm"]) {
      put(`model.layers.${layer}.${norm}`, [config.hiddenSize], 0, 1);
    }
    for (const name of projectionNames) {
      const [inputs, outputs] = projectionShape(config, name);
      put(projectionPath(layer, name), [outputs, inputs], 1 / Math.sqrt(inputs));
    }
  }
  return Llama.create(config, tensors, options);
}

/** CPU seconds of the fastest of `runs`, after a warm-up. */
async function seconds(runs, work) {
  let best = Infinity;
  for (let run = 0; run <= runs; run++) {
    const start = process.cpuUsage();
    await work();
    if (run > 0 || runs === 0) {
      const { user, system } = process.cpuUsage(start);
      best = Math.min(best, (user + system) / 1e6);
    }
  }
  return best;
}

/** One Adam step of the adapters and image tokens on the mean square of the hidden states. */
function trainingStep(model, optimizer) {
  const ids = tf.tensor2d(
    Array.from({ length: BATCH }, (_, b) => [
      ...Array.from(
        { length: PROMPT_TOKENS - NUM_IMAGE_TOKENS },
        (_, t) => (7 * b + 13 * t) % 1000,
      ),
      ...model.imageTokenIds,
    ]),
    undefined,
    "int32",
  );
  const mask = tf.onesLike(ids);
  const loss = optimizer.minimize(
    () => tf.mean(tf.square(model.hiddenStates(ids, mask))),
    true,
    Object.values(model.trainable),
  );
  const value = loss.dataSync()[0];
  tf.dispose([ids, mask, loss]);
  return value;
}

async function measure(model) {
  const prompt = Array.from({ length: PROMPT_TOKENS }, (_, t) => (31 * t) % 1000);
  const prefill = await seconds(3, () => model.generate(prompt, { maxTokens: 1, stopIds: [] }));
  const whole = await seconds(3, () =>
    model.generate(prompt, { maxTokens: NEW_TOKENS + 1, stopIds: [] }),
  );
  const optimizer = tf.train.adam(1e-4);
  const step = await seconds(3, () => trainingStep(model, optimizer));
  optimizer.dispose();
  return {
    prefillTokensPerSecond: Math.round(PROMPT_TOKENS / prefill),
    generatedTokensPerSecond: Math.round(NEW_TOKENS / (whole - prefill)),
    loraStepSeconds: Number(step.toFixed(3)),
  };
}

export async function run({ model: directory } = {}) {
  const backend = await loadTfjsBackend(["wasm"]);
  const options = { lora: {}, numImageTokens: NUM_IMAGE_TOKENS, seed: 1 };
  const models = directory
    ? { [directory]: await Llama.load(directory, options) }
    : Object.fromEntries(
        Object.entries(shapes).map(([name, config]) => [name, randomModel(config, options)]),
      );
  const rows = [];
  for (const [name, model] of Object.entries(models)) {
    rows.push({ model: name, ...(await measure(model)) });
    model.dispose();
  }
  console.log(
    `${backend}: a prompt of ${PROMPT_TOKENS}, ${NEW_TOKENS} new tokens; LoRA on q and v, ${BATCH} x ${PROMPT_TOKENS} tokens`,
  );
  console.table(rows);
  return { backend, rows };
}
