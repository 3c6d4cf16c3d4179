/**
 * Milliseconds to score candidate images: one item's feature replaced, its score and its rank among all items, for each of
 * `--candidates 3` images in a catalogue of `--items 10000`; and its agreement with a full rebuild (Spearman's ρ).
 * On ml-latest-small, trained for `--epochs 10`, if present (`--data FOLDER`). Needs `npm run build`.
 */
import { Random } from "../dist/ml/nn/random.js";
import { row } from "../dist/ml/nn/matrix.js";
import { Micro } from "../dist/ml/ranking/micro.js";
import { clusteredShop } from "./support/clustered-items.js";
import { rounded } from "./support/measure.js";
import { DEFAULT_DATA, readMlLatest } from "./support/ml-latest.js";

const RUNS = 40;
const PAIRS = 40;

/** Another item's feature blended with the item's own: like a personalized image. */
function blended(features, item, random) {
  const other = row(features, random.int(features.shape[0]));
  const share = random.uniform();
  return row(features, item).map((value, f) => (1 - share) * value + share * other[f]);
}

/** Median milliseconds of scores and ranks of `count` pictures. */
function timed(model, features, count) {
  const random = new Random(3);
  const durations = [];
  for (let run = 0; run < RUNS; run++) {
    const itemIndex = random.int(model.numItems);
    const userIndex = random.int(model.numUsers);
    const candidates = Array.from({ length: count }, () => blended(features, itemIndex, random));
    const startMs = performance.now();
    const scores = model.whatIf({ userIndex }, { itemIndex, modality: "visual" }, candidates);
    const others = model.score(userIndex);
    scores.map(score => others.reduce((above, other) => above + (other > score ? 1 : 0), 1));
    durations.push(performance.now() - startMs);
  }
  durations.sort((a, b) => a - b);
  return {
    medianMs: rounded(durations[RUNS / 2], 2),
    p95Ms: rounded(durations[Math.floor(RUNS * 0.95)], 2),
    bestMs: rounded(durations[0], 2),
  };
}

/** Spearman's ρ of row against exact, over random users, items and pictures: of the scores, and of their changes. */
async function agreement(model, features) {
  const random = new Random(4);
  const [fast, exact, fastChange, exactChange] = [[], [], [], []];
  for (let pair = 0; pair < PAIRS; pair++) {
    const itemIndex = random.int(model.numItems);
    const userIndex = random.int(model.numUsers);
    const candidate = blended(features, itemIndex, random);
    const target = { itemIndex, modality: "visual" };
    const before = model.score(userIndex)[itemIndex];
    fast.push(model.whatIf({ userIndex }, target, [candidate])[0]);
    exact.push((await model.exactWhatIf({ userIndex }, { ...target, candidate }))[itemIndex]);
    fastChange.push(fast.at(-1) - before);
    exactChange.push(exact.at(-1) - before);
  }
  return {
    ofScores: rounded(spearman(fast, exact), 4),
    ofChanges: rounded(spearman(fastChange, exactChange), 4),
  };
}

function spearman(a, b) {
  const ranks = values => values.map(x => values.filter(y => y < x).length);
  const [first, second] = [ranks(a), ranks(b)];
  const squares = first.reduce((sum, rank, i) => sum + (rank - second[i]) ** 2, 0);
  return 1 - (6 * squares) / (a.length * (a.length ** 2 - 1));
}

async function fitted(data, numEpochs) {
  const model = new Micro({ numEpochs, validateEvery: numEpochs + 1 });
  await model.fit(data);
  return model;
}

export async function run({
  items = "10000",
  candidates = "3",
  epochs = "10",
  data = DEFAULT_DATA,
}) {
  const rows = [];
  const count = Number(candidates);
  for (const length of [512, 1280]) {
    const shop = clusteredShop(Number(items), { length });
    const model = await fitted(shop, 1);
    const { features } = shop.modalities[0];
    rows.push({
      catalogue: `${items} synthetic`,
      length,
      images: count,
      ...timed(model, features, count),
    });
    if (length === 512) {
      rows.push({
        catalogue: `${items} synthetic`,
        length,
        images: 32,
        ...timed(model, features, 32),
      });
    }
    model.dispose();
  }
  const real = await readMlLatest(data);
  let agrees = null;
  if (real) {
    const model = await fitted(real, Number(epochs));
    const { features } = real.modalities[0];
    rows.push({
      catalogue: "ml-latest-small",
      length: 1280,
      images: count,
      ...timed(model, features, count),
    });
    agrees = await agreement(model, features);
    model.dispose();
  }
  console.table(rows);
  console.log(`Spearman's ρ of row against exact, ml-latest-small, ${epochs} epochs:`, agrees);
  return { rows, spearman: agrees, epochs: Number(epochs) };
}
