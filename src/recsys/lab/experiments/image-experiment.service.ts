/**
 * @file Experiments on personalised images: arms x seeds on held-out users. Each image is drawn once and reported twice: the best
 * candidate as it is, and what a shop would have shown.
 *
 * An arm with a personalizer trains one for each seed and stores it as a version that does not serve. Its id comes from its
 * configuration, so a resumed experiment, or another one with the same arm, finds it. Outcomes are stored under `experiments/`.
 */
import pLimit from "p-limit";
import { getJson, putJson } from "../../../db/artefact-files.js";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { preferenceText } from "../../../ml/metrics/clip-scores.js";
import type { RgbImage } from "../../../ml/nn/rgb-image.js";
import type { Progress, WorkHooks } from "../../../ml/progress.js";
import {
  type Candidates,
  selectCandidate,
  type ServingRules,
} from "../../images/candidate-selection.js";
import {
  type CandidateRequest,
  type ImagePath,
  makeCandidates,
  requireWhatIf,
} from "../../images/image-path.js";
import type { PersonalizationMethod } from "../../images/personalization-method.js";
import type { PictureRanker } from "../../ranking/picture-ranker.js";
import { assertEnough, evaluationPairs, type Pair, pairContext } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { type TrainingCost, trainingCostOf } from "../../reflection/training-cost.js";
import type { TrainRequest } from "../../versions/trained-version.service.js";
import { armMethod, armRequest, type TrainedArm } from "./arm-method.js";
import { armConfig, type ArmPlace, armPlace } from "./arm-place.js";
import { armsOf, type ExperimentArm, type ImageExperiment } from "./experiment-config.js";
import { type ImageOutcome, imageOutcome } from "./image-outcome.js";
import { sheetPairs } from "./sheet-pairs.js";
import { styleGroups } from "./style-groups.js";
import { imageWork, trainingWork, WorkClock } from "./work-clock.js";

export interface ArmOutcomes {
  arm: string;
  seed: number;
  /** The personalizer that was trained for it; null where there is none. */
  versionId: string | null;
  /** What its training cost; null where there is none, or it was not counted. */
  training?: TrainingCost | null;
  outcomes: readonly ImageOutcome[];
}

interface Dependencies {
  shop(): Promise<ShopSnapshot>;
  path: Omit<ImagePath, "ranker">;
  /** @throws AppError `INVALID_ARGUMENT` when the ranking model does not read images. */
  rankerOf: (shop: ShopSnapshot) => PictureRanker;
  rules: ServingRules;
  /** What a shop without a trained version shows. */
  untrained: PersonalizationMethod;
  clip: { encodeTexts(texts: readonly string[]): Promise<Float32Array[]> };
  training: {
    train(
      request: TrainRequest,
      hooks: WorkHooks,
    ): Promise<{ version: { artefactPath: string | null; metrics: unknown } }>;
  };
  /** Loads a version's files; the caller disposes of it. */
  load: (
    versionId: string,
    artefactPath: string,
    ranker: PictureRanker,
  ) => Promise<Pick<TrainedArm, "dispose" | "method">>;
  store: ArtefactStore;
}

/** An arm in one seed: what all of its images share. */
interface Run {
  arm: ExperimentArm;
  seed: number;
  /** Null where the catalogue image is shown. */
  method: PersonalizationMethod | null;
  signal?: AbortSignal;
}

export interface ExperimentProgress extends Progress {
  /** Null until it can be estimated. */
  secondsLeft: number | null;
}

export interface ExperimentHooks {
  signal?: AbortSignal;
  onProgress?: (progress: ExperimentProgress) => void;
  /** Awaited after each arm of a seed, with all results so far. */
  onArm?: (results: readonly ArmOutcomes[]) => Promise<void> | void;
}

export interface SheetRequest {
  arms: readonly ExperimentArm[];
  /** Latest pictures of each history. */
  numHistory: number;
  numObjects: number;
  numUsers: number;
}

/** What all arms share. */
interface Scene {
  experiment: ImageExperiment;
  shop: ShopSnapshot;
  path: ImagePath;
  pairs: readonly Pair[];
  /** CLIP embeddings of preference texts. */
  preferences: Map<string, Float32Array>;
  clock: WorkClock;
}

/** Pairs at a time: the render pool takes turns. */
const AT_ONCE = 4;
/** With fewer pairs no arm differs from another. */
const MIN_TEST_PAIRS = 2;

export class ImageExperimentService {
  constructor(private readonly deps: Dependencies) {}

