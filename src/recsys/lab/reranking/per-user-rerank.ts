/**
 * @file The mode `perUser`: each user's first items by the ranking model are re-ranked by the images made for that user of all
 * of them (`user-signals.ts`). Leak-free: the surrogate's images are of train users and of items that a model of the train part
 * puts first for them; the weights of the signals are chosen on validation; the test items are read once, at the end.
 *
 * Arms: `ORI`, the ranking model; `ORI+`, re-ranked in the same way by the catalogue images, so that what the images add can be
 * told from what re-ranking adds; and the images'.
 */
import { createHash } from "node:crypto";
import { getJson, putJson } from "../../../db/artefact-files.js";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { AppError } from "../../../errors/app-error.js";
import { type Matrix, matrix, row } from "../../../ml/nn/matrix.js";
import { Random, seedFrom } from "../../../ml/nn/random.js";
import type { WorkHooks } from "../../../ml/progress.js";
import { hasFeatureGradient } from "../../../ml/ranking/recommender.js";
import {
  allRankingMetrics,
  evaluateRanker,
  measuredMetrics,
} from "../../evaluation/evaluate-ranker.js";
import { fitProgress } from "../../evaluation/fit-progress.js";
import type { PersonalizationMethod } from "../../images/personalization-method.js";
import { IMAGE_MODALITY } from "../../ranking/ranked-item.js";
import { checkpointAt } from "../../ranking/ranker-artefact.js";
import { type Pair, pairContext, pairOf, trainTimeline } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { fitRanker } from "../rankers/fit-and-evaluate.js";
import {
  decodeCandidates,
  encodeCandidates,
  meanRow,
  type ModelCandidates,
  present,
  type StoredCandidates,
  topCandidates,
} from "./candidates.js";
import { drawPairs, type ItemDrawing } from "./draw-item-images.js";
import {
  type DrawnExample,
  fitSurrogate,
  type ImageSurrogate,
  PredictedImages,
  type SurrogateStamp,
} from "./image-surrogate.js";
import type { PerUserFindings } from "./per-user-findings.js";
import { hashOf, modalitiesOf, viewOf } from "./rerank-data.js";
import { type Arm, type ArmRun, METRICS, type RerankSubject } from "./rerank-report.js";
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
  surrogate: ImageSurrogate;
  blend: Blend;
}

/** What a fitted model says of every user; kept, so that a stopped run resumes. */
interface SeedRun extends ModelCandidates {
  key: string;
  seed: number;
}

/** Fewer candidates than the deepest cut-off would change it. */
export const MIN_DEPTH = 20;

