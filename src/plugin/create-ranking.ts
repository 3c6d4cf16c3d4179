/** @file Services for ranking: the loaded models, recommendations, and training. */
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import { ContentLikeness } from "../recsys/ranking/content-likeness.js";
import { imagesUnrankedText, ranksImagesLoaded } from "../recsys/ranking/image-ranking.js";
import { NewItems } from "../recsys/ranking/new-items.js";
import { OwnFeaturesStore } from "../recsys/ranking/own-features.js";
import { IMAGE_MODALITY } from "../recsys/ranking/ranked-item.js";
import { RankerTrainer } from "../recsys/ranking/ranker-trainer.js";
import { rankerVersions } from "../recsys/ranking/ranker-versions.js";
import { RecommendationService } from "../recsys/ranking/recommendation.service.js";
import { RerankedLists } from "../recsys/ranking/reranked-lists.js";
import type { LiveCaptionIndex } from "../recsys/retrieval/live-caption-index.js";
import type { Models } from "./create-models.js";
import type { Storage } from "./create-storage.js";

interface Parts {
  storage: Storage;
  config: Pick<Config, "feedback" | "seen">;
  logger: Pick<Logger, "error" | "warn">;
  models: Pick<Models, "encoderId">;
  index: LiveCaptionIndex;
}

export type Ranking = ReturnType<typeof createRanking>;

export function createRanking({ config, index, logger, models, storage }: Parts) {
  const { feedback, seen } = config;
  const { interactions, items, rankingQueries, store, versions } = storage;
  /** Rankers read the embeddings of this encoder. */
  const { encoderId: encoder } = models;
  const ownFeatures = new OwnFeaturesStore({
    store,
    items: { existing: ids => items.existing(ids) },
  });
  const rankerTrainer = new RankerTrainer({
    interactions,
    feedback,
    embeddings: { findAll: kind => rankingQueries.findEmbeddings(kind, encoder) },
    ownFeatures,
    store,
  });
  const rankers = rankerVersions({
    versions,
    trainer: rankerTrainer,
    store,
    onDamaged: damage => {
      const instead = damage.replacementId ?? "none";
      logger.error(
        damage,
        `the active ranking model cannot be read; ${instead} serves in its place`,
      );
    },
    onLoaded: ranker => {
      if (!ranksImagesLoaded(ranker)) {
        const { versionId } = ranker;
        const hasOwn = ranker.ownModalities?.includes(IMAGE_MODALITY);
        logger.warn({ versionId }, imagesUnrankedText(ranker.model.algorithm, hasOwn));
      }
    },
  });
  const rerankedLists = new RerankedLists(store);
  const recommendations = new RecommendationService({
    rankers,
    rerankedLists,
    feedback,
    seen,
    interactions: {
      historyOf: (userId, limit) => rankingQueries.historyOf(userId, limit),
      findPopularItems: () => rankingQueries.findPopularItems(),
    },
    items: { filter: (ids, filter) => rankingQueries.filterItems(ids, filter) },
    content: new ContentLikeness(index),
    newItems: new NewItems({
      embeddings: {
        findExcept: (kind, ids) => rankingQueries.findEmbeddings(kind, encoder, ids),
      },
    }),
  });
  return { rankers, recommendations, rankerTrainer, ownFeatures, rerankedLists };
}
