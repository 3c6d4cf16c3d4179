/**
 * @file Stable Diffusion 1.5's U-Net at its full width, through the loader that serves: seconds to load, memory, seconds a
 * step, and the ratio to ONNX Runtime called directly with tensors that are ready.
 *
 * The folder is a pack's: `unet/`, `vae_decoder/config.json`, `scheduler/`. `pretrain/sd15_random.py` writes one with random
 * weights (860 million parameters, half precision, weights beside the graph). `vitrine models pull sd15` fetches the real one.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { createScheduler } from "../dist/ml/diffusion/create-scheduler.js";
import { Denoiser } from "../dist/ml/diffusion/denoiser.js";
import { loadPipelineConfig } from "../dist/ml/diffusion/pipeline-config.js";
import { Random } from "../dist/ml/nn/random.js";
import { toFloat16 } from "../dist/ml/runtime/float16.js";
import { openModelPack } from "../dist/ml/runtime/model-pack.js";
import { onnxSessionOptions } from "../dist/ml/runtime/onnx-session.js";
import { rounded } from "./support/measure.js";

const NUM_TOKENS = 77;
const NUM_STEPS = 12;
/** Steps that are run of a schedule of {@link NUM_STEPS}. */
const NUM_MEASURED = 3;

/**
 * Runs the benchmark.
 *
 * @param options.data The pack's folder. Default: `VITRINE_BENCH_SD15`.
 * @param options.threads Threads of ONNX Runtime. Default: all cores but one.
 */
export async function run({ data = process.env.VITRINE_BENCH_SD15, threads } = {}) {
  if (!data || !existsSync(join(data, "unet", "model.onnx"))) {
    throw new Error(
      `bench/sd15: expected a pack at '${data ?? ""}'. Make one with random weights: ` +
        "pip install -r pretrain/requirements.txt; python pretrain/sd15_random.py FOLDER; " +
        "npm run bench -- sd15 --data FOLDER",
    );
  }
  const numThreads = Number(threads ?? Math.max(1, availableParallelism() - 1));
  const pack = await openModelPack(data);
  const config = await loadPipelineConfig(pack);
  const unetConfig = JSON.parse(readFileSync(pack.path("unet/config.json"), "utf8"));
  const tokenWidth = unetConfig.cross_attention_dim;
  const before = process.memoryUsage.rss();
  const started = performance.now();
  const denoiser = await Denoiser.load(pack, config, { numThreads });
  const loadSeconds = (performance.now() - started) / 1_000;
  const afterLoad = process.memoryUsage.rss();
  const stepping = await stepsOf(denoiser, config, tokenWidth);
  const afterSteps = process.memoryUsage.rss();
  await denoiser.dispose();
  const direct = await directSeconds(
    pack.path("unet/model.onnx"),
    { ...config, tokenWidth },
    numThreads,
  );
  const seconds = Math.min(...stepping.seconds);
  const result = {
    files: sizesOf(join(data, "unet")),
    inputs: Object.entries(direct.types)
      .map(([name, type]) => `${name} ${type}`)
      .join(", "),
    latents: `1 x ${config.latentChannels} x ${config.latentHeight} x ${config.latentWidth}`,
    numThreads,
    loadSeconds: rounded(loadSeconds, 1),
    megabytesLoaded: megabytes(afterLoad - before),
    megabytesAfterSteps: megabytes(afterSteps - before),
    peakMegabytes: peakMegabytes(),
    secondsAStep: rounded(seconds, 2),
    secondsOfEachStep: stepping.seconds.map(value => rounded(value, 2)),
    directSecondsAStep: rounded(direct.seconds, 2),
    ratioToDirect: rounded(seconds / direct.seconds, 3),
    isFinite: stepping.isFinite,
    standardDeviationOfLatents: rounded(stepping.deviation, 3),
  };
  console.table(
    Object.fromEntries(Object.entries(result).map(([name, value]) => [name, String(value)])),
  );
  return result;
}

/** Steps of DPM-Solver++ from noise, without guidance: one evaluation each. */
async function stepsOf(denoiser, config, tokenWidth) {
  const random = new Random(7);
  const size = config.latentChannels * config.latentHeight * config.latentWidth;
  const scheduler = createScheduler("dpm++", config.schedule, NUM_STEPS, () =>
    random.normals(size),
  );
  const condition = {
    tokens: random.normals(NUM_TOKENS * tokenWidth),
    numTokens: NUM_TOKENS,
    dimension: tokenWidth,
  };
  let latents = random.normals(size);
  const seconds = [];
  for (let step = 0; step < NUM_MEASURED; step++) {
    const started = performance.now();
    const output = await denoiser.predict({
      latents,
      timestep: scheduler.timesteps[step],
      references: [null],
      conditional: [condition],
      unconditional: condition,
      guidanceScale: 1,
    });
    latents = scheduler.step(output, step, latents).latents;
    seconds.push((performance.now() - started) / 1_000);
  }
  const variance = latents.reduce((sum, x) => sum + x * x, 0) / size;
  return { seconds, isFinite: latents.every(Number.isFinite), deviation: Math.sqrt(variance) };
}

/** Seconds of one run of the same graph by ONNX Runtime alone, the better of two. */
async function directSeconds(
  path,
  { latentChannels, latentHeight, latentWidth, numExtraChannels, tokenWidth },
  numThreads,
) {
  const session = await InferenceSession.create(path, onnxSessionOptions({ numThreads }));
  const types = Object.fromEntries(session.inputMetadata.map(({ name, type }) => [name, type]));
  const tensor = (name, values, dims) => {
    switch (types[name]) {
      case "float16":
        return half(toFloat16(values), dims);
      case "int64":
        return new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
      default:
        return new Tensor("float32", Float32Array.from(values), dims);
    }
  };
  const channels = latentChannels + numExtraChannels;
  const random = new Random(7);
  const feeds = {
    sample: tensor("sample", random.normals(channels * latentHeight * latentWidth), [
      1,
      channels,
      latentHeight,
      latentWidth,
    ]),
    timestep: tensor("timestep", [999], [1]),
    encoder_hidden_states: tensor(
      "encoder_hidden_states",
      random.normals(NUM_TOKENS * tokenWidth),
      [1, NUM_TOKENS, tokenWidth],
    ),
  };
  let best = Infinity;
  for (let run = 0; run < 2; run++) {
    const started = performance.now();
    await session.run(feeds, ["out_sample"]);
    best = Math.min(best, (performance.now() - started) / 1_000);
  }
  await session.release();
  return { seconds: best, types };
}

/** A tensor of 16-bit words, also where Node has a Float16Array. */
function half(words, dims) {
  const tensor = new Tensor("float16", words, dims);
  if (tensor.data !== words) {
    Object.defineProperty(tensor, "data", { value: words });
  }
  return tensor;
}

function sizesOf(folder) {
  return readdirSync(folder)
    .map(file => `${file} ${megabytes(statSync(join(folder, file)).size)} MB`)
    .join(", ");
}

const megabytes = bytes => Math.round(bytes / 1e6);

/** Largest resident memory of this process so far (Linux); null elsewhere. */
function peakMegabytes() {
  const path = "/proc/self/status";
  const [, kilobytes] = existsSync(path)
    ? (/VmHWM:\s+(\d+)/.exec(readFileSync(path, "utf8")) ?? [])
    : [];
  return kilobytes === undefined ? null : Math.round((Number(kilobytes) * 1024) / 1e6);
}
