/**
 * @file Feedback into the ranker (RAGAR, Table 4): images become item features, the ranking model is trained again, and both
 * models are evaluated on the same held-out items.
 *
 * Arms: `ORI`, the catalogue's features, and `RAGAR` (or `plain`), those of `item-images.ts`; several seeds each. Images are stored by
 * their content and runs by their data, so a stopped run resumes. The mode `perUser` trains nothing again: `per-user-rerank.ts`.
 */
import { createHash } from "node:crypto";
import { getJson, putJson } from "../../../db/artefact-files.js";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { AppError } from "../../../errors/app-error.js";
import type { WorkHooks } from "../../../ml/progress.js";
import type { Modality, PersonalViews } from "../../../ml/ranking/recommender.js";
import { measuredMetrics } from "../../evaluation/evaluate-ranker.js";
import { fitProgress } from "../../evaluation/fit-progress.js";
import type { ImagePath } from "../../images/image-path.js";
import { type PersonalizationMethod, plainMethod } from "../../images/personalization-method.js";
import type { PictureRanker } from "../../ranking/picture-ranker.js";
import { IMAGE_MODALITY } from "../../ranking/ranked-item.js";
import { checkpointAt, trainedVersion } from "../../ranking/ranker-artefact.js";
import { type RankerConfig, rankerConfig } from "../../ranking/ranker-config.js";
import type { RerankedLists } from "../../ranking/reranked-lists.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { Trainer, TrainRequest } from "../../versions/trained-version.service.js";
import { fitRanker } from "../rankers/fit-and-evaluate.js";
import { drawItemImages, type ItemDrawing } from "./draw-item-images.js";
import { stampOf } from "./image-bank.js";
import { imageFeatures, plannedImages } from "./item-images.js";
import { rerankedLists } from "./per-user-lists.js";
import { rerankPerUser } from "./per-user-rerank.js";
import { permutedHeldOut } from "./permuted-labels.js";
import { assertMayActivate, rerankConfig, type RerankConfig } from "./rerank-config.js";
import { hashOf, measure, modalitiesOf, viewOf } from "./rerank-data.js";
import {
  type ArmName,
  type ArmRun,
  METRICS,
  reportOf,
  type RerankReport,
  type RerankSubject,
  isWorthKeeping,
} from "./rerank-report.js";
import { isBeyondChance } from "./user-signals.js";

interface Dependencies {
  shop(): Promise<ShopSnapshot>;
  path: Omit<ImagePath, "ranker">;
  rankerOf: (shop: ShopSnapshot) => PictureRanker;
  methods: { active(): Promise<PersonalizationMethod> };
  rankers: {
    train(
      request: TrainRequest,
      hooks: WorkHooks,
      trainer: Trainer<{ algorithm: string }>,
    ): Promise<unknown>;
  };
  /** Where the lists of the mode `perUser` are kept. */
  lists: Pick<RerankedLists, "replace">;
  /** Reports are stored under `reranks/`, finished parts of a run under `reranks/runs/`. */
  store: ArtefactStore;
}

interface RunRequest {
  runId: string;
  config: Readonly<Record<string, unknown>>;
  activate: boolean;
}

