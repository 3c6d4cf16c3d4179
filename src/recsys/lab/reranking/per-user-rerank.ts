/**
 * @file The modes `perUser`, `augment` and `tastes`: each user's first items by the ranking model are re-ranked by the images made
 * for that user, or for users of the same taste, of all of them (`user-signals.ts`). With `augment` and `tastes` the ranking model
 * is also trained on such images, of chosen and of unchosen items alike (`personal-views.ts`). Leak-free: the surrogate's images are of train users and of items that a model of the train part
 * puts first for them; the weights of the signals are chosen on validation; the test items are read once, at the end.
 *
 * Arms: `ORI`, the ranking model; `ORI+`, re-ranked in the same way by the catalogue images, so that what the images add can be
 * told from what re-ranking adds; `TRAINED`, the model that is trained on images too, in its own order by catalogue images; and
 * the one with images.
 */
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { type Matrix, row } from "../../../ml/nn/matrix.js";
import type { WorkHooks } from "../../../ml/progress.js";
import type { PersonalViews } from "../../../ml/ranking/recommender.js";
import {
  allRankingMetrics,
  evaluateRanker,
  measuredMetrics,
} from "../../evaluation/evaluate-ranker.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { meanRow, present } from "./candidates.js";
import type { ItemDrawing } from "./draw-item-images.js";
import { surrogateOf } from "./image-bank.js";
import { type ImageSurrogate, PredictedImages } from "./image-surrogate.js";
import type { PerUserFindings } from "./per-user-findings.js";
import { modalitiesOf } from "./rerank-data.js";
import {
  type Arm,
  type ArmRun,
  METRICS,
  type RerankCost,
  type RerankSubject,
} from "./rerank-report.js";
import { type SeedRun, seedRuns } from "./seed-runs.js";
import { ShownImages } from "./shown-images.js";
import { UserImages } from "./user-images.js";
import {
  type Blend,
  type Candidates,
  chooseBlend,
  NO_BLEND,
  type RankedCandidates,
  reordered,
  signalsOf,
} from "./user-signals.js";

export interface PerUserParts {
  drawing: ItemDrawing;
  given: RerankSubject;
  store: ArtefactStore;
}

export interface PerUserResult {
  /** `ORI` first, the one with images last. */
  arms: Arm[];
  findings: PerUserFindings;
  cost: RerankCost;
  surrogate: ImageSurrogate;
  blend: Blend;
  /** What the models of the last arm were trained on beside the catalogue; null in the mode `perUser`. */
  views: PersonalViews | null;
}

/** @throws AppError TOO_FEW_PAIRS, NOTHING_TO_VALIDATE */
export async function rerankPerUser(parts: PerUserParts, hooks: WorkHooks): Promise<PerUserResult> {
  const { config, shop } = parts.given;
  const isTrained = config.mode !== "perUser";
  const share = isTrained ? 0.3 : 0.6;
  let startMs = performance.now();
  const seconds = () => {
    const passed = (performance.now() - startMs) / 1_000;
    startMs = performance.now();
    return passed;
  };
  const runs = await seedRuns(parts, within(hooks, { from: 0, share }, "ORI"));
  const trainSeconds = seconds();
  const { surrogate, numDrawn } = await surrogateOf(
    parts,
    runs[0],
    within(hooks, { from: share, share: 0.3 }, "images"),
  );
  const renderSeconds = seconds();
  const [{ features }] = modalitiesOf(shop);
  const shown = new ShownImages(shop, new PredictedImages(features, surrogate), config, features);
  const views = isTrained ? shown.views(surrogate) : undefined;
  const ofViews = within(hooks, { from: share + 0.3, share: 0.3 }, config.mode);
  const trained = views ? await seedRuns({ ...parts, views }, ofViews) : null;
  const viewSeconds = seconds();
  hooks.onProgress?.({ fraction: 0.9, stage: "re-ranking" });
  const tallies = { left: new Set<number>(), withoutImage: 0, predicted: 0 };
  const last = trained ?? runs;
  const byImages = last.map(run => rankedOf(parts, run, { features, shown, tallies }));
  const rerankSeconds = seconds();
  const byOriginals = runs.map(run => rankedOf(parts, run, { features }));
  hooks.signal?.throwIfAborted();
  const { validation } = shop.split;
  const blend = chooseBlend(byImages, validation);
  const blendOfOriginals = chooseBlend(byOriginals, validation);
  const arm = (of: readonly SeedRun[], ranked: typeof byImages, chosen: Blend) =>
    Promise.all(ranked.map((own, place) => measuredRun(shop, of[place], own, chosen)));
  const inOrder = trained && (await arm(trained, byImages, NO_BLEND));
  return {
    arms: [
      { name: "ORI", runs: await arm(runs, byOriginals, NO_BLEND) },
      { name: "ORI+", runs: await arm(runs, byOriginals, blendOfOriginals.blend) },
      ...(inOrder ? [{ name: "TRAINED" as const, runs: inOrder }] : []),
      { name: config.condition ?? "plain", runs: await arm(last, byImages, blend.blend) },
    ],
    findings: {
      surrogate: surrogate.heldOut,
      blend,
      blendOfOriginals,
      tasteSizes: shown.tastes && sizesOf(shown.tastes.tasteOf),
      numUsersLeft: tallies.left.size,
      numCandidatesWithoutImage: tallies.withoutImage,
    },
    cost: {
      numDrawn,
      renderSeconds,
      trainSeconds: trainSeconds + viewSeconds,
      numPredicted: tallies.predicted,
      numPredictedPer1000Users: Math.round(
        (1_000 * tallies.predicted) / (runs.length * shop.userIds.length),
      ),
      secondsPer1000Users: (1_000 * rerankSeconds) / (runs.length * shop.userIds.length),
    },
    surrogate,
    blend: blend.blend,
    views: views ?? null,
  };
}