  /** Runs what is not done yet, arm after arm for each seed. */
  async run(experiment: ImageExperiment, hooks: ExperimentHooks = {}): Promise<ArmOutcomes[]> {
    hooks.onProgress?.({ fraction: 0, secondsLeft: null, stage: "reading the shop" });
    const scene = await this.scene(experiment);
    const results: ArmOutcomes[] = [];
    for (const seed of experiment.seeds) {
      for (const arm of armsOf(experiment, seed)) {
        hooks.signal?.throwIfAborted();
        results.push(await this.outcomesOf(scene, arm, seed, hooks));
        await hooks.onArm?.(results);
      }
    }
    return results;
  }

  /**
   * The same items as some arms show them to several users, in the experiment's first seed. One row for each user: the latest
   * images of the history (null where it is shorter), then each item's catalogue image and each arm's image.
   *
   * @throws AppError as `sheetPairs`.
   */
  async sheet(
    experiment: ImageExperiment,
    { arms, numHistory, numObjects, numUsers }: SheetRequest,
    signal?: AbortSignal,
  ): Promise<(RgbImage | null)[][]> {
    const scene = await this.scene(experiment);
    const { shop } = scene;
    const [seed] = experiment.seeds;
    const { imageFiles } = this.deps.path;
    const pairs = sheetPairs(scene, { numObjects, numUsers });
    const drawings = new Map<string, RgbImage>();
    for (const arm of arms) {
      const trained = await this.trainArm(scene, arm, seed, { signal });
      try {
        const run = { arm, seed, method: this.methodOf(arm, trained), signal };
        for (const pair of pairs.flat()) {
          const { candidates, request } = await this.candidatesOf(scene, run, pair);
          const { chosen } = await selectCandidate(request.context, candidates, null);
          const image =
            chosen === null ? await imageFiles.load(pair.blobHash) : candidates.images[chosen];
          drawings.set(`${arm.name} ${pair.userId} ${pair.itemId}`, image);
        }
      } finally {
        trained?.dispose();
      }
    }
    const rowOf = async ([first, ...others]: readonly Pair[]) => {
      const history = first.historyItemIds.flatMap(id => shop.items.get(id)?.blobHash ?? []);
      const latest = Array.from({ length: numHistory }, (_, n) => history.at(n - numHistory));
      const row: (RgbImage | null)[] = [];
      for (const hash of latest) {
        row.push(hash === undefined ? null : await imageFiles.load(hash));
      }
      for (const { blobHash, itemId, userId } of [first, ...others]) {
        const own = arms.map(({ name }) => drawings.get(`${name} ${userId} ${itemId}`)!);
        row.push(await imageFiles.load(blobHash), ...own);
      }
      return row;
    };
    return Promise.all(pairs.map(rowOf));
  }

  /** Each test pair's group, in the order of outcomes; empty for an experiment without groups. */
  async groups(experiment: ImageExperiment): Promise<string[]> {
    if (!experiment.groupBy) {
      return [];
    }
    const { pairs, shop } = await this.scene(experiment);
    return styleGroups(shop, pairs);
  }

  private async scene(experiment: ImageExperiment): Promise<Scene> {
    const { numTestPairs: numPairs } = experiment;
    const shop = await this.deps.shop();
    const pairs = evaluationPairs(shop, "test", { numPairs, seed: 0 });
    assertEnough(pairs, MIN_TEST_PAIRS);
    const work = experiment.arms.map(
      arm =>
        trainingWork(arm, armConfig(experiment, arm)) + imageWork(experiment, arm, pairs.length),
    );
    const total = experiment.arms.reduce(
      (sum, { numSeeds = Infinity }, at) =>
        sum + Math.min(numSeeds, experiment.seeds.length) * work[at],
      0,
    );
    const path = { ...this.deps.path, ranker: this.deps.rankerOf(shop) };
    return { experiment, shop, path, pairs, preferences: new Map(), clock: new WorkClock(total) };
  }

  private placeOf(scene: Scene, arm: ExperimentArm, seed: number): ArmPlace {
    return armPlace({ ...scene, generator: this.deps.path.generator.version, arm, seed });
  }

