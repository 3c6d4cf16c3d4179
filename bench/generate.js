/**
 * @file The cost of a generated image: seconds, U-Net evaluations, time in the U-Net and the autoencoder, memory.
 *
 * Every arm runs in the same process, in turns (arm 1, arm 2, …, arm 1, …), so that load affects all equally.
 * Compares medians; ratios are more reliable than seconds. Skips thread counts beyond the machine's cores.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { DiffusionPipeline } from "../dist/ml/diffusion/pipeline.js";
import { RenderPool } from "../dist/ml/diffusion/render-pool.js";
import { openModelPack } from "../dist/ml/runtime/model-pack.js";

const NUM_ROUNDS = 5;
const REQUEST = {
  prompt: "a red cat, flat vector style",
  guidanceScale: 4,
  seed: 7,
  numImages: 1,
  numSamples: 1,
};

/** One row of the table: a sampler, its steps, images per request, samples per exemplar, threads. */
const ARMS = [
  { scheduler: "dpm++", numSteps: 2, guidanceScale: 1, numSamples: 2 }, // the defaults of models/mini
  { scheduler: "dpm++", numSteps: 2, guidanceScale: 1 },
  { scheduler: "ddim", numSteps: 24 },
  { scheduler: "ddim", numSteps: 12 },
  { scheduler: "dpm++", numSteps: 12 },
  { scheduler: "dpm++", numSteps: 12, guidanceScale: 1 },
  { scheduler: "dpm++", numSteps: 12, numImages: 4 },
];

/**
 * Runs the benchmark.
 *
 * @param options.json Print only JSON instead of a table.
 * @param options.packDir Default: the pack in `VITRINE_BENCH_PACK`, otherwise models/mini.
 */
export async function run({ json = false, packDir = defaultPackDir() } = {}) {
  if (!existsSync(packDir)) {
    throw new Error(`bench/generate: expected a model pack at ${packDir}`);
  }
  const pack = await openModelPack(packDir);
  const threadCounts = [1, 2].filter(numThreads => numThreads <= availableParallelism());
  const before = process.memoryUsage.rss();
  const pipelines = [];
  for (const numThreads of threadCounts) {
    const started = performance.now();
    const pipeline = await DiffusionPipeline.load(pack, { numThreads });
    await pipeline.generate({ ...REQUEST, numSteps: 1 });
    pipelines.push({ numThreads, pipeline, loadSeconds: (performance.now() - started) / 1000 });
  }
  const rows = pipelines.flatMap(({ numThreads, pipeline }) =>
    ARMS.map(arm => ({ ...REQUEST, ...arm, numThreads, pipeline, samples: [] })),
  );
  for (let round = 0; round < NUM_ROUNDS; round++) {
    for (const row of rows) {
      row.samples.push(await measure(row));
    }
  }
  const result = {
    bench: "generate",
    pack: `${pack.name} ${pack.version}`,
    pixels: `${pipelines[0].pipeline.config.widthPixels} x ${pipelines[0].pipeline.config.heightPixels}`,
    cores: availableParallelism(),
    node: process.version,
    numRounds: NUM_ROUNDS,
    loadSeconds: round(pipelines[0].loadSeconds),
    residentMegabytes: Math.round(
      (process.memoryUsage.rss() - before) / 2 ** 20 / pipelines.length,
    ),
    arms: rows.map(summary),
    pool: await poolRow(packDir),
  };
  await Promise.all(pipelines.map(({ pipeline }) => pipeline.dispose()));
  print(result, json);
  return result;
}

async function measure({ pipeline, numThreads: _, samples: __, ...request }) {
  const { autoencoderMs, denoiserMs, evaluations } = pipeline;
  const started = performance.now();
  await pipeline.generate(request);
  const elapsedMs = performance.now() - started;
  return {
    secondsAnImage: elapsedMs / 1000 / request.numImages,
    evaluationsAnImage: (pipeline.evaluations - evaluations) / request.numImages,
    denoiserShare: (pipeline.denoiserMs - denoiserMs) / elapsedMs,
    autoencoderShare: (pipeline.autoencoderMs - autoencoderMs) / elapsedMs,
  };
}

function summary({
  guidanceScale,
  numSamples,
  numImages,
  numSteps,
  numThreads,
  samples,
  scheduler,
}) {
  return {
    scheduler,
    numSteps,
    guidanceScale,
    numImages,
    numSamples,
    numThreads,
    secondsAnImage: round(median(samples.map(s => s.secondsAnImage))),
    slowestSecondsAnImage: round(Math.max(...samples.map(s => s.secondsAnImage))),
    evaluationsAnImage: samples[0].evaluationsAnImage,
    denoiserShare: round(median(samples.map(s => s.denoiserShare))),
    autoencoderShare: round(median(samples.map(s => s.autoencoderShare))),
  };
}

/** The pool with one render thread: the cost of a request, and the delay of the main thread's timers. */
async function poolRow(packDir) {
  const idle = await timersLate(() => sleep(2_000));
  const pool = await RenderPool.create({ packDir, onnxThreads: 1 });
  await pool.warmUp();
  const started = performance.now();
  const rendering = await timersLate(async () => {
    for (let i = 0; i < NUM_ROUNDS; i++) {
      await pool.generate({ ...REQUEST, numSteps: 12 });
    }
  });
  const seconds = (performance.now() - started) / 1000 / NUM_ROUNDS;
  await pool.close();
  return { secondsAnImage: round(seconds), eventLoopDelayMs: { idle, rendering } };
}

/** Delay of the event loop's timers during some work. */
async function timersLate(work) {
  const resolution = 5;
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  await work();
  delay.disable();
  // The histogram includes the timer's own interval.
  const late = percentile => round(Math.max(0, delay.percentile(percentile) / 1e6 - resolution));
  return { p50: late(50), p99: late(99) };
}

function print(result, json) {
  if (json) {
    console.log(JSON.stringify(result, null, 2));
    return;
  }
  const { arms, bench: _, pool, ...about } = result;
  console.log(
    Object.entries(about)
      .map(([name, value]) => `${name}: ${value}`)
      .join(" · "),
  );
  console.table(arms);
  const { idle, rendering } = pool.eventLoopDelayMs;
  console.log(
    `In a render thread: ${pool.secondsAnImage} s an image; the main event loop is delayed by ` +
      `${rendering.p50} ms (p50), ${rendering.p99} ms (p99); without rendering ${idle.p50} ms, ${idle.p99} ms`,
  );
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function round(value) {
  return Number(value.toFixed(3));
}

function defaultPackDir() {
  return process.env.VITRINE_BENCH_PACK ?? "models/mini";
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await run({ json: process.argv.includes("--json") });
}
