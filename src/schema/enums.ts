/** @file The schema's enums. Those of rows must name every value of Prisma's enum, or this does not compile. */
import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import { registerEnumType } from "type-graphql";
import type {
  ApiKeyRole as ApiKeyRoleRow,
  CaptionSource as CaptionSourceRow,
  InteractionKind as InteractionKindRow,
  JobKind as JobKindRow,
  JobState as JobStateRow,
  PersonalizerState as PersonalizerStateRow,
  RankingModelState as RankingModelStateRow,
} from "../db/rows.js";

export const ApiKeyRole = {
  STOREFRONT: "STOREFRONT",
  RECOMMENDER: "RECOMMENDER",
  ADMIN: "ADMIN",
} as const satisfies { [Role in ApiKeyRoleRow]: Role };
registerEnumType(ApiKeyRole, {
  name: "ApiKeyRole",
  description: "The permissions of an API key; each role includes those before it.",
  valuesConfig: {
    STOREFRONT: { description: "Show pictures and recommendations to any shopper." },
    RECOMMENDER: { description: "Also train, index and re-rank, and read the results." },
    ADMIN: { description: "Also import catalogues and manage API keys." },
  },
});

export const CaptionSource = {
  IMPORTED: "IMPORTED",
  MODEL: "MODEL",
  TEXT: "TEXT",
} as const satisfies { [Source in CaptionSourceRow]: Source };
registerEnumType(CaptionSource, {
  name: "CaptionSource",
  description: "The origin of a caption.",
  valuesConfig: {
    IMPORTED: { description: "Imported with the catalogue." },
    MODEL: { description: "The captioner wrote it from the picture." },
    TEXT: { description: "Composed from the item's title and category." },
  },
});

export const InteractionKind = {
  VIEW: "VIEW",
  CLICK: "CLICK",
  LIKE: "LIKE",
  CART: "CART",
  PURCHASE: "PURCHASE",
  RATING: "RATING",
} as const satisfies { [Kind in InteractionKindRow]: Kind };
registerEnumType(InteractionKind, {
  name: "InteractionKind",
  description: "The kind of an interaction.",
  valuesConfig: { RATING: { description: "An explicit rating; `weight` is its value." } },
});

export const JobKind = {
  PERSONALIZE_IMAGE: "PERSONALIZE_IMAGE",
  IMPORT: "IMPORT",
  INDEX: "INDEX",
  TRAIN_RANKER: "TRAIN_RANKER",
  TRAIN_PERSONALIZER: "TRAIN_PERSONALIZER",
  SCORE_IMAGES: "SCORE_IMAGES",
  RERANK: "RERANK",
} as const satisfies { [Kind in JobKindRow]: Kind };
registerEnumType(JobKind, {
  name: "JobKind",
  description: "The kind of a job.",
  valuesConfig: {
    PERSONALIZE_IMAGE: { description: "Generates one picture for one shopper." },
    IMPORT: { description: "Imports a catalogue." },
    INDEX: { description: "Captions and embeds items, and updates the caption index." },
    TRAIN_RANKER: { description: "Trains a new version of the ranking model." },
    TRAIN_PERSONALIZER: { description: "Trains a new version of the personalizer." },
    SCORE_IMAGES: {
      description: "Computes the rank changes of all pictures by one ranking model.",
    },
    RERANK: {
      description:
        "Generates pictures for many shoppers and trains the ranking model again on them.",
    },
  },
});

export const JobState = {
  QUEUED: "QUEUED",
  RUNNING: "RUNNING",
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  CANCELLED: "CANCELLED",
} as const satisfies { [State in JobStateRow]: State };
registerEnumType(JobState, {
  name: "JobState",
  description: "Lifecycle state of a job. The last three are final.",
});

export const RankingModelState = {
  TRAINING: "TRAINING",
  READY: "READY",
  FAILED: "FAILED",
} as const satisfies { [State in RankingModelStateRow]: State };
registerEnumType(RankingModelState, {
  name: "RankingModelState",
  description: "Lifecycle state of a ranking model's version.",
});

export const PersonalizerState = {
  TRAINING: "TRAINING",
  READY: "READY",
  FAILED: "FAILED",
} as const satisfies { [State in PersonalizerStateRow]: State };
registerEnumType(PersonalizerState, {
  name: "PersonalizerState",
  description: "Lifecycle state of a personalizer's version.",
});

export const ImageFormat = { WEBP: "WEBP", AVIF: "AVIF", PNG: "PNG", JPEG: "JPEG" } as const;
export type ImageFormat = keyof typeof ImageFormat;
registerEnumType(ImageFormat, {
  name: "ImageFormat",
  description: "A file format in which pictures are served.",
});

