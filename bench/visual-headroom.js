/**
 * How much a ranking model can gain from what an image shows, at most.
 *
 *     npm run bench -- visual-headroom [--data FOLDER] [--keep FOLDER] [--json results/visual-headroom.json]
 *
 * Two shops: ml-latest-small (official split; the attribute is the film's genres) and the stickers with captions that name only the
 * object (300 concepts, 2,000 simulated users; style, colours and kind). In each:
 *
 * 1. MICRO with EASE, trained with no images, with the images, and with the true attributes in place of the images;
 * 2. the first of these with images, re-ranked by the true attributes: `m / σ(m) + w z(a)`, `a_ui = Σ_k A_ik log(p(k | u) / p(k))`,
 *    p(k | u) from the train items of u with one pseudo-count for each attribute, w chosen on validation.
 *
 * NDCG@10 on test, means of two seeds; paired bootstrap over users. `--keep` keeps finished trainings. Needs `npm run build`.
 */
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mean } from "../dist/ml/metrics/bootstrap.js";
import { pairedBootstrap } from "../dist/ml/metrics/paired-tests.js";
import { matrix } from "../dist/ml/nn/matrix.js";
import { Random } from "../dist/ml/nn/random.js";
import { readPreparedData } from "../dist/recsys/datasets/prepared-data.js";
import { evaluateRanker } from "../dist/recsys/evaluation/evaluate-ranker.js";
import { csvRows } from "../dist/recsys/import/csv-rows.js";
import { fitRanker } from "../dist/recsys/lab/rankers/fit-and-evaluate.js";
import { rankerConfig } from "../dist/recsys/ranking/ranker-config.js";
import { keptIn } from "./support/kept.js";
import { DEFAULT_DATA } from "./support/ml-latest.js";
import { stickerShop } from "./support/sticker-shop.js";

const SEEDS = [1, 2];
const WEIGHTS = [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1];
const require = createRequire(import.meta.url);
const micro = require("../experiments/rankers/micro-ease.json");

export async function run({ data = DEFAULT_DATA, keep }) {
  const kept = keptIn(keep);
  const shops = { "ml-latest-small": () => films(data), stickers: () => stickers(kept) };
  const result = {};
  for (const [name, read] of Object.entries(shops)) {
    result[name] = await headroomOf(name, await read(), kept);
  }
  return { numSeeds: SEEDS.length, shops: result };
}

async function headroomOf(name, { attributes, config, images, split, texts }, kept) {
  const [numUsers, numItems] = [split.train.length, images.shape[0]];
  const all = hstack(Object.values(attributes));
  const visual = { none: null, images, attributes: all };
  const scores = {};
  for (const [what, features] of Object.entries(visual)) {
    scores[what] = [];
    for (const seed of SEEDS) {
      const rows = await kept(`${name} ${what} ${seed}`, async () => {
        const modalities = [
          ...(features ? [{ name: "visual", features }] : []),
          { name: "textual", features: texts },
        ];
        const { train, validation } = split;
        const view = { numUsers, numItems, modalities, split: { train, validation } };
        const { model } = await fitRanker(rankerConfig(config), seed, view);
        const values = Array.from({ length: numUsers }, (_, user) =>
          Buffer.from(model.score(user).slice().buffer).toString("base64"),
        );
        model.dispose();
        return values;
      });
      scores[what].push(
        rows.map(text => new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer)),
      );
      console.error(`${name}, ${what}, seed ${seed}`);
    }
  }
  const measured = async (part, tables) => {
    const masks = part === "test" ? [split.train, split.validation] : [split.train];
    const runs = [];
    for (const table of tables) {
      const { byUser } = await evaluateRanker({ score: user => table[user] }, split[part], masks, {
        cutoffs: [10],
      });
      runs.push(byUser.map(own => own["ndcg@10"]));
    }
    return runs[0].map((_, user) => mean(runs.map(own => own[user])));
  };
  const trained = {};
  for (const what of Object.keys(visual)) {
    trained[what] = await measured("test", scores[what]);
  }
  const reranked = {};
  for (const [attribute, table] of Object.entries({ ...attributes, all })) {
    const signal = logOdds(table, split.train);
    const added = w =>
      scores.images.map(own => own.map((row, user) => blended(row, signal[user], w)));
    let best = { w: 0, value: -Infinity };
    for (const w of WEIGHTS) {
      const value = mean(await measured("validation", added(w)));
      best = value > best.value ? { w, value } : best;
    }
    const byUser = await measured("test", added(best.w));
    reranked[attribute] = { weight: best.w, ...compared(byUser, trained.images) };
  }
  const result = {
    numUsers,
    numItems,
    ndcgAt10: Object.fromEntries(Object.entries(trained).map(([k, own]) => [k, mean(own)])),
    imagesMinusNone: compared(trained.images, trained.none),
    attributesMinusNone: compared(trained.attributes, trained.none),
    attributesMinusImages: compared(trained.attributes, trained.images),
    rerankedByAttributes: reranked,
  };
  console.error(JSON.stringify({ [name]: result }, null, 1));
  return result;
}

