/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { paperForm } from "../../../../src/ml/personalizer/personalizer-config.js";
import { storedValues } from "../../../../src/ml/personalizer/personalizer-files.js";
import { snapshotRanker } from "../../../../src/recsys/ranking/what-if.js";
import {
  choicePairs,
  evaluationPairs,
  trainingPairs,
  userPartOf,
} from "../../../../src/recsys/reflection/pairs.js";
import { personalizerConfig } from "../../../../src/recsys/reflection/personalizer-training-config.js";
import {
  type StepReport,
  trainPersonalizer,
} from "../../../../src/recsys/reflection/personalizer-training.js";
import type { ShopSnapshot } from "../../../../src/recsys/reflection/shop-snapshot.js";
import { createTinyModel, createTinyShop, type TinyShop, tinyTraining } from "./tiny-shop.js";

let tiny: TinyShop;

beforeAll(async () => {
  tiny = await createTinyShop();
});

afterAll(() => tiny.close());

interface Trained {
  bytes: Buffer;
  result: Awaited<ReturnType<typeof trainPersonalizer>>;
  reports: StepReport[];
}

/** Trains on the tiny shop in a folder; stops before step `abortAt`, if given. */
async function train({
  abortAt,
  config: given = {},
  folder,
  seed = 1,
  shop = tiny.shop,
}: {
  abortAt?: number;
  config?: Record<string, unknown>;
  folder: string;
  seed?: number;
  shop?: ShopSnapshot;
}): Promise<Trained> {
  const config = personalizerConfig({ ...tinyTraining, ...given });
  const { model } = createTinyModel(seed, config.model);
  const stop = new AbortController();
  const reports: StepReport[] = [];
  try {
    const result = await trainPersonalizer({
      parts: {
        shop,
        path: { ...tiny.path, ranker: snapshotRanker(shop) },
        encoder: tiny.encoder,
        config,
        seed,
        signal: stop.signal,
      },
      model,
      train: trainingPairs(shop, { numPairs: config.numPairs, seed }),
      validation: evaluationPairs(shop, "validation", {
        numPairs: config.numValidationPairs,
        seed: 0,
      }),
      store: new FolderArtefactStore(folder),
      checkpoint: "checkpoint",
      fingerprint: JSON.stringify([config, seed]),
      onStep: report => {
        reports.push(report);
        if (report.step === abortAt) {
          stop.abort();
        }
      },
    });
    const { "personalizer.safetensors": bytes } = model.toFiles({});
    return { result, reports, bytes: Buffer.from(bytes) };
  } finally {
    model.dispose();
  }
}

/** Values of all tensors of a decoder that are not among its trainable ones. */
function frozenValues(llm: object): Float32Array[] {
  const found: Float32Array[] = [];
  const visit = (value: unknown) => {
    if (value instanceof tf.Tensor) {
      found.push(value.dataSync<"float32">().slice());
    } else if (value !== null && typeof value === "object") {
      Object.values(value).forEach(visit);
    }
  };
  visit((llm as { weights: unknown }).weights);
  return found;
}

const newFolder = () => mkdtemp(join(tmpdir(), "tiny-training-"));

