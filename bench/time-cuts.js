/**
 * Rankers on ml-latest-small, cut at one time for all users, at several times.
 *
 *     npm run bench -- time-cuts [--data FOLDER] [--keep FOLDER] [--json results/time-cuts.json]
 *
 * One cut has few test users: people rate films in one session. So the training part ends at the quantiles 0.3, 0.4, … 0.8 of all
 * choices; the next tenth is for validation, the one after it for test. A user counts at each cut with choices on both sides.
 * NDCG@10 of each user and cut, one seed; paired bootstrap over users with all their cuts. `--keep` keeps finished
 * trainings. Needs `npm run build`.
 */
import { createRequire } from "node:module";
import { mean } from "../dist/ml/metrics/bootstrap.js";
import { pairedBootstrap } from "../dist/ml/metrics/paired-tests.js";
import { Random } from "../dist/ml/nn/random.js";
import { readPreparedData } from "../dist/recsys/datasets/prepared-data.js";
import { evaluateRanker } from "../dist/recsys/evaluation/evaluate-ranker.js";
import { fitRanker } from "../dist/recsys/lab/rankers/fit-and-evaluate.js";
import { rankerConfig } from "../dist/recsys/ranking/ranker-config.js";
import { keptIn } from "./support/kept.js";
import { DEFAULT_DATA } from "./support/ml-latest.js";

const CUTS = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
const SEEDS = [1];
const require = createRequire(import.meta.url);
const read = name => require(`../experiments/rankers/${name}.json`);
const RANKERS = {
  popularity: { algorithm: "popularity" },
  EASE: read("ease"),
  iALS: read("ials"),
  "MICRO with EASE": read("micro-ease"),
};
/** They train once: no seed changes them. */
const SEEDLESS = new Set(["popularity", "EASE"]);

export async function run({ data = DEFAULT_DATA, keep }) {
  const kept = keptIn(keep);
  const { modalities, numItems, numUsers, split: splitAt } = await readPreparedData(data);
  const values = Object.fromEntries(Object.keys(RANKERS).map(name => [name, []]));
  const cuts = [];
  const userOf = [];
  for (const cut of CUTS) {
    const shares = { train: cut, seen: round(cut + 0.1), until: round(cut + 0.2) };
    const split = await splitAt("time", 0, shares);
    const users = [...split.test.keys()].filter(user => split.test[user].length > 0);
    cuts.push({ ...shares, numTestUsers: users.length });
    userOf.push(...users);
    for (const [name, config] of Object.entries(RANKERS)) {
      const runs = [];
      for (const seed of SEEDLESS.has(name) ? [1] : SEEDS) {
        runs.push(
          await kept(`${name} ${cut} ${seed}`, async () => {
            const { test, ...known } = split;
            const view = { numUsers, numItems, modalities, split: known };
            const { model } = await fitRanker(rankerConfig(config), seed, view);
            const masks = [split.train, split.validation];
            const { byUser } = await evaluateRanker(model, test, masks, { cutoffs: [10] });
            model.dispose();
            return byUser.map(own => own["ndcg@10"]);
          }),
        );
      }
      values[name].push(...runs[0].map((_, user) => mean(runs.map(own => own[user]))));
      console.error(`${name}, cut ${cut}: ${mean(values[name].slice(-users.length))}`);
    }
  }
  const byUser = Object.fromEntries(
    Object.entries(values).map(([name, own]) => [name, meansBy(userOf, own)]),
  );
  const names = Object.keys(RANKERS);
  const comparisons = names.flatMap((a, n) =>
    names.slice(n + 1).map(b => ({
      pair: `${b} - ${a}`,
      ...pairedBootstrap(byUser[b], byUser[a], new Random(1)),
    })),
  );
  return {
    cuts,
    numUsers: new Set(userOf).size,
    numUsersAtCuts: userOf.length,
    ndcgAt10: Object.fromEntries(names.map(name => [name, mean(byUser[name])])),
    comparisons,
  };
}

const round = value => Math.round(value * 10) / 10;

/** Each user's mean over their cuts. */
function meansBy(users, own) {
  const all = new Map();
  users.forEach((user, n) => all.set(user, [...(all.get(user) ?? []), own[n]]));
  return [...all.values()].map(mean);
}
