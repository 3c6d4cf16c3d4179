/**
 * Seconds per epoch of MICRO: on ml-latest-small if present (`--data FOLDER`), and on synthetic shops of
 * `--items 1000,2000,…` by the items that the contrastive term compares, with the exponent of its growth. Each figure has the
 * rate of a plain matrix product at the same time, to compare figures of busy machines, and CPU time.
 *
 * Synthetic: items in 30 clusters, two modalities of 256, 500 users with 20 choices each; 10 batches of 1,024 an epoch.
 * On ml-latest-small also with the visual head and the item-item part, each with the ratio of its CPU time to that without them.
 * `--threads N` of ONNX Runtime (default: all cores). Needs `npm run build`.
 */
import { availableParallelism } from "node:os";
import { Micro } from "../dist/ml/ranking/micro.js";
import { createOnnxKernels } from "../dist/ml/ranking/onnx-kernels.js";
import { clusteredShop } from "./support/clustered-items.js";
import { cpuMs, growthExponent, matMulRate, rounded } from "./support/measure.js";
import { DEFAULT_DATA, readMlLatest } from "./support/ml-latest.js";

const anchors = { kind: "anchors", count: 1024 };

/** `upTo`: beyond it an epoch takes minutes, so it is reported as skipped. */
const modes = [
  { name: "full, rebuilt", contrast: { kind: "full" }, graphs: "rebuilt", upTo: 10_000 },
  { name: "anchors(1024), rebuilt", contrast: anchors, graphs: "rebuilt", upTo: Infinity },
  { name: "anchors(1024), frozen", contrast: anchors, graphs: "frozen", upTo: Infinity },
  { name: "inBatch, frozen", contrast: { kind: "inBatch" }, graphs: "frozen", upTo: Infinity },
];

/** Beside the paper's form, on ml-latest-small; CPU times are compared with this one. */
const visualHead = { size: 16, weight: 0.3, l2: 1e-3 };
const itemItem = { lambda: 200, sideWeight: 100, weight: 1 };
const REFERENCE = "anchors(1024), frozen";
const extras = [
  { name: `${REFERENCE}, visual head`, visualHead },
  { name: `${REFERENCE}, item-item`, itemItem },
  { name: `${REFERENCE}, visual head, item-item`, visualHead, itemItem },
].map(extra => ({ contrast: anchors, graphs: "frozen", ...extra }));

/** Floating-point operations of the contrastive term in one epoch: three products of anchors and keys a modality. */
function contrastGflop({ kind, count }, numItems, numBatches) {
  const compared = kind === "full" ? numItems : Math.min(count ?? 0, numItems);
  return (2 * 3 * 2 * compared * 2 * numItems * 64 * numBatches) / 1e9;
}

async function measure(
  data,
  { contrast, graphs, visualHead = null, itemItem = null },
  { epochs, numThreads, kernels },
) {
  const rate = await matMulRate(kernels);
  const changes = { contrast, graphs, visualHead, itemItem };
  const model = new Micro({ numEpochs: epochs, validateEvery: epochs + 1, ...changes }, () =>
    createOnnxKernels({ numThreads }),
  );
  let before = process.cpuUsage();
  let best = { wall: Infinity, cpu: Infinity };
  await model.fit(data, {
    onEpoch: ({ durationMs }) => {
      const cpu = cpuMs(before);
      before = process.cpuUsage();
      best = { wall: Math.min(best.wall, durationMs), cpu: Math.min(best.cpu, cpu) };
    },
  });
  model.dispose();
  const n = data.train.reduce((sum, items) => sum + items.length, 0);
  const gflop = contrastGflop(contrast, data.numItems, Math.floor(n / model.config.batchSize) + 1);
  const matMul = Math.max(rate, await matMulRate(kernels));
  return {
    secondsPerEpoch: rounded(best.wall / 1e3),
    cpuSeconds: rounded(best.cpu / 1e3),
    matMulGflops: rounded(matMul, 1),
    // The contrastive term alone at that rate: a lower bound of an epoch.
    floorSeconds: gflop > 0 ? rounded(gflop / matMul) : null,
    // The contrastive term over the whole epoch's time: a lower bound of the kernels' rate.
    contrastGflops: gflop > 0 ? rounded((gflop * 1e3) / best.wall, 1) : null,
    ofMatMul: gflop > 0 ? rounded((gflop * 1e3) / best.wall / matMul, 2) : null,
  };
}

export async function run({
  items = "1000,2000,5000,10000,20000,50000",
  epochs = "2",
  data = DEFAULT_DATA,
  threads = String(availableParallelism()),
}) {
  const numThreads = Number(threads);
  const kernels = await createOnnxKernels({ numThreads });
  const options = { epochs: Number(epochs), numThreads, kernels };
  const real = await readMlLatest(data);
  const mlLatest = [];
  if (real) {
    for (const mode of [...modes, ...extras]) {
      mlLatest.push({ mode: mode.name, ...(await measure(real, mode, { ...options, epochs: 8 })) });
    }
    const reference = mlLatest.find(({ mode }) => mode === REFERENCE);
    for (const figures of mlLatest) {
      figures.cpuRatio = rounded(figures.cpuSeconds / reference.cpuSeconds, 2);
    }
    console.log(`ml-latest-small: ${real.numUsers} users, ${real.numItems} items`);
    console.table(mlLatest);
  } else {
    console.log(`ml-latest-small is not at ${data}: skipped`);
  }
  const rows = [];
  for (const numItems of String(items).split(",").map(Number)) {
    const shop = clusteredShop(numItems);
    for (const mode of modes) {
      const figures = numItems > mode.upTo ? null : await measure(shop, mode, options);
      rows.push({ numItems, mode: mode.name, ...(figures ?? { secondsPerEpoch: "skipped" }) });
    }
  }
  console.table(rows);
  const exponents = modes.map(({ name }) => {
    const points = rows.filter(row => row.mode === name && row.secondsPerEpoch !== "skipped");
    const of = (field, from) => {
      const chosen = points.filter(({ numItems }) => numItems >= from);
      return chosen.length > 1
        ? rounded(growthExponent(chosen.map(row => [row.numItems, row[field]])), 2)
        : null;
    };
    return {
      mode: name,
      exponent: of("secondsPerEpoch", 0),
      exponentFrom5000: of("secondsPerEpoch", 5000),
      exponentOfCpuFrom5000: of("cpuSeconds", 5000),
    };
  });
  console.table(exponents);
  await kernels.dispose();
  return { numThreads, mlLatest, rows, exponents };
}