/** @throws AppError TOO_FEW_PAIRS, NOTHING_TO_VALIDATE */
export async function rerankPerUser(parts: PerUserParts, hooks: WorkHooks): Promise<PerUserResult> {
  const { config, shop } = parts.given;
  const runs: SeedRun[] = [];
  for (const [place, seed] of config.seeds.entries()) {
    const part = { from: (0.6 * place) / config.seeds.length, share: 0.6 / config.seeds.length };
    runs.push(await seedRun(parts, seed, within(hooks, part, `ORI, seed ${seed}`)));
  }
  const renderStartMs = performance.now();
  const { surrogate, numDrawn } = await surrogateOf(
    parts,
    runs[0],
    within(hooks, { from: 0.6, share: 0.3 }, "images"),
  );
  const renderSeconds = (performance.now() - renderStartMs) / 1_000;
  hooks.onProgress?.({ fraction: 0.9, stage: "re-ranking" });
  const [{ features }] = modalitiesOf(shop);
  const predicted = new PredictedImages(features, surrogate);
  const startMs = performance.now();
  const tallies = { left: new Set<number>(), withoutImage: 0, predicted: 0 };
  const byImages = runs.map(run => rankedOf(parts, run, { features, predicted, tallies }));
  const seconds = (performance.now() - startMs) / 1_000;
  const byOriginals = runs.map(run => rankedOf(parts, run, { features }));
  hooks.signal?.throwIfAborted();
  const { validation } = shop.split;
  const blend = chooseBlend(byImages, validation);
  const blendOfOriginals = chooseBlend(byOriginals, validation);
  const arm = (ranked: typeof byImages, chosen: Blend) =>
    Promise.all(ranked.map((own, place) => measuredRun(shop, runs[place], own, chosen)));
  return {
    arms: [
      { name: "ORI", runs: await arm(byOriginals, NO_BLEND) },
      { name: "ORI+", runs: await arm(byOriginals, blendOfOriginals.blend) },
      { name: config.condition ?? "plain", runs: await arm(byImages, blend.blend) },
    ],
    findings: {
      surrogate: surrogate.heldOut,
      blend,
      blendOfOriginals,
      numUsersLeft: tallies.left.size,
      numCandidatesWithoutImage: tallies.withoutImage,
      numDrawn,
      numPredicted: tallies.predicted,
      renderSeconds,
      secondsPer1000Users: (1_000 * seconds) / (runs.length * shop.userIds.length),
    },
    surrogate,
    blend: blend.blend,
  };
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

/** Trains the model of one seed on the catalogue images, or reads what an earlier run kept of it. */
async function seedRun(
  { given: { config, ranker, shop }, store }: PerUserParts,
  seed: number,
  { onProgress, signal }: WorkHooks,
): Promise<SeedRun> {
  signal?.throwIfAborted();
  const modalities = modalitiesOf(shop);
  const depth = Math.max(config.depth, MIN_DEPTH);
  const key = createHash("sha256")
    .update(JSON.stringify([ranker, seed, depth, hashOf(shop, modalities)]))
    .digest("hex");
  const path = `reranks/runs/${key}-candidates.json`;
  const stored = (await getJson(store, path)) as StoredCandidates | null;
  if (stored) {
    return { key, seed, ...decodeCandidates(stored) };
  }
  const view = viewOf(shop, modalities);
  const checkpoint = checkpointAt(store, `reranks/runs/${key}/checkpoint.safetensors`);
  const progress = fitProgress(report => onProgress?.(report));
  const { model } = await fitRanker(ranker, seed, view, { signal, checkpoint, ...progress });
  try {
    const users = [...shop.userIds.keys()];
    const candidates = users.map(user => topCandidates(model, shop.split.train[user], user, depth));
    const gradients = hasFeatureGradient(model, IMAGE_MODALITY)
      ? stacked(users.map(userIndex => model.featureGradient({ userIndex }, IMAGE_MODALITY)))
      : null;
    await putJson(store, path, encodeCandidates({ candidates, gradients }));
    await store.delete(checkpoint.name);
    return { key, seed, candidates, gradients };
  } finally {
    model.dispose();
  }
}

/**
 * The surrogate of this pack, method and ranking models: fitted on `numBankImages` drawn images of users and of items that the
 * first model puts first for them.
 */
async function surrogateOf(
  { drawing, given: { config, shop }, store }: PerUserParts,
  run: SeedRun,
  hooks: WorkHooks,
): Promise<{ surrogate: ImageSurrogate; numDrawn: number }> {
  const pairs = bankPairs(shop, run.candidates, config);
  if (pairs.length === 0) {
    throw new AppError("TOO_FEW_PAIRS", { needed: 1, got: 0 });
  }
  const drawn = await drawPairs(drawing, pairs, hooks);
  const examples = pairs.flatMap((pair, place): DrawnExample[] => {
    const { preferenceEmbedding, referenceImageEmbedding } = pairContext(shop, pair, config);
    return preferenceEmbedding
      ? [
          {
            userIndex: pair.userIndex,
            own: referenceImageEmbedding,
            preference: preferenceEmbedding,
            drawn: drawn[place],
          },
        ]
      : [];
  });
  const stamp = stampOf(drawing.path.generator.version, drawing.method, shop);
  const surrogate = fitSurrogate(examples, stamp);
  await putJson(store, `reranks/runs/${run.key}-surrogate.json`, { stamp, ...surrogate.heldOut });
  return { surrogate, numDrawn: pairs.length };
}

export function stampOf(
  generator: string,
  method: Pick<PersonalizationMethod, "id">,
  { ranker }: Pick<ShopSnapshot, "ranker">,
): SurrogateStamp {
  return { generator, method: method.id, rankingModelVersionId: ranker.versionId };
}

/** Random users and items among the first for them; the test items are not read. */
export function bankPairs(
  shop: ShopSnapshot,
  candidates: readonly Candidates[],
  { numBankImages, seed }: { numBankImages: number; seed: number },
): Pair[] {
  const random = new Random(seedFrom("images of the surrogate", seed));
  const users = [...shop.userIds.keys()];
  const pairs: Pair[] = [];
  const seen = new Set<string>();
  // Users with a short history have no pair, so more are tried than needed.
  for (let tries = 0; tries < 4 * numBankImages && pairs.length < numBankImages; tries++) {
    const user = users[random.int(users.length)];
    const { items } = candidates[user];
    const item = items[random.int(items.length)];
    const name = `${user}:${item}`;
    const pair = seen.has(name) ? null : pairOf(shop, user, item, trainTimeline(shop, user));
    seen.add(name);
    if (pair) {
      pairs.push(pair);
    }
  }
  return pairs;
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
  {
    features,
    predicted,
    tallies,
  }: { features: Matrix; predicted?: PredictedImages; tallies?: Tallies },
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
    const made = predicted ? images.predicted(predicted, own.items) : originals;
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

function stacked(rows: readonly Float32Array[]): Matrix {
  const result = matrix([rows.length, rows[0].length]);
  rows.forEach((values, at) => row(result, at).set(values));
  return result;
}