export class RerankService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * @param request.runId UUID of the run, and of the version that may come of it.
   * @param request.activate Whether the version is kept and serves even if it is not better on the validation split.
   * @throws AppError INVALID_ARGUMENT, RANKER_NOT_TRAINED, TOO_FEW_PAIRS
   */
  async run(request: RunRequest, hooks: WorkHooks = {}): Promise<RerankReport> {
    const { activate, runId } = request;
    const asked = rerankConfig(request.config);
    assertMayActivate(asked, activate);
    const { condition, method } = await this.methodOf(asked);
    const config = { ...asked, condition };
    hooks.onProgress?.({ fraction: 0, stage: "reading the shop" });
    const known = await this.deps.shop();
    const shop = config.permuteLabels
      ? { ...known, split: permutedHeldOut(known.split, config.seed) }
      : known;
    const given = { shop, ranker: rankerOf(shop, config), config };
    const report =
      config.mode === "retrain"
        ? await this.retrain(request, { given, method, condition }, hooks)
        : await this.perUser(request, { given, method }, hooks);
    await putJson(this.deps.store, `reranks/${runId}.json`, report);
    return report;
  }

  private async perUser(
    { activate, runId }: RunRequest,
    { given, method }: { given: RerankSubject; method: PersonalizationMethod },
    hooks: WorkHooks,
  ): Promise<RerankReport> {
    const { lists, path, store } = this.deps;
    const { config, shop } = given;
    const drawing = this.drawing(given, method);
    const { arms, blend, cost, findings, surrogate, views } = await rerankPerUser(
      { drawing, given, store },
      hooks,
    );
    const isTest = config.permuteLabels;
    const areListsKept = !views && !isTest && (activate || isBeyondChance(findings.blend));
    if (areListsKept) {
      hooks.onProgress?.({ fraction: 0.97, stage: "writing the lists that serve" });
      const stamp = stampOf(path.generator.version, method, shop);
      const made = await rerankedLists({ shop, surrogate, stamp, blend, config }, hooks);
      const rankingModelVersionId = shop.ranker.versionId;
      await lists.replace({ runId, rankingModelVersionId }, made);
    }
    const [ori] = arms;
    const trained = arms.find(({ name }) => name === "TRAINED");
    const isKept =
      trained !== undefined &&
      isWorthKeeping(config, { ori: ori.runs, ragar: trained.runs }, activate);
    if (isKept) {
      const modalities = modalitiesOf(shop);
      await this.keep(runId, given, { modalities, views: views ?? undefined }, hooks);
    }
    return {
      ...reportOf({ runId, given, arms }),
      numImages: cost.numDrawn,
      drawnShare: cost.numDrawn / (cost.numDrawn + cost.numPredicted),
      versionId: isKept ? runId : null,
      cost,
      perUser: findings,
      areListsKept,
    };
  }

  /** Of several candidates the ranking model chooses; of one there is no choice. */
  private drawing({ config, shop }: RerankSubject, method: PersonalizationMethod): ItemDrawing {
    const chooser = config.numCandidates > 1 ? this.deps.rankerOf(shop) : null;
    return { shop, config, method, path: { ...this.deps.path, ranker: chooser } };
  }

  private async retrain(
    { activate, runId }: RunRequest,
    {
      condition,
      given,
      method,
    }: { given: RerankSubject; method: PersonalizationMethod; condition: ArmName },
    hooks: WorkHooks,
  ): Promise<RerankReport> {
    const { config, shop } = given;
    const planned = plannedImages(shop, config);
    if (planned.size === 0) {
      throw new AppError("TOO_FEW_PAIRS", { needed: 1, got: 0 });
    }
    const startMs = performance.now();
    const embeddings = await drawItemImages(this.drawing(given, method), planned, {
      ...hooks,
      onProgress: ({ fraction, stage }) => hooks.onProgress?.({ fraction: 0.5 * fraction, stage }),
    });
    const drawnMs = performance.now();
    const before = modalitiesOf(shop);
    const after = before.map(modality =>
      modality.name === IMAGE_MODALITY
        ? {
            ...modality,
            features: imageFeatures(modality.features, embeddings, config.protocol),
          }
        : modality,
    );
    const ori = await this.arm(given, before, { name: "ORI", from: 0.5 }, hooks);
    const ragar = await this.arm(given, after, { name: condition, from: 0.75 }, hooks);
    const trainedMs = performance.now();
    const isKept = isWorthKeeping(config, { ori, ragar }, activate);
    if (isKept) {
      await this.keep(runId, given, { modalities: after }, hooks);
    }
    const arms = [
      { name: "ORI" as const, runs: ori },
      { name: condition, runs: ragar },
    ];
    const numImages = [...planned.values()].reduce((sum, pairs) => sum + pairs.length, 0);
    return {
      ...reportOf({ runId, given, arms }),
      numImages,
      drawnShare: planned.size / shop.ranker.itemIds.length,
      versionId: isKept ? runId : null,
      cost: {
        numDrawn: numImages,
        renderSeconds: (drawnMs - startMs) / 1_000,
        trainSeconds: (trainedMs - drawnMs) / 1_000,
        numPredicted: 0,
        numPredictedPer1000Users: 0,
        secondsPer1000Users: null,
      },
      perUser: null,
      areListsKept: false,
    };
  }

  /**
   * What the images are made with: as they are served now, unless the configuration says otherwise.
   *
   * @throws AppError `PERSONALIZER_NOT_TRAINED` when a method is asked for that is not active.
   */
  private async methodOf({ condition: asked }: RerankConfig): Promise<{
    condition: NonNullable<RerankConfig["condition"]>;
    method: PersonalizationMethod;
  }> {
    const active = await this.deps.methods.active();
    const own = active.id === plainMethod.id ? "plain" : "host";
    const found = active.personalizerVersionId === undefined ? own : "RAGAR";
    const condition = asked ?? found;
    if (condition !== "plain" && condition !== found) {
      throw new AppError("PERSONALIZER_NOT_TRAINED");
    }
    return { condition, method: condition === "plain" ? plainMethod : active };
  }

  private async arm(
    given: RerankSubject,
    modalities: readonly Modality[],
    { from, name }: { name: ArmName; from: number },
    hooks: WorkHooks,
  ): Promise<ArmRun[]> {
    const { store } = this.deps;
    const { config, ranker, shop } = given;
    const dataHash = hashOf(shop, modalities);
    const runs: ArmRun[] = [];
    for (const seed of config.seeds) {
      hooks.signal?.throwIfAborted();
      const key = createHash("sha256")
        .update(JSON.stringify([ranker, seed, dataHash]))
        .digest("hex");
      const path = `reranks/runs/${key}.json`;
      const stage = `${name}, seed ${seed}`;
      const fraction = from + (0.25 * runs.length) / config.seeds.length;
      hooks.onProgress?.({ fraction, stage });
      const onProgress: WorkHooks["onProgress"] = progress =>
        hooks.onProgress?.({
          fraction: fraction + (0.25 * progress.fraction) / config.seeds.length,
          stage: `${stage}, ${progress.stage}`,
        });
      const run =
        ((await getJson(store, path)) as ArmRun | null) ??
        (await this.fit(given, modalities, { seed, key }, { ...hooks, onProgress }));
      await putJson(store, path, run);
      runs.push(run);
    }
    return runs;
  }

  private async fit(
    { ranker, shop }: RerankSubject,
    modalities: readonly Modality[],
    { key, seed }: { seed: number; key: string },
    { signal, onProgress }: WorkHooks,
  ): Promise<ArmRun> {
    const view = viewOf(shop, modalities);
    const { store } = this.deps;
    const checkpoint = checkpointAt(store, `reranks/runs/${key}/checkpoint.safetensors`);
    const progress = fitProgress(report => onProgress?.(report));
    const { model } = await fitRanker(ranker, seed, view, { signal, checkpoint, ...progress });
    try {
      const validation = await measure(model, view, "validation");
      const test = await measure(model, view, "test");
      await store.delete(checkpoint.name);
      const byUser = METRICS.map(metric => [metric, test.byUser.map(own => own[metric])]);
      return {
        seed,
        validation: measuredMetrics(validation.metrics),
        test: measuredMetrics(test.metrics),
        byUser: Object.fromEntries(byUser) as ArmRun["byUser"],
      };
    } finally {
      model.dispose();
    }
  }

  /** Trains the version that serves, with the seed of the one it follows, so that the split stays the same. */
  private async keep(
    versionId: string,
    { ranker, shop }: RerankSubject,
    { modalities, views }: { modalities: readonly Modality[]; views?: PersonalViews },
    { signal, onProgress }: WorkHooks,
  ): Promise<void> {
    onProgress?.({ fraction: 0.98, stage: "training the version that serves" });
    const { seed } = shop;
    const view = { ...viewOf(shop, modalities), views };
    const fit = async () => {
      const { epoch, model, trainingSeconds } = await fitRanker(ranker, seed, view, { signal });
      try {
        const measured = {
          validation: (await measure(model, view, "validation")).metrics,
          test: (await measure(model, view, "test")).metrics,
          epoch,
          trainingSeconds,
          rerankedFrom: shop.ranker.versionId,
        };
        const { itemIds } = shop.ranker;
        const data = { ...shop, itemIds, modalities, dataHash: hashOf(shop, modalities) };
        return trainedVersion(model, { versionId, seed, config: ranker }, data, measured);
      } finally {
        model.dispose();
      }
    };
    const columns = { algorithm: ranker.algorithm, config: ranker };
    const trainer = { folder: "rankers", prepare: async () => ({ columns, fit }) };
    const request = { versionId, seed, config: ranker, activate: true };
    await this.deps.rankers.train(request, { signal }, trainer);
  }
}

/** Of small weight: beside the item graphs and EASE it hardly changes the order by catalogue images. */
const VISUAL_HEAD = { size: 32, weight: 0.3, l2: 1e-4 };

/** @throws AppError INVALID_ARGUMENT for a ranking model without a visual head where images are to train it. */
function rankerOf({ config: active }: ShopSnapshot, { mode, ranker }: RerankConfig): RankerConfig {
  const model = { ...active.model, ...ranker };
  const isTrained = mode === "augment" || mode === "tastes";
  if (isTrained && active.algorithm !== "MICRO") {
    const problem = `must be retrain or perUser: only MICRO has a visual head that trains on images, and ${active.algorithm} is active`;
    throw new AppError("INVALID_ARGUMENT", { argument: "config.mode", problem });
  }
  const visualHead = model.visualHead ?? VISUAL_HEAD;
  return rankerConfig({ ...active, model: isTrained ? { ...model, visualHead } : model });
}