  private async outcomesOf(
    scene: Scene,
    arm: ExperimentArm,
    seed: number,
    hooks: ExperimentHooks,
  ): Promise<ArmOutcomes> {
    const { clock, experiment, pairs } = scene;
    const { path } = this.placeOf(scene, arm, seed);
    const work = imageWork(experiment, arm, pairs.length);
    const report = (stage: string) => {
      const { fraction, secondsLeft } = clock;
      hooks.onProgress?.({ fraction, secondsLeft, stage: `${arm.name}, seed ${seed}: ${stage}` });
    };
    const { store } = this.deps;
    const done = (await getJson(store, path)) as ArmOutcomes | null;
    if (done) {
      clock.skip(work + trainingWork(arm, armConfig(experiment, arm)));
      report("done before");
      return { ...done, arm: arm.name };
    }
    const trained = await this.trainArm(scene, arm, seed, { signal: hooks.signal, report });
    try {
      const run = { arm, seed, method: this.methodOf(arm, trained), signal: hooks.signal };
      const limit = pLimit(AT_ONCE);
      let numDone = 0;
      const drawn = pairs.map(pair =>
        limit(async () => {
          hooks.signal?.throwIfAborted();
          const outcome = await this.outcomeOf(scene, run, pair);
          clock.advance(work / pairs.length);
          report(`picture ${++numDone} of ${pairs.length}`);
          return outcome;
        }),
      );
      const outcomes: ImageOutcome[] = await Promise.all(drawn);
      const { cost: training = null, versionId = null } = trained ?? {};
      const result = { arm: arm.name, seed, versionId, training, outcomes };
      await putJson(store, path, result);
      return result;
    } finally {
      trained?.dispose();
    }
  }

  /** The arm's personalizer, trained if it was not; null for an arm without. The caller disposes of it. */
  private async trainArm(
    scene: Scene,
    arm: ExperimentArm,
    seed: number,
    { report, signal }: { report?: (stage: string) => void; signal?: AbortSignal },
  ): Promise<TrainedArm | null> {
    if (arm.condition !== "personalizer") {
      return null;
    }
    const { clock, experiment } = scene;
    const config = armConfig(experiment, arm);
    const work = trainingWork(arm, config);
    const { versionId } = this.placeOf(scene, arm, seed);
    let made: number | null = null; // fraction; what a checkpoint gave before the first step is not this run's work
    const { version } = await this.deps.training.train(
      { versionId, seed, config, activate: false },
      {
        signal,
        onProgress: ({ fraction, stage }) => {
          if (fraction > 0) {
            if (made === null) {
              clock.skip(work * fraction);
            } else {
              clock.advance(work * (fraction - made));
            }
            made = fraction;
          }
          report?.(stage);
        },
      },
    );
    clock.skip(work * (1 - (made ?? 0))); // found, or stopped early
    const { artefactPath, metrics } = version;
    const loaded = await this.deps.load(versionId, artefactPath!, scene.path.ranker!); // a trained version has one
    return { versionId, ...loaded, cost: trainingCostOf(metrics) };
  }

  private methodOf(
    { condition }: ExperimentArm,
    trained: TrainedArm | null,
  ): PersonalizationMethod | null {
    return condition === "personalizer"
      ? trained!.method // trained for the arm
      : armMethod(condition, this.deps.untrained);
  }

  /** A pair's candidates, ranked; none where the catalogue image is shown. */
  private async candidatesOf(
    scene: Scene,
    { arm, method, seed, signal }: Run,
    pair: Pair,
  ): Promise<{ candidates: Candidates; request: CandidateRequest }> {
    const { path } = scene;
    const request = armRequest(
      { ...scene, arm, seed, config: armConfig(scene.experiment, arm) },
      pair,
    );
    if (method) {
      const [candidates] = await makeCandidates(path, method, [request], { signal });
      return { candidates, request };
    }
    const viewer = { userId: pair.userId, seenItemIds: request.seenItemIds };
    const whatIf = (await path.ranker?.whatIf(viewer, pair.itemId, [])) ?? null;
    return { candidates: { images: [], embeddings: [], whatIf }, request };
  }

  /** Draws a pair's candidates once, and measures the best of them and what a shop would have shown. */
  private async outcomeOf(scene: Scene, run: Run, pair: Pair): Promise<ImageOutcome> {
    const { experiment, preferences, shop } = scene;
    const { candidates, request } = await this.candidatesOf(scene, run, pair);
    // The same words for every arm, so that CPS compares images and not keywords.
    const config = { ...armConfig(experiment, run.arm), k: 5 };
    const context = pairContext(shop, pair, config);
    const text = preferenceText(context.preferenceKeywords);
    const preference = preferences.get(text) ?? (await this.deps.clip.encodeTexts([text]))[0];
    preferences.set(text, preference);
    const whatIf = requireWhatIf(candidates, context);
    return imageOutcome(
      { ...candidates, whatIf },
      { ...context, preference },
      {
        best: await selectCandidate(request.context, candidates, null),
        served: await selectCandidate(request.context, candidates, this.deps.rules),
      },
    );
  }
}
