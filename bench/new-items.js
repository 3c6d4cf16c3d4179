/**
 * Whether items that were not in training are found: MICRO with EASE, with and without the mean EASE part of the most like items.
 *
 *     npm run bench -- new-items [--data FOLDER] [--keep FOLDER] [--json FILE]
 *
 * 15 % of the items, chosen at random, are left out of the training, and compete with the others on validation: on
 * ml-latest-small (official split) and on the stickers with captions that name only the object (400 and 2,000 simulated users).
 * NDCG@10 over all items, and Recall@20 of the left out and of the other items by the users who chose some. One seed. Needs
 * `npm run build`.
 */
import { createRequire } from "node:module";
import { mean } from "../dist/ml/metrics/bootstrap.js";
import { ndcgAt, recallAt } from "../dist/ml/metrics/ranking-metrics.js";
import { dot, gatherRows, row } from "../dist/ml/nn/matrix.js";
import { Random } from "../dist/ml/nn/random.js";
import { topK } from "../dist/ml/nn/top-k.js";
import { readPreparedData } from "../dist/recsys/datasets/prepared-data.js";
import { fitRanker } from "../dist/recsys/lab/rankers/fit-and-evaluate.js";
import { rankerConfig } from "../dist/recsys/ranking/ranker-config.js";
import { keptIn } from "./support/kept.js";
import { DEFAULT_DATA } from "./support/ml-latest.js";
import { stickerShop } from "./support/sticker-shop.js";

const SHARE = 0.15;
const SEED = 1;
const CUTOFF = 20;
const require = createRequire(import.meta.url);
const micro = require("../experiments/rankers/micro-ease.json");
const ofFilms = { ...micro, model: { ...micro.model, numEpochs: 30, patience: 2 } };
const ofStickers = { preset: "quick", model: { numEpochs: 40, patience: 3 } };

export async function run({ data = DEFAULT_DATA, keep }) {
  const kept = keptIn(keep);
  const { modalities, split } = await readPreparedData(data);
  const result = {
    "ml-latest-small": await found(modalities, await split("official", 0), ofFilms),
  };
  for (const numUsers of [400, 2_000]) {
    const { images, split: own, texts } = await stickerShop(kept, numUsers);
    const named = [
      { name: "visual", features: images },
      { name: "textual", features: texts },
    ];
    result[`stickers, ${numUsers} users`] = await found(named, own, ofStickers);
  }
  return result;
}

async function found(modalities, { train, validation }, config) {
  const N = modalities[0].features.shape[0];
  const order = new Random(SEED).fork("left out").shuffled([...Array(N).keys()]);
  const left = order.slice(0, Math.round(SHARE * N));
  const isLeft = new Set(left);
  const known = [...Array(N).keys()].filter(item => !isLeft.has(item));
  const placeOf = new Map(known.map((item, place) => [item, place]));
  const knownOf = lists =>
    lists.map(items =>
      Int32Array.from(
        [...items].filter(item => placeOf.has(item)),
        item => placeOf.get(item),
      ).sort(),
    );
  const { model } = await fitRanker(rankerConfig(config), SEED, {
    numUsers: train.length,
    numItems: known.length,
    modalities: modalities.map(({ name, features }) => ({
      name,
      features: gatherRows(features, known),
    })),
    split: { train: knownOf(train), validation: knownOf(validation) },
  });
  const features = left.map(item =>
    Object.fromEntries(modalities.map(({ name, features: all }) => [name, row(all, item).slice()])),
  );
  const vectors = features.map(own => model.itemVectorOf(own));
  const nearest = features.map(own => model.nearestItems(own));
  const tallies = { without: tally(), with: tally() };
  for (const [user, items] of validation.entries()) {
    if (items.length > 0) {
      const viewer = { userIndex: user };
      const scores = new Float32Array(N).fill(NaN);
      model.score(user).forEach((score, place) => (scores[known[place]] = score));
      train[user].forEach(item => (scores[item] = NaN));
      const vector = model.userVectorOf(viewer);
      const parts = model.newItemParts(viewer, nearest);
      for (const [name, weight] of [
        ["without", 0],
        ["with", 1],
      ]) {
        left.forEach((item, n) => {
          if (!train[user].includes(item)) {
            scores[item] = dot(vector, vectors[n]) + weight * parts[n];
          }
        });
        count(tallies[name], topK(scores, CUTOFF), items, isLeft);
      }
    }
  }
  model.dispose();
  const result = Object.fromEntries(
    Object.entries(tallies).map(([name, lists]) => [
      name,
      Object.fromEntries(Object.entries(lists).map(([metric, own]) => [metric, mean(own)])),
    ]),
  );
  console.error(JSON.stringify(result));
  return { numItems: N, numLeftOut: left.length, ...result };
}

const tally = () => ({ "ndcg@10": [], "recall@20 of left out": [], "recall@20 of the others": [] });

function count(lists, ranking, items, isLeft) {
  lists["ndcg@10"].push(ndcgAt(ranking.slice(0, 10), new Set(items), 10));
  for (const [name, isOne] of [
    ["recall@20 of left out", item => isLeft.has(item)],
    ["recall@20 of the others", item => !isLeft.has(item)],
  ]) {
    const own = [...items].filter(isOne);
    if (own.length > 0) {
      lists[name].push(recallAt(ranking, new Set(own), CUTOFF));
    }
  }
}
