/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { decodeFiles } from "../../../../../src/db/artefact-files.js";
import { FolderArtefactStore } from "../../../../../src/db/artefact-store.js";
import type { PersonalizerVersionRow } from "../../../../../src/db/rows.js";
import type { PersonalizerColumns } from "../../../../../src/db/versions.repository.js";
import { qualityVerdict } from "../../../../../src/ml/diffusion/quality-gate.js";
import { noModeration } from "../../../../../src/ml/moderation/moderation-strategy.js";
import type { ServingRules } from "../../../../../src/recsys/images/candidate-selection.js";
import {
  type PersonalizationMethod,
  plainMethod,
} from "../../../../../src/recsys/images/personalization-method.js";
import { RagarMethod } from "../../../../../src/recsys/images/ragar-method.js";
import { armMethod } from "../../../../../src/recsys/lab/experiments/arm-method.js";
import {
  type ImageExperiment,
  imageExperimentSchema,
  shownArmsOf,
} from "../../../../../src/recsys/lab/experiments/experiment-config.js";
import {
  type ArmOutcomes,
  type ExperimentProgress,
  ImageExperimentService,
} from "../../../../../src/recsys/lab/experiments/image-experiment.service.js";
import { contactSheet } from "../../../../../src/recsys/lab/packs/contact-sheet.js";
import { snapshotRanker } from "../../../../../src/recsys/ranking/what-if.js";
import {
  evaluationPairs,
  pairContext,
  userPartOf,
} from "../../../../../src/recsys/reflection/pairs.js";
import { PersonalizerTrainer } from "../../../../../src/recsys/reflection/personalizer-trainer.js";
import { personalizerConfig } from "../../../../../src/recsys/reflection/personalizer-training-config.js";
import { TrainedVersionService } from "../../../../../src/recsys/versions/trained-version.service.js";
import {
  createTinyModel,
  createTinyShop,
  loadTinyModel,
  imageOf,
  type TinyShop,
  tinyTraining,
} from "../../reflection/tiny-shop.js";
import { InMemoryVersions } from "../../versions/in-memory-versions.js";

function createVersions() {
  return new InMemoryVersions<PersonalizerVersionRow, PersonalizerColumns>();
}

const experiment: ImageExperiment = imageExperimentSchema.parse({
  name: "tiny",
  seeds: [1, 2],
  numTestPairs: 3,
  numSteps: 2,
  guidanceScale: 20,
  training: { ...tinyTraining, numPairs: 4 },
  arms: [
    { name: "ORI", condition: "original" },
    { name: "keyword-only", condition: "keywords" },
    { name: "retrieval-only", condition: "retrieval" },
    { name: "RAGAR", condition: "personalizer" },
    { name: "without reward", condition: "personalizer", training: { model: { beta: 0 } } },
  ],
});

const servingRules: ServingRules = { gate: qualityVerdict, moderation: noModeration };

let tiny: TinyShop;
let home: string;

beforeAll(async () => {
  tiny = await createTinyShop();
});

afterAll(() => tiny.close());

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "tiny-experiment-"));
});

afterEach(() => rm(home, { recursive: true }));

/** The services of a process; versions outlive it, as the database does. */
function createProcess(versions = createVersions(), rules: ServingRules = servingRules) {
  const store = new FolderArtefactStore(home);
  const imageGenerator = tiny.createImageGenerator(home);
  const shared = {
    shop: async () => tiny.shop,
    path: { ...tiny.path, generator: imageGenerator },
    rankerOf: snapshotRanker,
    encoder: async () => tiny.encoder,
    store,
    cost: () => ({ images: imageGenerator.counts.drawn, networkEvaluations: 0 }),
  };
  const load = (path: string) => decodeFiles(store, path, loadTinyModel);
  const training = new TrainedVersionService({
    versions,
    store,
    trainer: new PersonalizerTrainer({
      ...shared,
      create: async (config, seed) => createTinyModel(seed, config).model,
    }),
    decide: () => ({ isActivated: false }), // nothing of an experiment serves
    codes: { notFound: "PERSONALIZER_NOT_FOUND", notReady: "PERSONALIZER_NOT_READY" },
    load,
  });
  const service = new ImageExperimentService({
    ...shared,
    rules,
    clip: tiny.clip,
    training,
    untrained: plainMethod,
    load: async (versionId, path) => {
      const model = await load(path);
      const { encoder } = shared;
      return {
        method: new RagarMethod({ versionId, encoder, use: run => run(model) }),
        dispose: () => {
          model.dispose();
        },
      };
    },
  });
  return { service, imageGenerator, versions };
}

