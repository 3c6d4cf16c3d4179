/**
 * @file Experiments on personalised pictures: arms x seeds on held-out users, without the serving fallback.
 *
 * For every arm that has one, a personalizer is trained for each seed and kept as a version that does not serve; its id comes
 * from its configuration, so a stopped experiment, or another with the same arm, finds it. What an arm did on the test pairs
 * is kept in `experiments/` below the installation's folder.
 */
import { createHash } from "node:crypto";
import { getJson, putJson } from "../../../db/artefact-files.js";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import {
  clipImageScore,
  clipPreferenceImageScore,
  clipPreferenceScore,
  clipScore,
  preferenceText,
} from "../../../ml/metrics/clip-scores.js";
import type { RgbImage } from "../../../ml/nn/rgb-image.js";
import { ImageScorer } from "../../images/image-scorer.js";
import type { PersonalizerModel } from "../../images/personalizer-model.js";
import { assertEnough, evaluationPairs, type Pair, pairRetrieval } from "../../reflection/pairs.js";
import { personalizerConfig } from "../../reflection/personalizer-training-config.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { ArmArtist, Run } from "./arm-artist.js";
import {
  type ExperimentArm,
  mergedTraining,
  numCandidatesOf,
  type ImageExperiment,
} from "./experiment-config.js";
import { sheetPairs } from "./sheet-pairs.js";
import { imageWork, trainingWork, WorkClock } from "./work-clock.js";

/** What one picture did. */
export interface ImageOutcome {
  userId: string;
  itemId: string;
  deltaR: number;
  rankBefore: number;
  rankAfter: number;
  /** CLIP scores, x 100 (METHOD.md section 6). */
  cs: number;
  cis: number;
  cps: number;
  cpis: number;
}

export interface ArmOutcomes {
  arm: string;
  seed: number;
  /** The personalizer that was trained for it; null where there is none. */
  versionId: string | null;
  outcomes: readonly ImageOutcome[];
}

interface Dependencies {
  shop(): Promise<ShopSnapshot>;
  artist: Pick<ArmArtist, "draw">;
  /** Catalogue pictures. */
  imageFiles: { load(blobHash: string): Promise<RgbImage> };
  clip: { encodeTexts(texts: readonly string[]): Promise<Float32Array[]> };
  training: {
    train(
      request: {
        versionId: string;
        seed: number;
        config: Readonly<Record<string, unknown>>;
        activate: boolean;
      },
      hooks: {
        signal?: AbortSignal;
        onProgress?: (progress: { fraction: number; stage: string }) => void;
      },
    ): Promise<{ id: string; artefactPath: string | null }>;
  };
  /** Loads a version's files; the caller disposes of it. */
  load: (artefactPath: string) => Promise<PersonalizerModel>;
  generator: string;
  store: ArtefactStore;
}

export interface ExperimentProgress {
  fraction: number;
  /** Null while there is nothing to judge by. */
  secondsLeft: number | null;
  stage: string;
}

export interface ExperimentHooks {
  signal?: AbortSignal;
  onProgress?: (progress: ExperimentProgress) => void;
  /** Called with all that is there whenever an arm is done in a seed, and waited for. */
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
  scorer: ImageScorer;
  pairs: readonly Pair[];
  /** CLIP embeddings of preference texts. */
  preferences: Map<string, Float32Array>;
  clock: WorkClock;
}

/** Where an arm's outcomes and its personalizer are kept. */
interface Place {
  path: string;
  versionId: string;
}

/** Fewer pairs could not tell any arm from another. */
const MIN_TEST_PAIRS = 2;

export class ImageExperimentService {
  constructor(private readonly deps: Dependencies) {}

  /** Runs what is not done yet, arm after arm for each seed. */
  async run(experiment: ImageExperiment, hooks: ExperimentHooks = {}): Promise<ArmOutcomes[]> {
    hooks.onProgress?.({ fraction: 0, secondsLeft: null, stage: "reading the shop" });
    const scene = await this.scene(experiment);
    const results: ArmOutcomes[] = [];
    for (const seed of experiment.seeds) {
      for (const arm of experiment.arms) {
        hooks.signal?.throwIfAborted();
        results.push(await this.outcomesOf(scene, arm, seed, hooks));
        await hooks.onArm?.(results);
      }
    }
    return results;
  }

