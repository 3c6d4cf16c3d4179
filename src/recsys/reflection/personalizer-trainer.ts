/** @file Trains versions of the personalizer by the active ranking model's scores. */
import { createHash } from "node:crypto";
import { stringify } from "safe-stable-stringify";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { PersonalizerColumns } from "../../db/versions.repository.js";
import type { ConditionEncoder } from "../../ml/diffusion/condition-encoder.js";
import { type Matrix, matrix, row } from "../../ml/nn/matrix.js";
import { Random } from "../../ml/nn/random.js";
import type { WorkHooks } from "../../ml/progress.js";
import type { ImagePath } from "../images/image-path.js";
import type { PersonalizerModel } from "../images/personalizer-model.js";
import { costBetween, type RenderCost } from "../images/render-meter.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import type { Trainer, VersionPlace } from "../versions/trained-version.service.js";
import type { ChoiceReport } from "./chosen-conditions.js";
import {
  assertEnough,
  choicePairs,
  evaluationPairs,
  type Pair,
  trainingPairs,
  unusable,
} from "./pairs.js";
import {
  personalizerConfig,
  type PersonalizerTrainingConfig,
  storedPersonalizerConfig,
} from "./personalizer-training-config.js";
import {
  type PersonalizerTrainingResult,
  type StepReport,
  trainPersonalizer,
} from "./personalizer-training.js";
import type { ShopSnapshot } from "./shop-snapshot.js";
import type { TrainingSpeed } from "./stop-watch.js";
import type { ValidationResult } from "./validation-result.js";

/** Pictures whose image tokens say in which directions there is anything to explore. */
const NUM_TOKEN_SAMPLES = 512;
/** Fewer would be noise. */
const MIN_PAIRS = 2;

/** What a ready version stores as its `metrics`; a type and not an interface, so that it passes as JSON. */
export type PersonalizerMetrics = Readonly<{
  numPairs: number;
  numValidationPairs: number;
  numSteps: number;
  /** The look whose weights were kept, and all of them. */
  best: ValidationResult | null;
  validations: readonly ValidationResult[];
  /** Means over all steps: losses, reward, ρ over the reference's and over the keyword picture's. */
  means: Readonly<Record<string, number>>;
  trainingSeconds: number;
  /** Of this process, as {@link TrainingSpeed}. */
  cost: RenderCost;
  /** Users with too few items, and items without image or caption, that no pair is made of. */
  leftOut: Readonly<{ users: number; items: number }>;
  /** How the conditions were chosen that it was trained toward; null for `reinforce`. */
  choice: ChoiceReport | null;
  speed: TrainingSpeed;
  /** Most memory the process held, in MiB. */
  peakMemoryMib: number;
}>;

interface Dependencies {
  shop(): Promise<ShopSnapshot>;
  path: Omit<ImagePath, "ranker">;
  /** @throws AppError `INVALID_ARGUMENT` when the ranking model does not read images. */
  rankerOf: (shop: ShopSnapshot) => PictureRanker;
  encoder: () => Promise<Pick<ConditionEncoder, "encodeTexts" | "projectImage">>;
  /** An untrained model. @throws AppError `LANGUAGE_MODEL_MISSING` */
  create: (config: Readonly<Record<string, unknown>>, seed: number) => Promise<PersonalizerModel>;
  /** Has the checkpoints. */
  store: ArtefactStore;
  /** What was drawn since the process began. */
  cost: () => RenderCost;
}

interface Prepared {
  config: PersonalizerTrainingConfig;
  seed: number;
  shop: ShopSnapshot;
}

export class PersonalizerTrainer implements Trainer<PersonalizerColumns> {
  readonly folder = "personalizers";

  constructor(private readonly deps: Dependencies) {}

  /** @throws AppError INVALID_ARGUMENT, RANKER_NOT_TRAINED; its `fit`: LANGUAGE_MODEL_MISSING, TOO_FEW_PAIRS, TRAINING_DIVERGED */
  async prepare(
    given: { config: Readonly<Record<string, unknown>>; seed: number; isStored: boolean },
    { onProgress }: WorkHooks,
  ) {
    const read = given.isStored
      ? storedPersonalizerConfig(given.config)
      : personalizerConfig(given.config);
    const config = { ...read, rewardTraining: read.rewardTraining ?? "reinforce" };
    onProgress?.({ fraction: 0, stage: "reading the shop" });
    const shop = await this.deps.shop();
    const { version: generator } = this.deps.path.generator;
    return {
      columns: { config, generator, rankingModelVersionId: shop.ranker.versionId },
      fit: (place: VersionPlace, hooks: WorkHooks) =>
        this.fit(place, { config, seed: given.seed, shop }, hooks),
    };
  }

