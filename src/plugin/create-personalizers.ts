/** @file The personalizer's services: versions, training, what conditions pictures; and what runs on many pictures. */
import { join } from "node:path";
import type { Database } from "../db/database.js";
import { decodeRgb, encodeGeneratedPng } from "../db/image-codec.js";
import type { InteractionsRepository } from "../db/interactions.repository.js";
import { PersonalizerVersionsRepository } from "../db/personalizer-versions.repository.js";
import type { RankingModelVersionsRepository } from "../db/ranking-model-versions.repository.js";
import type { RetrievalRepository } from "../db/retrieval.repository.js";
import type { PersonalizerVersionRow, RankingModelVersionRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import type { ClipEncoder } from "../ml/clip/clip-encoder.js";
import type { RgbImage } from "../ml/nn/rgb-image.js";
import { assertServableReward, type RewardMode } from "../ml/reflection/rank-reward.js";
import { CachedImageGenerator } from "../recsys/images/cached-image-generator.js";
import { ConditionService, type LoadedPersonalizer } from "../recsys/images/condition.service.js";
import { ArmArtist } from "../recsys/lab/experiments/arm-artist.js";
import { ImageExperimentService } from "../recsys/lab/experiments/image-experiment.service.js";
import { ItemImageArtist } from "../recsys/lab/reranking/item-image-artist.js";
import { RerankService } from "../recsys/lab/reranking/rerank.service.js";
import type { RankerRegistry } from "../recsys/ranking/ranker-registry.service.js";
import { PersonalizerTrainingService } from "../recsys/reflection/personalizer-training.service.js";
import { readShopSnapshot } from "../recsys/reflection/shop-snapshot.js";
import { VersionRegistry } from "../recsys/versions/version-registry.js";
import type { Models } from "./create-models.js";
import { createPersonalizer, loadPersonalizer } from "./create-personalizer.js";

interface Parts {
  db: Database;
  home: string;
  models: Models;
  /** Name and version of the encoder of captions and pictures. */
  encoder: string;
  retrievalRows: RetrievalRepository;
  interactions: InteractionsRepository;
  versions: RankingModelVersionsRepository;
  rankers: RankerRegistry<RankingModelVersionRow>;
  /** At the generator's size. */
  imageFiles: { load(blobHash: string): Promise<RgbImage> };
  clip: Pick<ClipEncoder, "encodeImages" | "encodeTexts">;
}

export function createPersonalizers(parts: Parts) {
  const {
    clip,
    db,
    encoder,
    home,
    interactions,
    models,
    imageFiles,
    rankers,
    retrievalRows,
    versions,
  } = parts;
  const { conditionEncoder, generator, pack } = models;
  const personalizerVersions = new PersonalizerVersionsRepository(db.prisma);
  const personalizers = new VersionRegistry<PersonalizerVersionRow, LoadedPersonalizer>({
    versions: personalizerVersions,
    codes: { notFound: "PERSONALIZER_NOT_FOUND", notReady: "PERSONALIZER_NOT_READY" },
    load: async ({ artefactPath, config, generator: trainedFor, id }) => {
      assertServableReward((config as { rewardMode: RewardMode }).rewardMode); // stored whole by its training
      if (trainedFor !== generator) {
        throw new AppError("PERSONALIZER_MISMATCH", { trainedFor, generator });
      }
      // A ready version has one: the database checks it.
      return { versionId: id, model: await loadPersonalizer(pack, join(home, artefactPath!)) };
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
      items: { findAll: () => retrievalRows.findAllItems(encoder) },
    });
  const imageGenerator = new CachedImageGenerator({
    imageFiles,
    renderer: {
      render: async (request, hooks) =>
        (await models.renderPool()).render(request, { ...hooks, priority: "batch" }),
    },
    clip,
    codec: {
      encode: image => encodeGeneratedPng(image, generator),
      decode: bytes => decodeRgb(bytes),
    },
    generator,
    home,
  });
  const personalizerTraining = new PersonalizerTrainingService({
    shop,
    imageGenerator,
    encoder: conditionEncoder,
    create: (config, seed) => createPersonalizer(pack, config, seed),
    versions: personalizerVersions,
    registry: personalizers,
    generator,
    home,
  });
  return {
    personalizers,
    personalizerVersions,
    personalizerTraining,
    conditioner: new ConditionService({ personalizers, encoder: conditionEncoder }),
    imageExperiments: new ImageExperimentService({
      shop,
      artist: new ArmArtist({ imageGenerator, encoder: conditionEncoder }),
      imageFiles,
      clip,
      training: personalizerTraining,
      load: artefactPath => loadPersonalizer(pack, join(home, artefactPath)),
      generator,
      home,
    }),
    reranking: new RerankService({
      shop,
      artist: new ItemImageArtist({ imageGenerator, personalizers, encoder: conditionEncoder }),
      versions,
      registry: rankers,
      home,
    }),
  };
}