  /**
   * The same things as some arms show them to several shoppers, in the experiment's first seed: one row for each of the first users,
   * with the latest pictures of the history (null where it is shorter), then for each thing its catalogue picture and each arm's.
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
    const { imageFiles } = this.deps;
    const pairs = sheetPairs(scene, { numObjects, numUsers });
    const drawings = new Map<string, RgbImage>();
    for (const arm of arms) {
      const model = await this.trained(scene, arm, seed, { signal });
      try {
        const run = { ...runOf(scene, arm, seed), model, signal };
        for (const pair of pairs.flat()) {
          const { best } = await this.drawn(scene, run, pair);
          const image = best?.image ?? (await imageFiles.load(pair.blobHash));
          drawings.set(`${arm.name} ${pair.userId} ${pair.itemId}`, image);
        }
      } finally {
        model?.dispose();
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

  private async scene(experiment: ImageExperiment): Promise<Scene> {
    const { numTestPairs: numPairs } = experiment;
    const shop = await this.deps.shop();
    const pairs = evaluationPairs(shop, "test", { numPairs, seed: 0 });
    assertEnough(pairs, MIN_TEST_PAIRS);
    const work = experiment.arms.map(
      arm =>
        trainingWork(arm, configOf(experiment, arm)) + imageWork(experiment, arm, pairs.length),
    );
    const total = experiment.seeds.length * work.reduce((sum, own) => sum + own, 0);
    const scorer = new ImageScorer(shop);
    return { experiment, shop, scorer, pairs, preferences: new Map(), clock: new WorkClock(total) };
  }

  private placeOf({ experiment, pairs, shop }: Scene, arm: ExperimentArm, seed: number): Place {
    const { generator } = this.deps;
    const { guidanceScale, numSteps, strength } = experiment;
    const numCandidates = numCandidatesOf(experiment, arm);
    const basis = [generator, shop.ranker.versionId, configOf(experiment, arm), seed];
    const knobs = { guidanceScale, numCandidates, numSteps, strength };
    const key = hashOf([basis, arm.condition, knobs, pairs]);
    return {
      path: `experiments/${experiment.name}/${key}.json`,
      versionId: uuidOf(hashOf(["personalizer", ...basis])),
    };
  }

  private async outcomesOf(
    scene: Scene,
    arm: ExperimentArm,
    seed: number,
    hooks: ExperimentHooks,
  ): Promise<ArmOutcomes> {
    const { clock, experiment, pairs } = scene;
    const { path, versionId } = this.placeOf(scene, arm, seed);
    const work = imageWork(experiment, arm, pairs.length);
    const report = (stage: string) => {
      const { fraction, secondsLeft } = clock;
      hooks.onProgress?.({ fraction, secondsLeft, stage: `${arm.name}, seed ${seed}: ${stage}` });
    };
    const { store } = this.deps;
    const done = (await getJson(store, path)) as ArmOutcomes | null;
    if (done) {
      clock.skip(work + trainingWork(arm, configOf(experiment, arm)));
      report("done before");
      return { ...done, arm: arm.name };
    }
    const model = await this.trained(scene, arm, seed, { signal: hooks.signal, report });
    try {
      const run = { ...runOf(scene, arm, seed), model, signal: hooks.signal };
      const outcomes: ImageOutcome[] = [];
      for (const pair of pairs) {
        outcomes.push(await this.outcomeOf(scene, run, pair));
        clock.advance(work / pairs.length);
        report(`picture ${outcomes.length} of ${pairs.length}`);
      }
      const result = { arm: arm.name, seed, versionId: model && versionId, outcomes };
      await putJson(store, path, result);
      return result;
    } finally {
      model?.dispose();
    }
  }

  /** The arm's personalizer, trained if it was not; null for an arm without. The caller disposes of it. */
  private async trained(
    scene: Scene,
    arm: ExperimentArm,
    seed: number,
    { report, signal }: { report?: (stage: string) => void; signal?: AbortSignal },
  ): Promise<PersonalizerModel | null> {
    if (arm.condition !== "personalizer") {
      return null;
    }
    const { clock, experiment } = scene;
    const config = configOf(experiment, arm);
    const work = trainingWork(arm, config);
    const { versionId } = this.placeOf(scene, arm, seed);
    let made: number | null = null; // fraction; what a checkpoint gave, up to the first step, is not this run's work
    const version = await this.deps.training.train(
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
    return this.deps.load(version.artefactPath!); // a trained version has one
  }

  /** The picture of a pair that the ranking model scores highest; null for an arm that draws none. */
  private async drawn({ scorer }: Scene, run: Run, pair: Pair) {
    const candidates = await this.deps.artist.draw(run, pair);
    const outcome = scorer.score(
      pair,
      candidates.map(({ embedding }) => embedding),
    );
    const [best = null] = candidates
      .map((candidate, place) => ({ ...candidate, scored: outcome.images[place] }))
      .sort((a, b) => b.scored.score - a.scored.score);
    return { best, rankBefore: outcome.reference.rank };
  }

  /** Draws a pair's picture and measures it. */
  private async outcomeOf(scene: Scene, run: Run, pair: Pair): Promise<ImageOutcome> {
    const { preferences, shop } = scene;
    const reference = shop.items.get(pair.itemId)!;
    const captionEmbedding = reference.captionEmbedding!; // a pair has both
    const imageEmbedding = reference.imageEmbedding!;
    const { best, rankBefore } = await this.drawn(scene, run, pair);
    const { deltaR, rank } = best?.scored ?? { deltaR: 0, rank: rankBefore };
    const shown = best?.embedding ?? imageEmbedding;
    // The same words for every arm, so that CPS compares pictures and not keywords.
    const { history, preferenceKeywords } = pairRetrieval(shop, pair, { ...run.config, k: 5 });
    const text = preferenceText(preferenceKeywords);
    const preference = preferences.get(text) ?? (await this.deps.clip.encodeTexts([text]))[0];
    preferences.set(text, preference);
    return {
      userId: pair.userId,
      itemId: pair.itemId,
      deltaR,
      rankBefore,
      rankAfter: rank,
      cs: clipScore(shown, captionEmbedding),
      cis: clipImageScore(shown, imageEmbedding),
      cps: clipPreferenceScore(shown, preference),
      cpis: clipPreferenceImageScore(
        shown,
        history.flatMap(item => item.imageEmbedding ?? []),
      ),
    };
  }
}

function configOf(experiment: ImageExperiment, arm: ExperimentArm) {
  return personalizerConfig(mergedTraining(experiment.training, arm.training));
}

function runOf({ experiment, shop }: Scene, arm: ExperimentArm, seed: number): Omit<Run, "model"> {
  return { experiment, arm, config: configOf(experiment, arm), seed, shop };
}

function hashOf(parts: unknown): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** A UUID (version 8: of one's own making) from the head of a hash. */
function uuidOf(hash: string): string {
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