function compared(a, b) {
  const { difference, interval, pValue } = pairedBootstrap(a, b, new Random(1));
  return { ndcgAt10: mean(a), difference, interval, pValue, share: difference / mean(b) };
}

function blended(row, signal, weight) {
  const [a, b] = [standardized(row), standardized(signal)];
  return a.map((value, n) => value + weight * b[n]);
}

function standardized(values) {
  const center = mean([...values]);
  const deviation = Math.sqrt(mean([...values].map(x => (x - center) ** 2))) || 1;
  return values.map(x => (x - center) / deviation);
}

/** By user, of every item. */
function logOdds({ shape: [N, K], values }, train) {
  const shares = Array.from({ length: K }, (_, k) =>
    Array.from({ length: N }, (__, n) => values[n * K + k]).reduce((sum, x) => sum + x, 0),
  );
  const total = shares.reduce((sum, x) => sum + x, 0);
  const prior = shares.map(x => x / total);
  return train.map(items => {
    const counts = prior.map(x => K * x);
    items.forEach(item => counts.forEach((_, k) => (counts[k] += values[item * K + k])));
    const sum = counts.reduce((s, x) => s + x, 0);
    const odds = counts.map((x, k) => (prior[k] > 0 ? Math.log(x / sum / prior[k]) : 0));
    return Float32Array.from({ length: N }, (_, n) =>
      odds.reduce((s, x, k) => s + x * values[n * K + k], 0),
    );
  });
}

/** 1 for an item's first value, 0.5 for the others, or 1 for all. */
function oneHot(lists, { others = 1 } = {}) {
  const names = [...new Set(lists.flat())].sort();
  const table = matrix([lists.length, names.length]);
  lists.forEach((list, n) =>
    list.forEach((name, place) => {
      table.values[n * names.length + names.indexOf(name)] = place === 0 ? 1 : others;
    }),
  );
  return table;
}

function hstack(tables) {
  const N = tables[0].shape[0];
  const K = tables.reduce((sum, { shape }) => sum + shape[1], 0);
  const all = matrix([N, K]);
  let at = 0;
  for (const { shape, values } of tables) {
    for (let n = 0; n < N; n++) {
      all.values.set(values.subarray(n * shape[1], (n + 1) * shape[1]), n * K + at);
    }
    at += shape[1];
  }
  return all;
}

async function films(folder) {
  const { modalities, split } = await readPreparedData(folder);
  const ids = JSON.parse(readFileSync(join(folder, "split", "item_movie_ids.json"), "utf8"));
  const genresOf = new Map();
  for await (const { value } of csvRows(join(folder, "movies.csv"), "movies.csv", {
    required: ["movieId", "genres"],
  })) {
    genresOf.set(value.movieId, value.genres.split("|"));
  }
  return {
    attributes: { genres: oneHot(ids.map(id => genresOf.get(String(id)) ?? [])) },
    config: { ...micro, model: { ...micro.model, numEpochs: 40, patience: 2 } },
    images: modalities.find(({ name }) => name === "visual").features,
    texts: modalities.find(({ name }) => name === "textual").features,
    split: await split("official", 0),
  };
}

async function stickers(kept) {
  const { images, seen, split, texts } = await stickerShop(kept, 2_000);
  return {
    attributes: {
      style: oneHot(seen.map(({ style }) => [style])),
      colors: oneHot(
        seen.map(({ colors }) => colors),
        { others: 0.5 },
      ),
      kind: oneHot(seen.map(({ group }) => [group])),
    },
    config: {
      preset: "quick",
      model: { numEpochs: 40, patience: 3, itemItem: { lambda: 200, sideWeight: 0, weight: 0.5 } },
    },
    images,
    texts,
    split,
  };
}
