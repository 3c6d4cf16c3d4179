/**
 * Training at the size of a large shop: how long the item graphs and one epoch of MICRO take and how much memory.
 *
 *     npm run bench -- scale --data ../shared/data/scale/amazon-beauty     interactions of a real shop (`user item 1` lines)
 *     npm run bench -- scale --items 100000,300000,1000000                 synthetic, one process for each size
 *
 * Features are synthetic: two modalities of `--length` (64; 32 for synthetic shops) in clusters. Graphs are frozen, the
 * contrast is `--anchors` (256; 0: within the batch) random items. Needs `npm run build`.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../dist/ml/nn/random.js";
import { normalizedRows, rowRange } from "../dist/ml/nn/matrix.js";
import { Micro } from "../dist/ml/ranking/micro.js";
import { itemGraph } from "../dist/ml/ranking/item-graph.js";
import { createOnnxKernels } from "../dist/ml/ranking/onnx-kernels.js";
import { clusteredFeatures, clusteredShop } from "./support/clustered-items.js";
import { cpuMs, growthExponent, matMulRate, rounded } from "./support/measure.js";

const MIB = 2 ** 20;
const RECALL_QUERIES = 500;

/** Interactions of a folder, with synthetic features: items often chosen by the same users are not in one cluster. */
function readShop(folder, length) {
  const itemsOfUser = new Map();
  let numItems = 0;
  for (const part of ["train", "valid", "test"]) {
    for (const line of readFileSync(join(folder, `${part}.txt`), "utf8").split("\n")) {
      const [user, item] = line.split(" ").map(Number);
      if (line !== "") {
        numItems = Math.max(numItems, item + 1);
        itemsOfUser.set(user, (itemsOfUser.get(user) ?? new Set()).add(item));
      }
    }
  }
  const users = [...itemsOfUser.keys()].sort((a, b) => a - b);
  const numClusters = 1000;
  const random = new Random(7);
  const clusters = Int32Array.from({ length: numItems }, () => random.int(numClusters));
  const features = seed =>
    clusteredFeatures(numItems, { numClusters, length, seed, clusterOf: item => clusters[item] });
  return {
    numUsers: users.length,
    numItems,
    train: users.map(user => Int32Array.from(itemsOfUser.get(user)).sort()),
    modalities: [
      { name: "visual", features: features(1) },
      { name: "textual", features: features(2) },
    ],
  };
}

/** Fraction of the exact nearest that the graph has, over some items. */
async function recallOf({ similarities: { rowStarts, columns } }, features, kernels) {
  const directions = normalizedRows(features);
  const [N] = features.shape;
  const random = new Random(9);
  let hits = 0;
  let total = 0;
  for (let query = 0; query < RECALL_QUERIES; query++) {
    const item = random.int(N);
    const own = rowRange(directions, item, item + 1);
    const { indices } = await kernels.nearest(own, directions, 10);
    const found = new Set(columns.subarray(rowStarts[item], rowStarts[item + 1]));
    indices.forEach(index => (hits += found.has(index) ? 1 : 0));
    total += indices.length;
  }
  return hits / total;
}

async function trainOnce(shop, { batchSize, anchors, threads }) {
  const numThreads = threads ? Number(threads) : undefined;
  const kernels = await createOnnxKernels({ numThreads });
  const matMul = await matMulRate(kernels);
  const { features } = shop.modalities[0];
  let startMs = performance.now();
  let before = process.cpuUsage();
  const graph = await itemGraph(features, { numNeighbours: 10 }, kernels);
  const graphSeconds = (performance.now() - startMs) / 1e3;
  const graphCpuSeconds = cpuMs(before) / 1e3;
  const recall = await recallOf(graph, features, kernels);
  await kernels.dispose();
  const contrast =
    Number(anchors) === 0 ? { kind: "inBatch" } : { kind: "anchors", count: Number(anchors) };
  const config = { numEpochs: 1, validateEvery: 2, graphs: "frozen", contrast, batchSize };
  const model = new Micro(config, () => createOnnxKernels({ numThreads }));
  startMs = performance.now();
  before = process.cpuUsage();
  let report = null;
  await model.fit(shop, { onEpoch: epoch => (report = epoch) });
  const fitSeconds = (performance.now() - startMs) / 1e3;
  const fitCpuSeconds = cpuMs(before) / 1e3;
  model.dispose();
  const numInteractions = shop.train.reduce((sum, items) => sum + items.length, 0);
  const peak = process.resourceUsage().maxRSS * 1024;
  return {
    users: shop.numUsers,
    items: shop.numItems,
    interactions: numInteractions,
    batchSize,
    contrast: contrast.kind === "inBatch" ? "inBatch" : `anchors(${contrast.count})`,
    graphSeconds: rounded(graphSeconds, 1),
    graphCpuSeconds: rounded(graphCpuSeconds, 1),
    graphRecall: rounded(recall, 3),
    epochSeconds: rounded(report.durationMs / 1e3, 1),
    fitSeconds: rounded(fitSeconds, 1),
    fitCpuSeconds: rounded(fitCpuSeconds, 1),
    loss: rounded(report.losses.total, 4),
    peakMiB: Math.round(peak / MIB),
    bytesPerItem: Math.round(peak / shop.numItems),
    matMulGflops: rounded(matMul, 1),
  };
}

/** Each size in a separate process: a peak of memory cannot be reset. */
function inItsOwnProcess(options) {
  const script = `import(${JSON.stringify(import.meta.url)}).then(async ({ runOne }) =>
    console.log(JSON.stringify(await runOne(${JSON.stringify(options)}))))`;
  const text = execFileSync(process.execPath, ["--max-old-space-size=8192", "-e", script], {
    encoding: "utf8",
    maxBuffer: 64 * MIB,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(text.trim().split("\n").at(-1));
}

export async function runOne(options) {
  const { folder, numItems, length, anchors, threads } = options;
  if (folder) {
    return trainOnce(readShop(folder, length), { batchSize: 8192, anchors, threads });
  }
  const numUsers = Math.round(numItems / 10);
  const shop = clusteredShop(numItems, {
    numUsers,
    choices: 20,
    length,
    numClusters: Math.max(30, Math.round(numItems / 100)),
  });
  const batchSize = Math.max(8192, Math.ceil((numUsers * 20) / 8)); // at most 9 batches
  return trainOnce(shop, { batchSize, anchors, threads });
}

export async function run({ data, items, length, anchors = "256", threads }) {
  if (!data && !items) {
    throw new Error("scale: needs --data FOLDER or --items N,N,…");
  }
  const rows = [];
  if (data) {
    rows.push(inItsOwnProcess({ folder: data, length: Number(length ?? 64), anchors, threads }));
    console.table(rows);
  }
  for (const numItems of items ? String(items).split(",").map(Number) : []) {
    rows.push(inItsOwnProcess({ numItems, length: Number(length ?? 32), anchors, threads }));
    console.table(rows.slice(-1));
  }
  const synthetic = rows.slice(data ? 1 : 0);
  const exponents =
    synthetic.length > 1
      ? {
          memory: rounded(growthExponent(synthetic.map(r => [r.items, r.peakMiB])), 2),
          fitCpu: rounded(growthExponent(synthetic.map(r => [r.items, r.fitCpuSeconds])), 2),
        }
      : null;
  console.log("growth exponents:", exponents);
  return { rows, exponents };
}
