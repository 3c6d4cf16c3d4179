/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../../src/db/artefact-store.js";
import { type Matrix, matrix, row } from "../../../../../src/ml/nn/matrix.js";
import {
  type PreparedData,
  readPreparedData,
} from "../../../../../src/recsys/datasets/prepared-data.js";
import { experimentTable } from "../../../../../src/recsys/lab/rankers/experiment-table.js";
import type { TrainingView } from "../../../../../src/recsys/lab/rankers/fit-and-evaluate.js";
import {
  type RankerRun,
  runExperiment,
  runKey,
  summarizeRuns,
} from "../../../../../src/recsys/lab/rankers/ranker-experiment.js";
import {
  drawnFrom,
  type SearchSpace,
  type Trial,
  tuneRanker,
} from "../../../../../src/recsys/lab/rankers/tune-ranker.js";
import { rankerConfig } from "../../../../../src/recsys/ranking/ranker-config.js";
import { NUM_ITEMS, NUM_USERS, writePreparedData } from "./prepared.js";

const halved = ({ shape, values }: Matrix) =>
  matrix(
    shape,
    values.map(value => value / 2),
  );

const quick = { embeddingSize: 8, learningRate: 0.03, batchSize: 32, numEpochs: 10 };

describe("prepared data", () => {
  let folder: string;
  let data: PreparedData;

  beforeAll(async () => {
    folder = await writePreparedData();
    data = await readPreparedData(folder);
  });

  afterAll(() => rm(folder, { recursive: true }));

  const view = async () => {
    const { numUsers, numItems, modalities } = data;
    return { numUsers, numItems, modalities, split: await data.tuningSplit("official", 1) };
  };

  it("has each item's features in its row", () => {
    expect([data.numUsers, data.numItems]).toEqual([NUM_USERS, NUM_ITEMS]);
    for (const { features } of data.modalities) {
      for (let item = 0; item < NUM_ITEMS; item++) {
        expect(row(features, item)[item % 2]).toBeGreaterThan(0.5);
        expect(row(features, item)[1 - (item % 2)]).toBeLessThan(0.5);
      }
    }
  });

  it("has the stored split", async () => {
    const { train, validation, test } = await data.split("official", 1);
    expect([train[3].length, validation[3].length, test[3].length]).toEqual([7, 1, 1]);
    expect([...train[3]]).toEqual([...train[3]].sort((a, b) => a - b));
  });

  it("splits by time from the ratings of 4 and above", async () => {
    // The official split has the order of time here, and both split 9 items 7, 1, 1.
    expect(await data.split("ratio", 1)).toEqual(await data.split("official", 1));
    expect(await data.split("leaveLastOne", 1)).toEqual(await data.split("official", 1));
    expect(await data.split("random", 1)).not.toEqual(await data.split("random", 2));
  });

  it("knows a run of a release without an option by its key where the option is off", () => {
    const config = rankerConfig({ algorithm: "MICRO", visualHead: null, itemItem: null });
    const key = (model: object) => runKey({ ...config, model }, 1, "data", [10]);
    const { visualHead, itemItem, ...older } = config.model;
    expect([visualHead, itemItem]).toEqual([null, null]);
    expect(key(config.model)).toBe(key(older));
    const itemItemOn = { lambda: 1, sideWeight: 0, weight: 1 };
    expect(key({ ...config.model, itemItem: itemItemOn })).not.toBe(key(older));
    expect(key({ ...older, numLayers: 1 })).not.toBe(key(older));
  });

  it("never reads the test part for tuning", async () => {
    const other = await writePreparedData();
    await writeFile(join(other, "split", "test.json"), "not to be read");
    const prepared = await readPreparedData(other);
    expect(Object.keys(await prepared.tuningSplit("official", 1))).toEqual(["train", "validation"]);
    expect(Object.keys(await prepared.tuningSplit("ratio", 1))).toEqual(["train", "validation"]);
    await expect(prepared.split("official", 1)).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    await rm(other, { recursive: true });
  });

  it("reports a part that is missing or does not match", async () => {
    const other = await writePreparedData();
    await writeFile(join(other, "split", "val.json"), `{"0": [${NUM_ITEMS}]}`);
    const prepared = await readPreparedData(other);
    await expect(prepared.tuningSplit("official", 1)).rejects.toThrow("lists of items below 24");
    await rm(join(other, "split", "user_ids.json"));
    await expect(readPreparedData(other)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    await rm(other, { recursive: true });
  });

  describe("tuneRanker()", () => {
    const space = {
      fixed: { algorithm: "BPR-MF", model: quick },
      search: {
        learningRate: { logUniform: [1e-3, 0.1] as [number, number] },
        l2Weight: { choice: [0, 0.01] },
        embeddingSize: { choice: [8, 16] },
      },
    };
    const options = { numTrials: 3, seed: 5, metric: "ndcg@10" };

    it("returns the best trial on validation", async () => {
      const { trials, best, config } = await tuneRanker(space, await view(), options);
      expect(trials.map(({ trial }) => trial)).toEqual([0, 1, 2]);
      const values = trials.map(({ validation }) => validation!["ndcg@10"]!);
      expect(best.validation!["ndcg@10"]).toBe(Math.max(...values));
      expect(config).toEqual({ algorithm: "BPR-MF", model: { ...quick, ...best.drawn } });
    });

    it("resumes after existing trials, with the same draws", async () => {
      const whole = await tuneRanker(space, await view(), options);
      const made: Trial[] = [];
      const resumed = await tuneRanker(space, await view(), {
        ...options,
        done: whole.trials.slice(0, 2),
        onTrial: async trial => void made.push(trial),
      });
      expect(made.map(({ trial }) => trial)).toEqual([2]);
      const unclocked = ({ trials }: { trials: Trial[] }) =>
        trials.map(trial => ({ ...trial, trainingSeconds: 0 }));
      expect(unclocked(resumed)).toEqual(unclocked(whole));
    });

    it.each<[string, (given: { space: SearchSpace; view: TrainingView }) => object]>([
      [
        "other features",
        ({ view: { modalities, ...rest } }) => ({
          view: {
            ...rest,
            modalities: modalities.map(({ name, features }) => ({
              name,
              features: halved(features),
            })),
          },
        }),
      ],
      [
        "another split of the same choices",
        ({ view: { split, ...rest } }) => ({
          view: { ...rest, split: { ...split, validation: [...split.validation].reverse() } },
        }),
      ],
      [
        "other train items",
        ({ view: { split, ...rest } }) => ({
          view: {
            ...rest,
            split: { ...split, train: split.train.map(items => items.subarray(1)) },
          },
        }),
      ],
      [
        "another fixed part of the space",
        ({ space: { fixed, ...rest } }) => ({
          space: { ...rest, fixed: { ...fixed, model: { ...quick, batchSize: 16 } } },
        }),
      ],
      [
        "a range that gives the same draws",
        ({ space: { search, ...rest } }) => ({
          space: { ...rest, search: { ...search, numEpochs: { choice: [quick.numEpochs] } } },
        }),
      ],
      ["another seed", () => ({ options: { ...options, seed: 6 } })],
      ["another metric", () => ({ options: { ...options, metric: "recall@10" } })],
    ])("reuses no trial of a search with %s", async (_, change) => {
      const given = { space: space as SearchSpace, view: await view(), options };
      const whole = await tuneRanker(space, given.view, { ...options, numTrials: 1 });
      const changed = { ...given, ...change(given) };
      // The draws of the other search: only its key differs.
      const done = whole.trials.map(trial => ({
        ...trial,
        drawn: drawnFrom(changed.space, changed.options.seed, trial.trial),
      }));
      const made: Trial[] = [];
      const { search } = await tuneRanker(changed.space, changed.view, {
        ...changed.options,
        numTrials: 1,
        done,
        onTrial: async trial => void made.push(trial),
      });
      expect(search).not.toBe(whole.search);
      expect(made.map(trial => trial.search)).toEqual([search]);
    });

    it("refuses an unknown hyper-parameter before any training", async () => {
      const other = { ...space, search: { contrastWeight: { choice: [0.1] } } };
      const epochs: number[] = [];
      await expect(
        tuneRanker(other, await view(), { ...options, onProgress: trial => epochs.push(trial) }),
      ).rejects.toThrow("search has no 'contrastWeight'; those of BPR-MF are");
      expect(epochs).toEqual([]);
    });

    it("refuses data without an item to validate on", async () => {
      const { split, ...rest } = await view();
      const validation = split.validation.map(() => new Int32Array(0));
      const without = { ...rest, split: { ...split, validation } };
      await expect(tuneRanker(space, without, options)).rejects.toMatchObject({
        code: "NOTHING_TO_VALIDATE",
      });
    });

    it("draws within the ranges, whatever the number of trials", () => {
      const drawn = Array.from({ length: 200 }, (_, trial) => drawnFrom(space, 1, trial));
      const rates = drawn.map(({ learningRate }) => learningRate as number).sort((a, b) => a - b);
      expect(rates[0]).toBeGreaterThanOrEqual(1e-3);
      expect(rates[199]).toBeLessThanOrEqual(0.1);
      expect(rates[100]).toBeAllclose(1e-2, { rtol: 0.5 }); // the middle, by logarithm
      expect(drawnFrom(space, 1, 7)).toEqual(drawn[7]);
    });

    it("skips a trial that diverges, and fails when all do", async () => {
      const diverging = { ...space, search: { learningRate: { choice: [1e30, 0.03] } } };
      const { trials, best } = await tuneRanker(diverging, await view(), {
        ...options,
        numTrials: 6,
      });
      expect(trials.some(({ validation }) => validation === null)).toBe(true);
      expect(best.drawn).toEqual({ learningRate: 0.03 });
      const hopeless = { ...space, search: { learningRate: { choice: [1e30] } } };
      await expect(tuneRanker(hopeless, await view(), options)).rejects.toMatchObject({
        code: "TRAINING_DIVERGED",
      });
    });

    it("refuses an unknown metric", async () => {
      await expect(
        tuneRanker(space, await view(), { ...options, metric: "auc" }),
      ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    });
  });

  describe("runExperiment()", () => {
    const experiment = {
      name: "small",
      split: "official" as const,
      splitSeed: 1,
      seeds: [1, 2],
      cutoffs: [5],
      shared: { numEpochs: 9 },
      rankers: [
        { name: "popularity", config: { algorithm: "popularity" } },
        { name: "LightGCN", config: { algorithm: "LightGCN", model: quick } },
      ],
    };
    let folder: string;
    let checkpoints: FolderArtefactStore;
    let runs: RankerRun[];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "runs-"));
      checkpoints = new FolderArtefactStore(folder);
      runs = await runExperiment(experiment, data, { checkpoints });
    });

    afterAll(() => rm(folder, { recursive: true }));

    it("runs every ranker with every seed", () => {
      expect(runs.map(({ ranker, seed }) => [ranker, seed])).toEqual([
        ["popularity", 1],
        ["popularity", 2],
        ["LightGCN", 1],
        ["LightGCN", 2],
      ]);
      expect(runs[2].ndcg10).toBe(runs[2].test["ndcg@10"]);
      expect(runs[2].testByUser.ndcg10.split(" ")).toHaveLength(NUM_USERS);
      expect(runs[2].epochSeconds).toBeGreaterThan(0);
      expect(runs[2].numEpochs).toBe(9); // shared hyper-parameters override their own
    });

    it("repeats a run only when its inputs changed", async () => {
      const made: string[] = [];
      const again = (rankers: typeof experiment.rankers) =>
        runExperiment({ ...experiment, rankers }, data, {
          checkpoints,
          done: runs,
          onEpoch: ({ ranker, seed }) => made.push(`${ranker} ${seed}`),
        });
      expect(await again(experiment.rankers)).toEqual(runs);
      expect(made).toEqual([]);
      const [popularity, lightGcn] = experiment.rankers;
      const changed = {
        ...lightGcn,
        config: { algorithm: "LightGCN", model: { ...quick, numLayers: 1 } },
      };
      await again([popularity, changed]);
      expect([...new Set(made)]).toEqual(["LightGCN 1", "LightGCN 2"]);
    });

    it("resumes from the checkpoint of an interrupted run, to the same metrics", async () => {
      const stop = new AbortController();
      const cut = { ...experiment, rankers: experiment.rankers.slice(1), seeds: [9] };
      const whole = await runExperiment(cut, data, { checkpoints });
      await expect(
        runExperiment(cut, data, {
          checkpoints,
          signal: stop.signal,
          onEpoch: (_, { epoch }) => {
            if (epoch === 7) {
              stop.abort();
            }
          },
        }),
      ).rejects.toThrow("aborted");
      const epochs: number[] = [];
      const resumed = await runExperiment(cut, data, {
        checkpoints,
        onEpoch: (_, { epoch }) => epochs.push(epoch),
      });
      expect(epochs[0]).toBe(6);
      expect(resumed[0].test).toEqual(whole[0].test);
    });

    it("has intervals of the means, and tests the pair", () => {
      const { rankers, comparisons } = summarizeRuns(runs);
      for (const { ndcg10 } of rankers) {
        expect(ndcg10.interval![0]).toBeLessThanOrEqual(ndcg10.mean! + 1e-3);
        expect(ndcg10.interval![1]).toBeGreaterThanOrEqual(ndcg10.mean! - 1e-3);
      }
      expect(comparisons).toHaveLength(1);
      expect(comparisons[0]).toMatchObject({ better: "LightGCN", worse: "popularity" });
      const [popularity, lightGcn] = rankers;
      expect(comparisons[0].difference).toBeAllclose(
        lightGcn.ndcg10.mean! - popularity.ndcg10.mean!,
        {
          atol: 1e-3, // values are kept to four digits
        },
      );
      expect(experimentTable(summarizeRuns(runs)).split("\n")).toHaveLength(2 + 2 + 1 + 2 + 1);
    });
  });
});
