/** @file The personalizer's versions, their training, and the conditions that they give to images. */
import { AppError } from "../errors/app-error.js";
import { evaluationsOfImage } from "../ml/diffusion/drawing-cost.js";
import type { GenerateRequest, ImageGenerator } from "../ml/diffusion/image-generator.js";
import { assertServableReward, type RewardMode } from "../ml/reflection/rank-reward.js";
import { CachedImageGenerator } from "../recsys/images/cached-image-generator.js";
import {
  type PersonalizationMethod,
  plainMethod,
} from "../recsys/images/personalization-method.js";
import { RagarMethod } from "../recsys/images/ragar-method.js";
import { RenderMeter } from "../recsys/images/render-meter.js";
import { SettingMethod } from "../recsys/images/setting-method.js";
import { SettingTastes } from "../recsys/images/setting-tastes.js";
import { TrainedSettingMethod } from "../recsys/images/trained-setting-method.js";
import type { PictureRanker } from "../recsys/ranking/picture-ranker.js";
import { TopFeatures } from "../recsys/ranking/top-feature.js";
import { snapshotRanker } from "../recsys/ranking/what-if.js";
import { PersonalizerTrainer } from "../recsys/reflection/personalizer-trainer.js";
import { SettingTrainer } from "../recsys/reflection/setting-trainer.js";
import { readShopSnapshot, type ShopSnapshot } from "../recsys/reflection/shop-snapshot.js";
import { TrainedVersionService } from "../recsys/versions/trained-version.service.js";
import type { Imaging } from "./create-imaging.js";
import type { Models } from "./create-models.js";
import { createPersonalizer } from "./create-personalizer.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";
import {
  disposePreference,
  loadPreference,
  usedModel,
  type UsePreference,
  usedPolicy,
} from "./load-preference.js";

interface Parts extends Pick<Ranking, "rankers" | "recommendations"> {
  storage: Storage;
  models: Models;
  imaging: Imaging;
  /** What a host gave in place of the defaults. */
  method?: PersonalizationMethod;
  ranker?: PictureRanker;
}

export type Personalizers = ReturnType<typeof createPersonalizers>;

export function createPersonalizers(parts: Parts) {
  const { imaging, models, rankers, storage } = parts;
  const { interactions, personalizerVersions, retrievalRows, store, versions } = storage;
  const { conditionEncoder: encoder, encoderId, pack } = models;
  const { clip, generatedCodec, generatorFiles: imageFiles, products } = imaging;
  const { version: generator } = imaging.generator;
  const shop = () =>
    readShopSnapshot({
      rankers,
      versions,
      store,
      interactions,
      items: { findAll: () => retrievalRows.findAllItems(encoderId) },
    });
  const meter = new RenderMeter(imaging.generator, evaluationsOf(models, imaging.generator));
  const cached = new CachedImageGenerator({
    generator: meter,
    codec: generatedCodec,
    store,
  });
  /** The image path for many images: it keeps them, and ranks as the shop was when it was read. */
  const offline = {
    shop,
    path: { generator: cached, imageFiles, clip, products },
    rankerOf: (snapshot: ShopSnapshot) => parts.ranker ?? snapshotRanker(snapshot),
    encoder,
    store,
    cost: () => meter.cost,
  };
  const findImageHashes = async (itemIds: readonly string[]) => {
    const images = await storage.catalog.findItemImages(itemIds);
    return new Map(images.map(({ blobHash, itemId }) => [itemId, blobHash]));
  };
  const settings = {
    tastes: new SettingTastes({ images: { findImageHashes }, looks: imaging.looks }),
    numScenes: imaging.generator === models.generator ? models.numScenes : 0,
  };
  const { paintsSettings } = imaging;
  const personalizers = new TrainedVersionService({
    versions: personalizerVersions,
    store,
    trainer: paintsSettings
      ? new SettingTrainer({ ...offline, ...settings })
      : new PersonalizerTrainer({
          ...offline,
          create: (config, seed) => createPersonalizer(pack, config, seed),
        }),
    decide: (_trained, _active, asked) => ({ isActivated: asked ?? true }),
    codes: { notFound: "PERSONALIZER_NOT_FOUND", notReady: "PERSONALIZER_NOT_READY" },
    load: async (artefactPath, { config, generator: trainedFor }) => {
      assertServableReward((config as { rewardMode: RewardMode }).rewardMode); // stored whole by its training
      if (trainedFor !== generator) {
        throw new AppError("PERSONALIZER_MISMATCH", { trainedFor, generator });
      }
      return loadPreference({ pack, paintsSettings }, store, artefactPath);
    },
    unload: disposePreference,
  });
  const topFeatures = new TopFeatures({
    recommendations: parts.recommendations,
    items: { find: itemIds => retrievalRows.findItems(encoderId, itemIds) },
  });
  const { ranker = parts.recommendations } = parts;
  /** How images are conditioned by a trained version. */
  const trained = (use: UsePreference, about: { versionId: string; ranker: PictureRanker }) =>
    paintsSettings
      ? new TrainedSettingMethod({ ...settings, ...about, use: usedPolicy(use) })
      : new RagarMethod({ ...about, use: usedModel(use), encoder, topFeatures });
  /** What conditions images where no version is trained. */
  const untrained = paintsSettings ? new SettingMethod(settings) : plainMethod;
  /** The host's method, else the active version if it was trained for this generator; nothing is loaded before the method conditions an image. */
  const methods = {
    untrained,
    trained,
    /** A ready version that may not serve, and what frees it. */
    async load(versionId: string, artefactPath: string, versionRanker: PictureRanker) {
      const loaded = await loadPreference({ pack, paintsSettings }, store, artefactPath);
      const method = trained(run => run(loaded), { versionId, ranker: versionRanker });
      return {
        method,
        dispose: () => {
          disposePreference(loaded);
        },
      };
    },
    async active(): Promise<PersonalizationMethod> {
      if (parts.method) {
        return parts.method;
      }
      const version = await personalizers.activeVersion();
      // Photographs have settings by taste, whatever was trained for the pack of before.
      if (!version || (paintsSettings && version.generator !== generator)) {
        return untrained;
      }
      const use: UsePreference = run => personalizers.use(version.id, run);
      return trained(use, { versionId: version.id, ranker });
    },
  };
  return { offline, methods, personalizers };
}

/** Network evaluations of one image, as far as they are known. */
function evaluationsOf({ pipelineConfig }: Models, { evaluationsAnImage = 0 }: ImageGenerator) {
  return ({ guidanceScale, numSteps, strength }: GenerateRequest) => {
    if (!pipelineConfig) {
      return evaluationsAnImage;
    }
    const { defaults } = pipelineConfig;
    return evaluationsOfImage(pipelineConfig, {
      guidanceScale: guidanceScale ?? defaults.guidanceScale,
      numSteps: numSteps ?? defaults.numSteps,
      strength: strength ?? defaults.strength,
    });
  };
}