  private async fit(
    { versionId, checkpoint }: VersionPlace,
    { config, seed, shop }: Prepared,
    { onProgress, signal }: WorkHooks,
  ) {
    const { create, encoder, path, rankerOf, store } = this.deps;
    const { version: generator } = path.generator;
    const about = { numPairs: config.numPairs, seed };
    const isByRollouts = config.rewardTraining === "reinforce";
    const train = isByRollouts ? trainingPairs(shop, about) : choicePairs(shop, about);
    assertEnough(train, MIN_PAIRS);
    const numPairs = config.numValidationPairs;
    const validation = evaluationPairs(shop, "validation", { numPairs, seed: 0 }); // the same for every seed
    const dataHash = hashOf(shop, [...train, ...validation]);
    const model = await create(config.model, seed);
    try {
      const [startMs, costBefore] = [performance.now(), this.deps.cost()];
      const ranker = rankerOf(shop);
      const samples = await imageTokenSamples(shop, await encoder());
      model.explore(samples, { count: config.numDirections });
      const parts = {
        shop,
        path: { ...path, ranker },
        encoder: await encoder(),
        config,
        seed,
        signal,
      };
      const result = await trainPersonalizer({
        parts,
        model,
        train,
        validation,
        store,
        onBank: (done, total) =>
          onProgress?.({ fraction: 0, stage: `bank of images: ${done} of ${total} pairs` }),
        checkpoint,
        fingerprint: fingerprintOf({ config, seed, dataHash, generator }),
        onStep: report => onProgress?.(progressOf(report)),
      });
      const rankingModelVersionId = shop.ranker.versionId;
      const { best } = result;
      const lineage = { versionId, seed, config, dataHash, generator, rankingModelVersionId, best };
      const files = model.toFiles(lineage);
      const trainingSeconds = (performance.now() - startMs) / 1_000;
      const cost = costBetween(costBefore, this.deps.cost());
      const leftOut = unusable(shop);
      const metrics = metricsOf(result, { train, validation, trainingSeconds, cost, leftOut });
      return { metrics, dataHash, files };
    } finally {
      model.dispose();
    }
  }
}

/** Image tokens of catalogue pictures: what the generator has learned to attend to; rows of Q D numbers. */
async function imageTokenSamples(
  { items }: ShopSnapshot,
  encoder: Pick<ConditionEncoder, "projectImage">,
): Promise<Matrix> {
  const embedded = [...items.values()].flatMap(({ imageEmbedding }) => imageEmbedding ?? []);
  const chosen = new Random(0).shuffled(embedded).slice(0, NUM_TOKEN_SAMPLES);
  const rows: Float32Array[] = [];
  for (const embedding of chosen) {
    rows.push((await encoder.projectImage(embedding))?.tokens ?? new Float32Array(0));
  }
  const samples = matrix([rows.length, rows[0]?.length ?? 0]);
  rows.forEach((values, index) => row(samples, index).set(values));
  return samples;
}

function metricsOf(
  { best, choice, validations, means, numSteps, speed }: PersonalizerTrainingResult,
  {
    train,
    validation,
    ...about
  }: { train: readonly Pair[]; validation: readonly Pair[] } & Pick<
    PersonalizerMetrics,
    "cost" | "leftOut" | "trainingSeconds"
  >,
): PersonalizerMetrics {
  return {
    numPairs: train.length,
    numValidationPairs: validation.length,
    numSteps,
    best,
    validations,
    means,
    choice,
    ...about,
    speed,
    peakMemoryMib: process.resourceUsage().maxRSS / 1024, // Linux and Node give KiB
  };
}

/** Of what a training reads of its pairs. */
export function hashOf({ items, ranker }: ShopSnapshot, pairs: readonly Pair[]): string {
  const hash = createHash("sha256").update(JSON.stringify([ranker.versionId, pairs]));
  for (const itemId of new Set(pairs.flatMap(pair => [pair.itemId, ...pair.historyItemIds]))) {
    const { captionEmbedding, imageEmbedding, ...described } = items.get(itemId)!;
    hash.update(JSON.stringify(described));
    hash.update(captionEmbedding!).update(imageEmbedding!); // pairs have none without
  }
  return hash.digest("hex");
}

/** The same whatever the order of fields: a configuration comes back from the database in another. */
export function fingerprintOf(parts: object): string {
  return createHash("sha256").update(stringify(parts)).digest("hex");
}

function progressOf({ validated, losses, means, numSteps, step }: StepReport) {
  const terms = Object.entries(losses).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  const { overKey, overReference } = means;
  const scores =
    overReference === undefined
      ? ""
      : `, ρ over reference ${overReference.toFixed(3)}, over keywords ${overKey.toFixed(3)}`;
  const validation =
    validated &&
    `; validation: median ΔR ${validated.medianDeltaR.toFixed(3)}, win rate ${validated.winRate.toFixed(2)}, CS ${(100 * validated.captionSimilarity).toFixed(1)} (keywords ${(100 * validated.keyCaptionSimilarity).toFixed(1)})`;
  const stage = `step ${step} of ${numSteps}: ${terms.join(", ")}${scores}${validation ?? ""}`;
  return { fraction: step / numSteps, stage };
}