/** What is the same for every machine and after every stop: an interrupted training counts its last process alone. */
const withoutSeconds = (runs: readonly ArmOutcomes[]) =>
  runs.map(run => ({ ...run, training: run.training ? "counted" : null }));

describe("ImageExperimentService", () => {
  it("runs every arm in every seed on the same held-out users, without the serving fallback", async () => {
    const { service, versions } = createProcess();
    const seen: number[] = [];
    const runs = await service.run(experiment, {
      onArm: results => void seen.push(results.length),
    });
    expect(runs.map(({ arm, seed }) => [arm, seed])).toEqual(
      [1, 2].flatMap(seed => experiment.arms.map(({ name }) => [name, seed])),
    );
    expect(seen).toEqual(Array.from({ length: 10 }, (_, n) => n + 1));
    const users = runs[0].outcomes.map(({ userId }) => userId);
    expect(users).toHaveLength(3);
    expect(users.every(userId => userPartOf(userId) === "test")).toBe(true);
    for (const { arm, outcomes, versionId } of runs) {
      expect(outcomes.map(({ userId }) => userId)).toEqual(users);
      expect(versionId !== null).toBe(arm.startsWith("RAGAR") || arm.startsWith("without"));
      for (const { deltaR, rankAfter, rankBefore } of outcomes) {
        expect(deltaR).toBeCloseTo((rankBefore - rankAfter) / (1 + rankBefore), 10);
      }
    }
    expect(runs[0].outcomes.every(({ cis, deltaR }) => deltaR === 0 && cis > 99.99)).toBe(true);
    expect(versions.rows.size).toBe(4);
  });

  it("resumes after a stop at any arm, with the same results, and draws nothing twice", async () => {
    const whole = createProcess();
    const expected = withoutSeconds(await whole.service.run(experiment));
    const numDrawn = whole.imageGenerator.counts.drawn;
    await rm(home, { recursive: true });

    const versions = createVersions();
    for (const stopAfter of [2, 4, 7]) {
      // Another process each time: nothing but the folder and the database outlives it.
      const { service } = createProcess(versions);
      const stop = new AbortController();
      await expect(
        service.run(experiment, {
          signal: stop.signal,
          onArm: results => {
            if (results.length === stopAfter) {
              stop.abort();
            }
          },
        }),
      ).rejects.toThrow();
    }
    const last = createProcess(versions);
    expect(withoutSeconds(await last.service.run(experiment))).toEqual(expected);
    expect(last.imageGenerator.counts.drawn).toBeLessThan(numDrawn / 2);

    const again = createProcess(versions);
    expect(withoutSeconds(await again.service.run(experiment))).toEqual(expected);
    expect(again.imageGenerator.counts).toEqual({ drawn: 0, found: 0 });
  });

  it("shows the best by ρ of an arm's own candidates, which never ranks lower than the first", async () => {
    const one = createProcess();
    const [, , , ragar] = experiment.arms;
    const choosing = { ...ragar, name: "RAGAR, best of 4", numCandidates: 4 };
    const few = { ...experiment, seeds: [1], arms: [ragar, choosing] };
    const [alone, best] = await one.service.run(few);
    expect(best.versionId).toBe(alone.versionId);
    const pairs = best.outcomes.map((chosen, n) => [chosen, alone.outcomes[n]]);
    expect(pairs.every(([chosen, only]) => chosen.rankAfter <= only.rankAfter)).toBe(true);
    expect(pairs.some(([chosen, only]) => chosen.cis !== only.cis)).toBe(true); // not always the first
  });

  it("shares keyword pictures and the untrained look between arms", async () => {
    const one = createProcess();
    await one.service.run({ ...experiment, seeds: [1], arms: [experiment.arms[3]] });
    const { drawn } = one.imageGenerator.counts;
    const two = createProcess(one.versions);
    await two.service.run({ ...experiment, seeds: [1], arms: [experiment.arms[4]] });
    // At least v^key of 4 teaching and 2 judging pairs, and the first look's 2 pictures.
    expect(two.imageGenerator.counts.found).toBeGreaterThanOrEqual(4 + 2 + 2);
    expect(two.imageGenerator.counts.found + two.imageGenerator.counts.drawn).toBe(drawn);
  });

  it("says how far it is and how long the rest will take", async () => {
    const { service } = createProcess();
    const reports: ExperimentProgress[] = [];
    const small = { ...experiment, seeds: [1], arms: experiment.arms.slice(0, 4) };
    await service.run(small, { onProgress: progress => void reports.push(progress) });
    const fractions = reports.map(({ fraction }) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1, 10);
    expect(reports[0].secondsLeft).toBeNull();
    expect(reports.at(-1)!.secondsLeft).toBeCloseTo(0, 5);
    expect(reports.some(({ secondsLeft }) => secondsLeft! > 0)).toBe(true);
    expect(reports.some(({ stage }) => stage.startsWith("RAGAR, seed 1: step 1 of 2"))).toBe(true);
  });

  it("refuses fewer held-out users than could tell anything", async () => {
    const { service } = createProcess();
    await expect(service.run({ ...experiment, numTestPairs: 1 })).rejects.toMatchObject({
      code: "TOO_FEW_PAIRS",
    });
  });

  it("shows the same things to several users on one sheet, beside their histories", async () => {
    const { service } = createProcess();
    const arms = [experiment.arms[1], experiment.arms[3]];
    const size = { numHistory: 3, numObjects: 2, numUsers: 2 };
    const rows = await service.sheet(experiment, { arms, ...size });
    expect(rows.map(row => row.length)).toEqual([9, 9]);
    const [first, second] = rows;
    expect(first.slice(0, 3)).not.toEqual(second.slice(0, 3));
    for (const reference of [3, 6]) {
      expect(first[reference]).toEqual(second[reference]);
      expect(first[reference + 1]).not.toEqual(first[reference + 2]);
    }
    expect(await service.sheet(experiment, { arms, ...size })).toEqual(rows);
    const png = await contactSheet(rows.flat(), { columns: 9, generator: "tiny@1", side: 16 });
    expect(await sharp(png).metadata()).toMatchObject({ width: 144, height: 32, format: "png" });
  });

  it("prefers things that none of the users has", async () => {
    const { service } = createProcess();
    const [pair] = evaluationPairs(tiny.shop, "test", { numPairs: 3, seed: 0 });
    const arms = [experiment.arms[0]];
    const size = { numHistory: 1, numObjects: 1, numUsers: 1 };
    const [[, reference, shown]] = await service.sheet(experiment, { arms, ...size });
    expect(shown).toEqual(reference); // ORI shows the catalogue's
    const own = tiny.shop.timelines[pair.userIndex].map(item => tiny.shop.ranker.itemIds[item]);
    const hashes = own.map(id => tiny.shop.items.get(id)!.blobHash!);
    expect(hashes.map(hash => imageOf(hash))).not.toContainEqual(reference);
  });

  it("shows the arms that an experiment names, else keywords and the first personalizer", () => {
    const names = (shown?: string[]) =>
      shownArmsOf({ ...experiment, shown }).map(({ name }) => name);
    expect(names()).toEqual(["keyword-only", "RAGAR"]);
    expect(names(["without reward", "ORI"])).toEqual(["without reward", "ORI"]);
    expect(() => names(["none such"])).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error,
    );
  });

  it("shows the items that an experiment names, and refuses one that is not there", async () => {
    const { service } = createProcess();
    const itemId = tiny.shop.ranker.itemIds[1];
    const size = { arms: [experiment.arms[0]], numHistory: 1, numObjects: 2, numUsers: 1 };
    const [row] = await service.sheet({ ...experiment, shownItems: [itemId] }, size);
    expect(row.slice(1)).toEqual(Array(2).fill(imageOf(tiny.shop.items.get(itemId)!.blobHash!)));
    await expect(
      service.sheet({ ...experiment, shownItems: ["none such"] }, size),
    ).rejects.toMatchObject({ code: "ITEM_NOT_FOUND" });
  });

  it("keeps the outcomes of each arm and seed in a file of its own", async () => {
    const { service } = createProcess();
    await service.run({ ...experiment, arms: experiment.arms.slice(0, 3) });
    // ORI draws nothing, but is judged in each seed all the same.
    expect(await readdir(join(home, "experiments", "tiny"))).toHaveLength(6);
  });
});