function sizesOf(tasteOf: Int32Array): number[] {
  const sizes: number[] = [];
  tasteOf.forEach(taste => (sizes[taste] = (sizes[taste] ?? 0) + 1));
  return sizes;
}

function within(
  { onProgress, ...hooks }: WorkHooks,
  { from, share }: { from: number; share: number },
  name: string,
): WorkHooks {
  return {
    ...hooks,
    onProgress: ({ fraction, stage }) =>
      onProgress?.({ fraction: from + share * fraction, stage: `${name}, ${stage}` }),
  };
}

interface Tallies {
  left: Set<number>;
  withoutImage: number;
  predicted: number;
}

/** Every user's candidates with their signals, of the predicted images or of the catalogue's. */
function rankedOf(
  { given: { config, shop } }: PerUserParts,
  { candidates, gradients }: SeedRun,
  { features, shown, tallies }: { features: Matrix; shown?: ShownImages; tallies?: Tallies },
): RankedCandidates[] {
  const shopMean = meanRow(features);
  return candidates.map((own, user) => {
    const images = UserImages.ofTrain(shop, user, config);
    const taste = images.taste(features, shopMean);
    if (!taste) {
      tallies?.left.add(user);
      return withoutSignals(own);
    }
    const originals = Array.from(own.items, item => present(row(features, item)));
    const made = shown ? Array.from(own.items, item => shown.of(user, item)) : originals;
    if (tallies) {
      const numMade = made.filter(image => image !== null).length;
      tallies.predicted += numMade;
      tallies.withoutImage += made.length - numMade;
    }
    const gradient = gradients && row(gradients, user);
    return { ...own, signals: signalsOf(made, { own: originals, taste, gradient }) };
  });
}

function withoutSignals(own: Candidates): RankedCandidates {
  const none = new Float32Array(own.items.length);
  return { ...own, signals: { score: none, history: none, change: none } };
}

/** Both parts, with the candidates in their new order. What is no candidate cannot reach a cut-off. */
async function measuredRun(
  { ranker, split }: ShopSnapshot,
  { seed }: SeedRun,
  ranked: readonly RankedCandidates[],
  blend: Blend,
): Promise<ArmRun> {
  const score = (user: number) => {
    const scores = new Float32Array(ranker.itemIds.length).fill(NaN);
    const order = reordered(ranked[user], blend);
    order.forEach((item, place) => (scores[item] = -place));
    return scores;
  };
  const options = { metrics: allRankingMetrics, cutoffs: [10, 20] };
  const { train, validation, test } = split;
  const onValidation = await evaluateRanker({ score }, validation, [train], options);
  const onTest = await evaluateRanker({ score }, test, [train, validation], options);
  const byUser = METRICS.map(metric => [metric, onTest.byUser.map(own => own[metric])]);
  return {
    seed,
    validation: measuredMetrics(onValidation.metrics),
    test: measuredMetrics(onTest.metrics),
    byUser: Object.fromEntries(byUser) as ArmRun["byUser"],
  };
}
