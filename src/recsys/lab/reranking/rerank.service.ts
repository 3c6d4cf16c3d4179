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
import type { Modality } from "../../../ml/ranking/recommender.js";
import { measuredMetrics } from "../../evaluation/evaluate-ranker.js";
import { fitProgress } from "../../evaluation/fit-progress.js";
import type { ImagePath } from "../../images/image-path.js";
import { type PersonalizationMethod, plainMethod } from "../../images/personalization-method.js";
import type { PictureRanker } from "../../ranking/picture-ranker.js";
import { IMAGE_MODALITY } from "../../ranking/ranked-item.js";
import { checkpointAt, trainedVersion } from "../../ranking/ranker-artefact.js";
import { rankerConfig } from "../../ranking/ranker-config.js";
import type { RerankedLists } from "../../ranking/reranked-lists.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { Trainer, TrainRequest } from "../../versions/trained-version.service.js";
import { fitRanker } from "../rankers/fit-and-evaluate.js";
import { drawItemImages, type ItemDrawing } from "./draw-item-images.js";
import { imageFeatures, plannedImages } from "./item-images.js";
import { rerankedLists } from "./per-user-lists.js";
import { rerankPerUser, stampOf } from "./per-user-rerank.js";
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
    const shop = await this.deps.shop();
    const ranker = rankerConfig({
      ...shop.config,
      model: { ...shop.config.model, ...config.ranker },
    });
    const given = { shop, ranker, config };
    const report =
      config.mode === "perUser"
        ? await this.perUser(request, { given, method }, hooks)
        : await this.retrain(request, { given, method, condition }, hooks);
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
    const { arms, blend, findings, surrogate } = await rerankPerUser(
      { drawing, given, store },
      hooks,
    );
    const isKept = activate || isBeyondChance(findings.blend);
    if (isKept) {
      hooks.onProgress?.({ fraction: 0.97, stage: "writing the lists that serve" });
      const stamp = stampOf(path.generator.version, method, shop);
      const made = await rerankedLists({ shop, surrogate, stamp, blend, config }, hooks);
      const rankingModelVersionId = shop.ranker.versionId;
      await lists.replace({ runId, rankingModelVersionId }, made);
    }
    return {
      ...reportOf({ runId, given, arms }),
      numImages: findings.numDrawn,
      drawnShare: findings.numDrawn / (findings.numDrawn + findings.numPredicted),
      versionId: null,
      perUser: findings,
      areListsKept: isKept,
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
    const embeddings = await drawItemImages(this.drawing(given, method), planned, {
      ...hooks,
      onProgress: ({ fraction, stage }) => hooks.onProgress?.({ fraction: 0.5 * fraction, stage }),
    });
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
    const isKept = isWorthKeeping(config.protocol, { ori, ragar }, activate);
    if (isKept) {
      await this.keep(runId, given, after, hooks);
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
    modalities: readonly Modality[],
    { signal, onProgress }: WorkHooks,
  ): Promise<void> {
    onProgress?.({ fraction: 0.98, stage: "training the version that serves" });
    const { seed } = shop;
    const view = viewOf(shop, modalities);
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
