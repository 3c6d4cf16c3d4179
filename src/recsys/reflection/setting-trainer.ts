/**
 * @file Trains versions of the personalizer of photographs: a policy over settings (`ml/reflection/setting-policy.ts`), fitted on a bank
 * of drawn settings of training users, and judged on validation users beside the settings by taste alone.
 *
 * The bank takes nearly all the time and is kept, so a killed training resumes where it stood.
 */
import pLimit from "p-limit";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { PersonalizerColumns } from "../../db/versions.repository.js";
import { dot } from "../../ml/nn/matrix.js";
import type { WorkHooks } from "../../ml/progress.js";
import type { SettingPolicy } from "../../ml/reflection/setting-policy.js";
import { type ImagePath, makeCandidates } from "../images/image-path.js";
import type { PersonalizationMethod } from "../images/personalization-method.js";
import { costBetween, type RenderCost } from "../images/render-meter.js";
import { SettingMethod } from "../images/setting-method.js";
import type { SettingTastes } from "../images/setting-tastes.js";
import { TrainedSettingMethod } from "../images/trained-setting-method.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import type { Trainer, VersionPlace } from "../versions/trained-version.service.js";
import { fitSettings, settingModeOf, type SettingReport } from "./fit-settings.js";
import { evaluationPairs, type Pair, unusable } from "./pairs.js";
import { hashOf } from "./personalizer-trainer.js";
import {
  personalizerConfig,
  type PersonalizerTrainingConfig,
  storedPersonalizerConfig,
} from "./personalizer-training-config.js";
import type { ScoredImages } from "./rollouts.js";
import { settingBank, type SettingBankParts, settingRequest } from "./setting-bank.js";
import type { ShopSnapshot } from "./shop-snapshot.js";
import { StopWatch, type TrainingSpeed } from "./stop-watch.js";
import { isBetter, type ValidationResult, validationResult } from "./validation-result.js";

/** What a ready version stores as its `metrics`; a type and not an interface, so that it passes as JSON. */
export type SettingMetrics = Readonly<{
  /** Pairs of the bank, and of validation users of whose items an image could be drawn. */
  numPairs: number;
  numValidationPairs: number;
  /** With the policy, if it is in use; null without validation pairs. */
  best: ValidationResult | null;
  /** Of settings by taste, then by the policy. */
  validations: readonly ValidationResult[];
  /** Whether the policy chooses; if not, it was not better on validation, and settings follow taste. */
  isInUse: boolean;
  choice: SettingReport;
  /** Users with too few items, and items without image or caption, that no pair is made of. */
  leftOut: Readonly<{ users: number; items: number }>;
  trainingSeconds: number;
  cost: RenderCost;
  speed: TrainingSpeed;
  /** Most memory the process held, in MiB. */
  peakMemoryMib: number;
}>;

interface Dependencies {
  shop(): Promise<ShopSnapshot>;
  path: Omit<ImagePath, "ranker">;
  /** @throws AppError `INVALID_ARGUMENT` when the ranking model does not read images. */
  rankerOf: (shop: ShopSnapshot) => PictureRanker;
  tastes: Pick<SettingTastes, "of">;
  /** Backdrops of the shop for SCENE. Default: none. */
  numScenes?: number;
  /** Has the banks. */
  store: ArtefactStore;
  /** What was drawn since the process began. */
  cost: () => RenderCost;
}

/** Pairs at a time: the render pool takes turns. */
const AT_ONCE = 4;

interface ValidationParts extends SettingBankParts {
  /** Of settings and noise. */
  seed: number;
}

interface Prepared {
  config: PersonalizerTrainingConfig;
  seed: number;
  shop: ShopSnapshot;
}

export class SettingTrainer implements Trainer<PersonalizerColumns> {
  readonly folder = "personalizers";

  constructor(private readonly deps: Dependencies) {}

  /** @throws AppError INVALID_ARGUMENT, RANKER_NOT_TRAINED; its `fit`: TOO_FEW_PAIRS, TRAINING_DIVERGED */
  async prepare(
    given: { config: Readonly<Record<string, unknown>>; seed: number; isStored: boolean },
    { onProgress }: WorkHooks,
  ) {
    const read = given.isStored
      ? storedPersonalizerConfig(given.config)
      : personalizerConfig(given.config);
    const config = { ...read, rewardTraining: settingModeOf(read.rewardTraining) };
    onProgress?.({ fraction: 0, stage: "reading the shop" });
    const shop = await this.deps.shop();
    const { version: generator } = this.deps.path.generator;
    return {
      columns: { config, generator, rankingModelVersionId: shop.ranker.versionId },
      fit: ({ versionId }: VersionPlace, hooks: WorkHooks) =>
        this.fit(versionId, { config, seed: given.seed, shop }, hooks),
    };
  }

