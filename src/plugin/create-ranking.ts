/** @file Makes what ranks items: the loaded models, recommendations, and the training of models. */
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import type { InteractionsRepository } from "../db/interactions.repository.js";
import type { RankingModelVersionsRepository } from "../db/ranking-model-versions.repository.js";
import type { RankingQueries } from "../db/ranking-queries.js";
import type { ContentLikeness } from "../recsys/ranking/content-likeness.js";
import { imagesUnrankedText, ranksImagesLoaded } from "../recsys/ranking/image-ranking.js";
import { NewItems } from "../recsys/ranking/new-items.js";
import { RankerRegistry } from "../recsys/ranking/ranker-registry.service.js";
import { RankerTrainingService } from "../recsys/ranking/ranker-training.service.js";
import { RecommendationService } from "../recsys/ranking/recommendation.service.js";

interface RankingOptions {
  config: Pick<Config, "feedback" | "home" | "seen">;
  logger: Pick<Logger, "warn">;
  /** Name and version of the encoder whose embeddings rankers read, `name@version`. */
  encoder: string;
  interactions: InteractionsRepository;
  rankingQueries: RankingQueries;
  versions: RankingModelVersionsRepository;
  content: ContentLikeness;
}

export function createRanking({
  config: { feedback, home, seen },
  content,
  encoder,
  interactions,
  logger,
  rankingQueries,
  versions,
}: RankingOptions) {
  const rankers = new RankerRegistry({
    versions,
    home,
    onLoaded: ranker => {
      if (!ranksImagesLoaded(ranker)) {
        const { versionId } = ranker;
        logger.warn({ versionId }, imagesUnrankedText(ranker.model.algorithm));
      }
    },
  });
  const recommendations = new RecommendationService({
    rankers,
    feedback,
    seen,
    interactions: {
      historyOf: (userId, limit) => interactions.historyOf(userId, limit),
      findPopularItems: () => rankingQueries.findPopularItems(),
    },
    items: { filter: (ids, filter) => rankingQueries.filterItems(ids, filter) },
    content,
    newItems: new NewItems({
      embeddings: {
        findExcept: (kind, ids) => rankingQueries.findEmbeddings(kind, encoder, ids),
      },
    }),
  });
  const rankerTraining = new RankerTrainingService({
    interactions,
    feedback,
    embeddings: { findAll: kind => rankingQueries.findEmbeddings(kind, encoder) },
    versions,
    registry: rankers,
    home,
  });
  return { rankers, recommendations, rankerTraining };
}
