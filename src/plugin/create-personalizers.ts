/** @file The personalizer's versions, their training, and the conditions that they give to images. */
import { AppError } from "../errors/app-error.js";
import { assertServableReward, type RewardMode } from "../ml/reflection/rank-reward.js";
import { CachedImageGenerator } from "../recsys/images/cached-image-generator.js";
import {
  type PersonalizationMethod,
  plainMethod,
} from "../recsys/images/personalization-method.js";
import type { PersonalizerModel } from "../recsys/images/personalizer-model.js";
import { RagarMethod } from "../recsys/images/ragar-method.js";
import { SettingMethod } from "../recsys/images/setting-method.js";
import type { PictureRanker } from "../recsys/ranking/picture-ranker.js";
import { TopFeatures } from "../recsys/ranking/top-feature.js";
import { snapshotRanker } from "../recsys/ranking/what-if.js";
import { PersonalizerTrainer } from "../recsys/reflection/personalizer-trainer.js";
import { readShopSnapshot, type ShopSnapshot } from "../recsys/reflection/shop-snapshot.js";
import { TrainedVersionService } from "../recsys/versions/trained-version.service.js";
import type { Imaging } from "./create-imaging.js";
import type { Models } from "./create-models.js";
import { createPersonalizer, loadPersonalizer } from "./create-personalizer.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

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
  const cached = new CachedImageGenerator({
    generator: imaging.generator,
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
  };
  const personalizers = new TrainedVersionService({
    versions: personalizerVersions,
    store,
    trainer: new PersonalizerTrainer({
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
      return loadPersonalizer(pack, store, artefactPath);
    },
    unload: model => {
      model.dispose();
    },
  });
  const findImageHashes = async (itemIds: readonly string[]) => {
    const images = await storage.catalog.findItemImages(itemIds);
    return new Map(images.map(({ blobHash, itemId }) => [itemId, blobHash]));
  };
  const topFeatures = new TopFeatures({
    recommendations: parts.recommendations,
    items: { find: itemIds => retrievalRows.findItems(encoderId, itemIds) },
  });
  /** Settings where the generator paints them, else the active version, or the plain condition. Nothing is loaded before the method conditions an image. */
  const methods = {
    async active(): Promise<PersonalizationMethod> {
      if (imaging.paintsSettings && !parts.method) {
        const numScenes = imaging.generator === models.generator ? models.numScenes : 0;
        return new SettingMethod({
          images: { findImageHashes },
          looks: imaging.looks,
          numScenes,
        });
      }
      const versionId = parts.method ? null : await personalizers.activeVersionId();
      const use = <Result>(run: (model: PersonalizerModel) => Promise<Result>) =>
        personalizers.use(versionId!, run);
      return versionId === null
        ? (parts.method ?? plainMethod)
        : new RagarMethod({ versionId, use, encoder, topFeatures });
    },
  };
  return { offline, methods, personalizers };
}
