/**
 * EASE: the blocked inverse against plain loops (Cholesky), a whole fit, and an epoch of MICRO in the same run, with CPU time
 * and the memory of the process at its highest.
 *
 * `--items` is a list of `official`, ml-latest-small as the official MICRO saw it (`--data FOLDER`); `all`, every rated film of
 * its `ratings.csv`, a rating being a choice; and sizes of synthetic shops. Default: `official,1000`. The inverse alone is
 * timed up to 5,000 items, loops up to 2,000: their time grows with the cube. `--threads N` of ONNX Runtime (default: all
 * cores). Needs `npm run build`.
 */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createDoubleProducts } from "../dist/ml/ranking/double-products.js";
import { Ease } from "../dist/ml/ranking/ease.js";
import { Micro } from "../dist/ml/ranking/micro.js";
import { choleskyInverse, inverseOf } from "../dist/ml/ranking/positive-definite.js";
import { clusteredShop } from "./support/clustered-items.js";
import { cpuMs, rounded } from "./support/measure.js";
import { DEFAULT_DATA, readMlLatest } from "./support/ml-latest.js";

const LAMBDA = 200;
const MAX_LOOP_ITEMS = 2_000;
const MAX_INVERSE_ITEMS = 5_000;

async function timed(run) {
  const before = process.cpuUsage();
  const startMs = performance.now();
  await run();
  return { wall: (performance.now() - startMs) / 1e3, cpu: cpuMs(before) / 1e3 };
}

/** `XᵀX + λI`. */
function gram({ train, numItems }) {
  const values = new Float64Array(numItems ** 2);
  for (const items of train) {
    for (const a of items) {
      for (const b of items) {
        values[a * numItems + b]++;
      }
    }
  }
  for (let i = 0; i < numItems; i++) {
    values[i * (numItems + 1)] += LAMBDA;
  }
  return values;
}

async function measure(name, data, numThreads) {
  const { numItems } = data;
  const values = numItems <= MAX_INVERSE_ITEMS ? gram(data) : null;
  const products = await createDoubleProducts({ numThreads });
  const blocked =
    values && (await timed(() => inverseOf({ shape: [numItems, numItems], values }, { products })));
  await products.dispose();
  const loops =
    numItems <= MAX_LOOP_ITEMS ? await timed(() => choleskyInverse(values, numItems)) : null;
  const fit = await timed(() => new Ease({ lambda: LAMBDA }).fit(data));
  const peakMib = process.resourceUsage().maxRSS / 1024; // before MICRO
  const epoch = data.modalities
    ? await timed(() => new Micro({ numEpochs: 1, validateEvery: 2 }).fit(data))
    : null;
  return {
    shop: name,
    users: data.numUsers,
    items: numItems,
    blockedSeconds: blocked && rounded(blocked.wall),
    blockedCpuSeconds: blocked && rounded(blocked.cpu),
    loopSeconds: loops && rounded(loops.wall),
    timesFaster: loops && rounded(loops.cpu / blocked.cpu, 1),
    fitSeconds: rounded(fit.wall),
    fitCpuSeconds: rounded(fit.cpu),
    microEpochSeconds: epoch && rounded(epoch.wall),
    ofMicroEpoch: epoch && rounded(fit.cpu / epoch.cpu, 2),
    peakMib: Math.round(peakMib),
  };
}

/** Every rated film, without features; null where the folder is absent. */
function allFilms(folder) {
  const path = join(folder, "ratings.csv");
  if (!existsSync(path)) {
    return null;
  }
  const rows = readFileSync(path, "utf8").trim().split("\n").slice(1);
  const pairs = rows.map(line => line.split(",").slice(0, 2));
  const indexOf = new Map([...new Set(pairs.map(([, item]) => item))].map((id, i) => [id, i]));
  const users = new Map();
  for (const [user, item] of pairs) {
    users.set(user, [...(users.get(user) ?? []), indexOf.get(item)]);
  }
  const train = [...users.values()].map(items => Int32Array.from(items).sort());
  return { numUsers: users.size, numItems: indexOf.size, train };
}

export async function run({
  items = "official,1000",
  data = DEFAULT_DATA,
  threads = String(availableParallelism()),
}) {
  const rows = [];
  for (const name of items.split(",")) {
    const shop = await shopOf(name, data);
    if (shop) {
      rows.push(await measure(name, shop, Number(threads)));
    } else {
      console.log(`ml-latest-small is not at ${data}: '${name}' is skipped`);
    }
  }
  console.table(rows);
  return { numThreads: Number(threads), shops: rows };
}

async function shopOf(name, folder) {
  switch (name) {
    case "official":
      return readMlLatest(folder);
    case "all":
      return allFilms(folder);
    default:
      return clusteredShop(Number(name));
  }
}