describe("trainPersonalizer()", () => {
  let whole: Trained;

  beforeAll(async () => {
    whole = await train({ folder: await newFolder() });
  });

  it("gives the same bytes for the same seed, and others for another", async () => {
    expect((await train({ folder: await newFolder() })).bytes.equals(whole.bytes)).toBe(true);
    const other = await train({ folder: await newFolder(), seed: 2 });
    expect(other.bytes.equals(whole.bytes)).toBe(false);
  });

  it.each([1, 2, 3])("resumes to the same bytes after a stop at step %i of 4", async abortAt => {
    const folder = await newFolder();
    await expect(train({ folder, abortAt })).rejects.toThrow();
    const { bytes, reports, result } = await train({ folder });
    expect(bytes.equals(whole.bytes)).toBe(true);
    expect(reports[0].step).toBe(abortAt < 2 ? 1 : 3); // the checkpoint is that of the last look
    expect(result.means).toEqual(whole.result.means);
    expect(result.validations).toEqual(whole.result.validations);
  });

  it("refuses the checkpoint of another training, which can still go on", async () => {
    const folder = await newFolder();
    await expect(train({ folder, abortAt: 3 })).rejects.toThrow();
    const other = train({ folder, config: { delta: 0.1 } });
    await expect(other).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    const { bytes } = await train({ folder });
    expect(bytes.equals(whole.bytes)).toBe(true);
  });

  it("starts again from the checkpoint of an earlier version, which had tried gains", async () => {
    const folder = await newFolder();
    await expect(train({ folder, abortAt: 3 })).rejects.toThrow();
    const path = join(folder, "checkpoint", "progress.json");
    const progress = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...progress, fingerprint: "earlier", gains: [] }));
    const { bytes, reports } = await train({ folder });
    expect(reports[0].step).toBe(1);
    expect(bytes.equals(whole.bytes)).toBe(true);
  });

  it("reports the terms of the loss and the mean ρ over reference and keyword picture", () => {
    const { reports, result } = whole;
    expect(reports.map(({ step, numSteps }) => [step, numSteps])).toEqual(
      [1, 2, 3, 4].map(s => [s, 4]),
    );
    for (const { losses, means } of reports) {
      const { overKey, overReference, reward } = means;
      expect(Object.keys(losses).sort()).toEqual(
        ["calibration", "gradientNorm", "rank", "semantic", "total"].sort(),
      );
      expect(
        [...Object.values(losses), overKey, overReference, reward].every(Number.isFinite),
      ).toBe(true);
      expect(overReference).not.toBe(overKey);
    }
    expect(reports.some(({ losses }) => losses.rank !== 0)).toBe(true);
    expect(reports.map(({ validated }) => validated !== null)).toEqual([false, true, false, true]);
    const mean =
      reports.reduce((sum, report) => sum + report.means.overReference, 0) / reports.length;
    expect(result.means.overReference).toBeCloseTo(mean, 10);
    expect(result.speed.numPairs).toBe(8);
    expect(result.speed.pairsPerSecond).toBeGreaterThan(0);
    expect(Object.values(result.speed.seconds).every(seconds => seconds > 0)).toBe(true);
  });

  it("learns, and leaves what is frozen as it was, bit for bit", async () => {
    const seed = 1;
    const config = personalizerConfig(tinyTraining);
    const { llm, model, personalizer } = createTinyModel(seed, config.model);
    const frozen = frozenValues(llm);
    expect(frozen.length).toBeGreaterThan(10);
    const before = storedValues(personalizer.trainable);
    const directory = await newFolder();
    await trainPersonalizer({
      parts: {
        shop: tiny.shop,
        path: tiny.path,
        encoder: tiny.encoder,
        config,
        seed,
      },
      model,
      train: trainingPairs(tiny.shop, { numPairs: config.numPairs, seed }),
      validation: [],
      store: new FolderArtefactStore(directory),
      checkpoint: "checkpoint",
      fingerprint: "",
    });
    expect(frozenValues(llm)).toEqual(frozen);
    const after = storedValues(personalizer.trainable);
    const changed = Object.keys(before).filter(name =>
      before[name].values.some((value, at) => value !== after[name].values[at]),
    );
    for (const part of ["attention.", "mapper.", "llm."]) {
      expect(changed.some(name => name.startsWith(part))).toBe(true);
    }
    model.dispose();
    await rm(directory, { recursive: true });
  });

  it("has the weights of the best look: by eligibility, then the score's mean gain", () => {
    const { best, validations } = whole.result;
    expect(validations.map(({ step }) => step)).toEqual([0, 2, 4]);
    const merit = ({ isEligible, meanScoreGain }: (typeof validations)[number]) => [
      Number(isEligible),
      meanScoreGain,
    ];
    const ordered = [...validations].sort((a, b) => {
      const [x, y] = [merit(a), merit(b)];
      const at = x.findIndex((value, place) => value !== y[place]);
      return at < 0 ? a.step - b.step : y[at] - x[at];
    });
    expect(best).toEqual(ordered[0]);
  });

  it("stops when no look was better for so long, with the weights of the best", async () => {
    // No step changes anything: the look before the first is as good as any.
    const config = { numPairs: 12, patience: 2, validateEvery: 1, model: { learningRate: 1e-12 } };
    const folder = await newFolder();
    const { reports, result } = await train({ folder, config });
    expect(result.validations).toHaveLength(3);
    expect(reports.at(-1)!.step).toBe(2);
    expect(result.best!.step).toBe(0);
  });

  it("prefers a look that keeps the CS floor", async () => {
    // A floor that nothing can keep: all looks are ineligible, and the best of them is still found.
    const { result } = await train({ folder: await newFolder(), config: { captionFloorShare: 1 } });
    for (const { captionSimilarity, isEligible, keyCaptionSimilarity } of result.validations) {
      expect(isEligible).toBe(captionSimilarity >= keyCaptionSimilarity);
    }
  });

  it("never sees a test or validation item of those it learns from", async () => {
    const permuted = permutedTest(tiny.shop);
    expect(permuted.split.test).not.toEqual(tiny.shop.split.test);
    const { bytes } = await train({ folder: await newFolder(), shop: permuted });
    expect(bytes.equals(whole.bytes)).toBe(true);
  });
});