describe("an outcome", () => {
  const [, keywords, , ragar] = experiment.arms;
  const few = { ...experiment, seeds: [1], arms: [ragar], numCandidates: 3 };

  it("has the served figures beside those of the best candidate, from one drawing", async () => {
    const { imageGenerator, service } = createProcess();
    const arms = [keywords, ragar];
    const runs = await service.run({ ...few, arms });
    const { drawn } = imageGenerator.counts;
    const outcomes = runs.flatMap(run => run.outcomes);
    for (const { deltaR, rankBefore, served } of outcomes) {
      expect(served.deltaR).toBeGreaterThanOrEqual(0);
      if (served.isOriginal) {
        expect(served).toMatchObject({ deltaR: 0, rankAfter: rankBefore });
        expect(served.cis).toBeCloseTo(100, 3);
      } else {
        expect(served.deltaR).toBeLessThanOrEqual(deltaR);
      }
    }
    expect(outcomes.some(({ served }) => served.isOriginal)).toBe(true);
    expect(outcomes.some(({ served }) => !served.isOriginal)).toBe(true);
    const open = { gate: () => ({ passes: true, faults: [] }), moderation: noModeration };
    const other = createProcess(createVersions(), open);
    await rm(join(home, "experiments"), { recursive: true });
    await other.service.run({ ...few, arms });
    expect(other.imageGenerator.counts.drawn).toBeLessThan(drawn); // only what training does not keep
  });

  it("shows the catalogue image where no candidate passes the gate, and leaves the best as it is", async () => {
    const expected = await createProcess().service.run(few);
    await rm(join(home, "experiments"), { recursive: true });
    const refused = {
      gate: () => ({ passes: false, faults: ["BLANK"] }),
      moderation: noModeration,
    };
    const [{ outcomes }] = await createProcess(createVersions(), refused).service.run(few);
    expect(outcomes.every(({ served }) => served.isOriginal && served.deltaR === 0)).toBe(true);
    const best = (outcome: (typeof outcomes)[number]) => ({ ...outcome, served: null });
    expect(outcomes.map(best)).toEqual(expected[0].outcomes.map(best));
  });
});

describe("armMethod()", () => {
  it("conditions the generator as the arm says", async () => {
    const { shop } = tiny;
    const [pair] = evaluationPairs(shop, "test", { numPairs: 1, seed: 0 });
    const untrained: PersonalizationMethod = {
      id: "own",
      condition: async () => [{ prompt: "a shop's own" }],
    };
    const context = {
      ...pairContext(shop, pair, personalizerConfig(tinyTraining)),
      prompt: "owl, flat",
      referencePrompt: "owl",
    };
    const { preferenceEmbedding: imageEmbedding, prompt, referencePrompt } = context;
    const conditionOf = async (condition: Parameters<typeof armMethod>[0]) =>
      (await armMethod(condition, untrained)?.condition([context], 1, [1]))?.[0];
    expect(await conditionOf("original")).toBeUndefined();
    expect(await conditionOf("keywords")).toEqual({ prompt });
    expect(await conditionOf("both")).toEqual({ prompt, imageEmbedding });
    expect(await conditionOf("retrieval")).toEqual({ prompt: referencePrompt, imageEmbedding });
    expect(await conditionOf("untrained")).toEqual({ prompt: "a shop's own" });
  });
});
