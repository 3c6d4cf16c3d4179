/**
 * Seconds an epoch of MICRO takes, by what its contrastive term compares and by the number of items; against a plain matrix
 * product in the same run, so that figures of busy machines can be compared.
 *
 * Synthetic items in 30 clusters with two modalities of 256, 500 users with 20 choices each; 10 batches of 1,024 an epoch.
 * Needs `npm run build`.
 */
import { Random } from "../dist/ml/nn/random.js";
import { matrix, row } from "../dist/ml/nn/shape.js";
import { Micro } from "../dist/ml/ranking/micro.js";
import { createOnnxKernels } from "../dist/ml/ranking/onnx-kernels.js";

const NUM_USERS = 500;
const CHOICES = 20;
const FEATURE_LENGTH = 256;
const NUM_CLUSTERS = 30;
const MATMUL_SIZE = 1024;

const modes = [
  { kind: "full" },
  { kind: "anchors", count: 1024 },
  { kind: "anchors", count: 256 },
  { kind: "inBatch" },
];

/** @param {number} numItems */
function clusteredData(numItems) {
  const random = new Random(1);
  const features = () => {
    const centres = Array.from({ length: NUM_CLUSTERS }, () => random.normals(FEATURE_LENGTH));
    const result = matrix([numItems, FEATURE_LENGTH], random.normals(numItems * FEATURE_LENGTH));
    for (let item = 0; item < numItems; item++) {
      const feature = row(result, item);
      centres[item % NUM_CLUSTERS].forEach((value, f) => (feature[f] += value));
    }
    return result;
  };
  const choicesOf = user => {
    const items = new Set();
    while (items.size < CHOICES) {
      const cluster = (user + random.int(3)) % NUM_CLUSTERS;
      items.add(cluster + NUM_CLUSTERS * random.int(Math.floor(numItems / NUM_CLUSTERS)));
    }
    return Int32Array.from(items).sort();
  };
  return {
    numUsers: NUM_USERS,
    numItems,
    train: Array.from({ length: NUM_USERS }, (_, user) => choicesOf(user)),
    modalities: ["visual", "textual"].map(name => ({ name, features: features() })),
  };
}

/** GFLOP/s of a plain matrix product, the best of three. */
async function matMulRate() {
  const kernels = await createOnnxKernels();
  const a = matrix([MATMUL_SIZE, MATMUL_SIZE], new Random(2).normals(MATMUL_SIZE ** 2));
  let bestMs = Infinity;
  for (let run = 0; run < 3; run++) {
    const startMs = performance.now();
    await kernels.matMul(a, a);
    bestMs = Math.min(bestMs, performance.now() - startMs);
  }
  await kernels.dispose();
  return (2 * MATMUL_SIZE ** 3) / bestMs / 1e6;
}

/** Floating-point operations of the contrastive term in one epoch: three products of anchors and keys a modality. */
function contrastGflop(contrast, numItems, embeddingSize, numBatches) {
  const anchors =
    contrast.kind === "full" ? numItems : Math.min(contrast.count ?? numItems, numItems);
  return (2 * 3 * 2 * anchors * 2 * numItems * embeddingSize * numBatches) / 1e9;
}

export async function run({ items = "1000,2000,5000", epochs = 2 } = {}) {
  const gflopsOfMatMul = await matMulRate();
  console.log(`plain product of ${MATMUL_SIZE}: ${gflopsOfMatMul.toFixed(1)} GFLOP/s`);
  const rows = [];
  for (const numItems of String(items).split(",").map(Number)) {
    const data = clusteredData(numItems);
    for (const contrast of modes) {
      const model = new Micro({
        numEpochs: Number(epochs),
        validateEvery: Number(epochs),
        contrast,
      });
      const durationsMs = [];
      await model.fit(data, { onEpoch: ({ durationMs }) => durationsMs.push(durationMs) });
      model.dispose();
      const seconds = Math.min(...durationsMs) / 1e3;
      const numBatches = Math.floor((NUM_USERS * CHOICES) / model.config.batchSize) + 1;
      const gflop = contrastGflop(contrast, numItems, model.config.embeddingSize, numBatches);
      rows.push({
        numItems,
        contrast: contrast.kind === "anchors" ? `anchors(${contrast.count})` : contrast.kind,
        secondsPerEpoch: Number(seconds.toFixed(3)),
        // Of the contrastive term alone, over the whole epoch's time: a lower bound of what the kernels reach.
        contrastGflops: contrast.kind === "inBatch" ? null : Number((gflop / seconds).toFixed(1)),
      });
    }
  }
  for (const line of rows) {
    const full = rows.find(other => other.numItems === line.numItems && other.contrast === "full");
    line.ratioToFull = Number((line.secondsPerEpoch / full.secondsPerEpoch).toFixed(2));
  }
  console.table(rows);
  return { gflopsOfMatMul: Number(gflopsOfMatMul.toFixed(1)), rows };
}