describe("trainPersonalizer() toward conditions of a bank", () => {
  const config = {
    rewardTraining: "critic",
    numBankPairs: 8,
    model: { ...tinyTraining.model, rankerPreference: true },
  };

  it("learns the critic's choice, resumes to the same bytes, and draws no bank twice", async () => {
    const whole = await train({ folder: await newFolder(), config });
    const { choice } = whole.result;
    expect(choice).toMatchObject({ mode: "critic", leftOut: { noMargin: 0, notFinite: 0 } });
    expect(choice!.numDrawn).toBe(choice!.numBankImages);
    expect(whole.reports.every(({ losses }) => losses.rank > 0)).toBe(true);
    const folder = await newFolder();
    await expect(train({ folder, config, abortAt: 3 })).rejects.toThrow();
    const resumed = await train({ folder, config });
    expect(resumed.result.choice).toEqual({ ...choice, numDrawn: 0 });
    expect(resumed.bytes.equals(whole.bytes)).toBe(true);
  });

  it("is refused without retrieval, and for the paper's form", async () => {
    const fault = { code: "INVALID_ARGUMENT", details: { argument: "rewardTraining" } };
    const withoutRetrieval = train({ folder: await newFolder(), config: { ...config, k: 0 } });
    await expect(withoutRetrieval).rejects.toMatchObject(fault);
    const ofPaper = { rewardTraining: "critic", model: { ...tinyTraining.model, ...paperForm } };
    const inPapersForm = train({ folder: await newFolder(), config: ofPaper });
    await expect(inPapersForm).rejects.toMatchObject(fault);
  });
});

describe("choicePairs()", () => {
  it("shows each user an own reference, then one that they have not chosen, whatever the test items are", () => {
    const { shop } = tiny;
    const about = { numPairs: 40, seed: 1 };
    const pairs = choicePairs(shop, about);
    const isOwn = ({ itemIndex, userIndex }: (typeof pairs)[number]) =>
      shop.split.train[userIndex].includes(itemIndex);
    expect(pairs.filter(isOwn).length).toBeGreaterThan(5);
    expect(pairs.filter(pair => !isOwn(pair)).length).toBeGreaterThan(5);
    for (const { historyItemIds, itemId, userIndex } of pairs) {
      expect(userPartOf(shop.userIds[userIndex])).toBe("train");
      expect(historyItemIds).not.toContain(itemId);
    }
    expect(choicePairs(permutedTest(shop), about)).toEqual(pairs);
  });
});

/** The same shop, whose users' test items are others: some that they have not chosen. */
function permutedTest(shop: ShopSnapshot): ShopSnapshot {
  const { test } = shop.split;
  const other = test.map((items, user) => {
    const free = shop.ranker.itemIds.flatMap((_, item) =>
      shop.timelines[user].includes(item) ? [] : item,
    );
    return Int32Array.from(items, (_, n) => free[(user + n) % free.length]);
  });
  const timelines = shop.timelines.map((items, user) => [
    ...items.filter(item => !test[user].includes(item)),
    ...other[user],
  ]);
  return { ...shop, timelines, split: { ...shop.split, test: other } };
}

describe("trainingPairs()", () => {
  it("are train items of users who teach, after train items of theirs", () => {
    const { shop } = tiny;
    const pairs = trainingPairs(shop, { numPairs: 100, seed: 1 });
    expect(pairs.length).toBeGreaterThan(8);
    for (const { historyItemIds, itemId, userIndex } of pairs) {
      expect(userPartOf(shop.userIds[userIndex])).toBe("train");
      const train = shop.timelines[userIndex]
        .filter(item => shop.split.train[userIndex].includes(item))
        .map(item => shop.ranker.itemIds[item]);
      expect(historyItemIds).toEqual(train.slice(0, train.indexOf(itemId)));
      expect(train).toContain(itemId);
    }
  });

  it("are the same, byte for byte, whatever the test items are", () => {
    const about = { numPairs: 100, seed: 1 };
    expect(JSON.stringify(trainingPairs(permutedTest(tiny.shop), about))).toBe(
      JSON.stringify(trainingPairs(tiny.shop, about)),
    );
  });

  it("has no pair of a user who judges, and no judge's reference among a user's train items", () => {
    const { shop } = tiny;
    const trainers = new Set(trainingPairs(shop, { numPairs: 100, seed: 1 }).map(p => p.userId));
    for (const part of ["validation", "test"] as const) {
      const judges = evaluationPairs(shop, part, { numPairs: 100, seed: 0 });
      expect(judges.length).toBeGreaterThan(1);
      for (const { historyItemIds, itemId, itemIndex, userId, userIndex } of judges) {
        expect(trainers.has(userId)).toBe(false);
        expect(userPartOf(userId)).toBe(part);
        expect(shop.split[part][userIndex]).toContain(itemIndex);
        expect(historyItemIds).not.toContain(itemId);
        historyItemIds.forEach(id => {
          expect(shop.split.train[userIndex]).toContain(shop.ranker.itemIndexOf.get(id));
        });
      }
    }
  });
});
