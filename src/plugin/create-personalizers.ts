/** @file The personalizer's versions, their training, and the conditions that they give to images. */
import type { PersonalizerVersionRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { assertServableReward, type RewardMode } from "../ml/reflection/rank-reward.js";
import { CachedImageGenerator } from "../recsys/images/cached-image-generator.js";
import { ConditionService, type LoadedPersonalizer } from "../recsys/images/condition.service.js";
import { PersonalizerTrainingService } from "../recsys/reflection/personalizer-training.service.js";
import { readShopSnapshot } from "../recsys/reflection/shop-snapshot.js";
import { VersionRegistry } from "../recsys/versions/version-registry.js";
import type { Imaging } from "./create-images.js";
import type { Models } from "./create-models.js";
import { createPersonalizer, loadPersonalizer } from "./create-personalizer.js";
import type { Ranking } from "./create-ranking.js";
import type { Storage } from "./create-storage.js";

interface Parts extends Pick<Ranking, "rankers"> {
  storage: Storage;
  models: Models;
  imaging: Imaging;
}

export type Personalizers = ReturnType<typeof createPersonalizers>;

export function createPersonalizers({ imaging, models, rankers, storage }: Parts) {
  const { interactions, personalizerVersions, retrievalRows, store, versions } = storage;
  const { conditionEncoder, encoderId, generator, pack } = models;
  const personalizers = new VersionRegistry<PersonalizerVersionRow, LoadedPersonalizer>({
    versions: personalizerVersions,
    codes: { notFound: "PERSONALIZER_NOT_FOUND", notReady: "PERSONALIZER_NOT_READY" },
    load: async ({ artefactPath, config, generator: trainedFor, id }) => {
      assertServableReward((config as { rewardMode: RewardMode }).rewardMode); // stored whole by its training
      if (trainedFor !== generator) {
        throw new AppError("PERSONALIZER_MISMATCH", { trainedFor, generator });
      }
      // A ready version has one: the database checks it.
      return { versionId: id, model: await loadPersonalizer(pack, store, artefactPath!) };
    },
    unload: ({ model }) => {
      model.dispose();
    },
  });
  const shop = () =>
    readShopSnapshot({
      rankers,
      versions,
      interactions,
      items: { findAll: () => retrievalRows.findAllItems(encoderId) },
    });
  const imageGenerator = new CachedImageGenerator({
    imageFiles: imaging.generatorFiles,
    renderer: {
      render: async (request, hooks) =>
        (await models.renderPool()).render(request, { ...hooks, priority: "batch" }),
    },
    clip: imaging.clip,
    codec: imaging.generatedCodec,
    generator,
    store,
  });
  return {
    shop,
    imageGenerator,
    personalizers,
    personalizerVersions,
    personalizerTraining: new PersonalizerTrainingService({
      shop,
      imageGenerator,
      encoder: conditionEncoder,
      create: (config, seed) => createPersonalizer(pack, config, seed),
      versions: personalizerVersions,
      registry: personalizers,
      generator,
      store,
    }),
    conditioner: new ConditionService({ personalizers, encoder: conditionEncoder }),
  };
}