export const ImportSource = {
  STICKERS: "STICKERS",
  MOVIELENS: "MOVIELENS",
  CATALOGUE: "CATALOGUE",
} as const;
export type ImportSource = keyof typeof ImportSource;
registerEnumType(ImportSource, {
  name: "ImportSource",
  description: "A kind of catalogue that can be imported.",
  valuesConfig: {
    STICKERS: { description: "The bundled sticker demo, with simulated shoppers; no folder." },
    MOVIELENS: { description: "A folder with MovieLens's ratings.csv and movies.csv." },
    CATALOGUE: {
      description:
        "A folder with `items.csv` and `interactions.csv` (or .tsv, .jsonl, .json, .xml, .parquet, each also with .gz), and " +
        "optional images in `images`.",
    },
  },
});

export const OriginalReason = {
  NO_HISTORY: "NO_HISTORY",
  NO_IMAGE: "NO_IMAGE",
  HISTORY_NOT_INDEXED: "HISTORY_NOT_INDEXED",
  ITEM_NOT_INDEXED: "ITEM_NOT_INDEXED",
  BELOW_QUALITY_FLOOR: "BELOW_QUALITY_FLOOR",
  RANKED_LOWER: "RANKED_LOWER",
  GENERATION_FAILED: "GENERATION_FAILED",
  CANCELLED: "CANCELLED",
  BUSY: "BUSY",
} as const;
export type OriginalReason = keyof typeof OriginalReason;
registerEnumType(OriginalReason, {
  name: "OriginalReason",
  description: "Why an item keeps its catalogue picture for a shopper.",
  valuesConfig: {
    NO_HISTORY: {
      description: "The shopper has not interacted with any other item, or is unknown.",
    },
    NO_IMAGE: { description: "The item has no catalogue picture to start from." },
    HISTORY_NOT_INDEXED: { description: "None of the shopper's items is indexed yet." },
    ITEM_NOT_INDEXED: { description: "The item is not indexed yet." },
    BELOW_QUALITY_FLOOR: { description: "No generated picture was similar enough to the item." },
    RANKED_LOWER: { description: "The item ranks lower with every generated picture." },
    GENERATION_FAILED: { description: "The picture could not be generated; the log says why." },
    CANCELLED: { description: "The job that generates the picture was cancelled." },
    BUSY: {
      description:
        "A budget is exhausted, or too many pictures wait; try again at `retryAt`. Stored pictures are not affected.",
    },
  },
});

export const RankChangeSortField = { CREATED_AT: "CREATED_AT", DELTA_R: "DELTA_R" } as const;
export type RankChangeSortField = keyof typeof RankChangeSortField;
registerEnumType(RankChangeSortField, {
  name: "RankChangeSortField",
  description: "The sort key of rank changes.",
});

export const SortDirection = { ASC: "ASC", DESC: "DESC" } as const;
export type SortDirection = keyof typeof SortDirection;
registerEnumType(SortDirection, { name: "SortDirection", description: "Lowest or highest first." });

export const RecommendationSource = {
  RANKER: "RANKER",
  FOLD_IN: "FOLD_IN",
  CONTENT: "CONTENT",
  POPULARITY: "POPULARITY",
} as const;
export type RecommendationSource = keyof typeof RecommendationSource;
registerEnumType(RecommendationSource, {
  name: "RecommendationSource",
  description: "The source of recommendations.",
  valuesConfig: {
    RANKER: { description: "The active ranking model, which was trained on this shopper." },
    FOLD_IN: {
      description:
        "The active ranking model, given the shopper's latest interactions: they are new, or have more, since its training.",
    },
    CONTENT: {
      description:
        "Similarity to the captions of the shopper's items: the ranking model knows none of them.",
    },
    POPULARITY: { description: "Popularity: nothing is known about this shopper." },
  },
});

export const NoRankChangeReason = {
  NO_RANKING_MODEL: "NO_RANKING_MODEL",
  MODEL_READS_NO_IMAGES: "MODEL_READS_NO_IMAGES",
  UNKNOWN_TO_MODEL: "UNKNOWN_TO_MODEL",
} as const;
export type NoRankChangeReason = keyof typeof NoRankChangeReason;
registerEnumType(NoRankChangeReason, {
  name: "NoRankChangeReason",
  description: "Why a personalised image has no rank change.",
  valuesConfig: {
    NO_RANKING_MODEL: { description: "No ranking model was active when it was generated." },
    MODEL_READS_NO_IMAGES: {
      description:
        "The ranking model that was active does not use images (LightGCN, BPR-MF, popularity).",
    },
    UNKNOWN_TO_MODEL: {
      description:
        "The ranking model that was active does not know the item or the shopper. `startScoring` retries with the active one.",
    },
  },
});