  private async fit(
    versionId: string,
    { config, seed, shop }: Prepared,
    { onProgress, signal }: WorkHooks,
  ) {
    const { cost, numScenes, rankerOf, store, tastes } = this.deps;
    const [startMs, costBefore, watch] = [performance.now(), cost(), new StopWatch()];
    const ranker = rankerOf(shop);
    const path = { ...this.deps.path, ranker };
    const parts = { shop, path, tastes, numScenes, config, seed, signal };
    const onPairs = (done: number, total: number) =>
      onProgress?.({
        fraction: (0.9 * done) / total,
        stage: `bank of images: ${done} of ${total} pairs`,
      });
    const bank = await watch.timed("images", () => settingBank(parts, { store, onPairs }));
    watch.numPairs = bank.entries.length;
    const mode = settingModeOf(config.rewardTraining);
    const about = { mode, captionShare: config.captionFloorShare };
    const { policy, report } = await watch.timed("gradients", () =>
      fitSettings(about, { shop, ranker }, bank),
    );
    onProgress?.({ fraction: 0.9, stage: "validation" });
    const numPairs = config.numValidationPairs;
    const validation = evaluationPairs(shop, "validation", { numPairs, seed: 0 });
    const validations = await watch.timed("validations", () =>
      this.validate(parts, validation, { policy, versionId }),
    );
    const [byTaste, byPolicy] = validations;
    const isInUse = validations.length === 0 || isBetter(byPolicy, byTaste);
    const best = validations.length === 0 ? null : isInUse ? byPolicy : byTaste;
    const dataHash = hashOf(shop, [...bank.entries.map(({ pair }) => pair), ...validation]);
    const { version: generator } = path.generator;
    const rankingModelVersionId = shop.ranker.versionId;
    const lineage = { versionId, seed, config, dataHash, generator, rankingModelVersionId, best };
    const metrics: SettingMetrics = {
      numPairs: bank.entries.length,
      numValidationPairs: validations.length === 0 ? 0 : validation.length,
      best,
      validations,
      isInUse,
      choice: report,
      leftOut: unusable(shop),
      trainingSeconds: (performance.now() - startMs) / 1_000,
      cost: costBetween(costBefore, cost()),
      speed: watch.speed,
      peakMemoryMib: process.resourceUsage().maxRSS / 1024, // Linux and Node give KiB
    };
    const kept = isInUse ? policy : policy.silenced();
    return { metrics, dataHash, files: kept.toFiles(lineage) };
  }

  /** One image each by taste and by the policy; empty where none can be drawn. */
  private async validate(
    parts: ValidationParts,
    pairs: readonly Pair[],
    { policy, versionId }: { policy: SettingPolicy; versionId: string },
  ): Promise<ValidationResult[]> {
    const { numScenes, tastes } = this.deps;
    const { ranker } = parts.path;
    const use = <Result>(run: (own: SettingPolicy) => Promise<Result>) => run(policy);
    const byTaste = await scoredBy(parts, new SettingMethod({ tastes, numScenes }), pairs);
    const trained = new TrainedSettingMethod({ versionId, use, tastes, ranker, numScenes });
    const byPolicy = await scoredBy(parts, trained, pairs);
    const both = byTaste.flatMap((own, at) => {
      const other = byPolicy[at];
      return own && other ? [{ byTaste: own, byPolicy: other }] : [];
    });
    if (both.length === 0) {
      return [];
    }
    const keys = both.map(({ byTaste: { captionSimilarities } }) => captionSimilarities[0]);
    const about = { keys, captionFloorShare: parts.config.captionFloorShare };
    return [
      validationResult(
        both.map(own => own.byTaste),
        { ...about, step: 0 },
      ),
      validationResult(
        both.map(own => own.byPolicy),
        { ...about, step: 1 },
      ),
    ];
  }
}

/** Of each pair, in order; null where no image can be drawn, or nothing of it is known. */
async function scoredBy(
  parts: ValidationParts,
  method: PersonalizationMethod,
  pairs: readonly Pair[],
): Promise<(ScoredImages | null)[]> {
  const { path, signal } = parts;
  const limit = pLimit(AT_ONCE);
  return Promise.all(
    pairs.map(pair =>
      limit(async () => {
        const request = { ...settingRequest(parts, pair), numImages: 1 };
        const [{ embeddings, whatIf }] = await makeCandidates(path, method, [request], {
          cache: false,
          signal,
        });
        const { referenceCaptionEmbedding: caption } = request.context;
        const captionSimilarities = embeddings.map(embedding => dot(embedding, caption));
        return whatIf && embeddings.length > 0 ? { whatIf, captionSimilarities } : null;
      }),
    ),
  );
}
