/** @file The schema's enums. Those of rows must name every value of Prisma's enum, or this does not compile. */
import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import { registerEnumType } from "type-graphql";
import type {
  ApiKeyRole as ApiKeyRoleRow,
  AuditOutcome as AuditOutcomeRow,
  CaptionSource as CaptionSourceRow,
  ImportState as ImportStateRow,
  InteractionKind as InteractionKindRow,
  JobKind as JobKindRow,
  JobState as JobStateRow,
  PersonalizerState as PersonalizerStateRow,
  RankingModelState as RankingModelStateRow,
  StudyImageRole as StudyImageRoleRow,
  StudyQuestion as StudyQuestionRow,
} from "../db/rows.js";

/** @param values Each value's description; null if its name says all. */
function apiEnum<Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string | null>>,
): { readonly [Each in Value]: Each } {
  const enumOf: Record<string, string> = {};
  const valuesConfig: Record<string, { description?: string }> = {};
  for (const [value, text] of Object.entries<string | null>(values)) {
    enumOf[value] = value;
    valuesConfig[value] = text === null ? {} : { description: text };
  }
  registerEnumType(enumOf, { name, description, valuesConfig });
  return enumOf as { readonly [Each in Value]: Each };
}

export const ApiKeyRole = apiEnum<ApiKeyRoleRow>(
  "ApiKeyRole",
  "The permissions of an API key; each role includes those before it.",
  {
    STOREFRONT: "Show pictures and recommendations to any shopper.",
    RECOMMENDER: "Also train, index and re-rank, and read the results.",
    ADMIN: "Also import catalogues and manage API keys.",
  },
);

export const AuditOutcome = apiEnum<AuditOutcomeRow>("AuditOutcome", "How an audited call ended.", {
  STARTED: "Its end is not recorded: it runs, or its process died.",
  SUCCEEDED: null,
  FAILED: null,
});

export const CaptionSource = apiEnum<CaptionSourceRow>(
  "CaptionSource",
  "The origin of a caption.",
  {
    IMPORTED: "Imported with the catalogue.",
    MODEL: "The captioner wrote it from the picture.",
    RECOGNIZED:
      "Composed from the kind and colour recognised in the picture, where the item's text says nothing.",
    TEXT: "Composed from the item's title and category.",
  },
);

export const InteractionKind = apiEnum<InteractionKindRow>(
  "InteractionKind",
  "The kind of an interaction.",
  {
    VIEW: null,
    CLICK: null,
    LIKE: null,
    CART: null,
    PURCHASE: null,
    RATING: "An explicit rating; `weight` is its value.",
  },
);

export const JobKind = apiEnum<JobKindRow>("JobKind", "The kind of a job.", {
  PERSONALIZE_IMAGE: "Generates one picture for one shopper.",
  IMPORT: "Imports a catalogue.",
  INDEX: "Captions and embeds items, and updates the caption index.",
  TRAIN_RANKER: "Trains a new version of the ranking model.",
  TRAIN_PERSONALIZER: "Trains a new version of the personalizer.",
  SCORE_IMAGES: "Computes the rank changes of all pictures by one ranking model.",
  RERANK: "Generates pictures for many shoppers and trains the ranking model again on them.",
  CREATE_STUDY: "Makes the pictures of a study, and stores it.",
});

export const JobState = apiEnum<JobStateRow>(
  "JobState",
  "Lifecycle state of a job. The last three are final.",
  {
    QUEUED: null,
    RUNNING: null,
    SUCCEEDED: null,
    FAILED: null,
    CANCELLED: null,
  },
);

export const RankingModelState = apiEnum<RankingModelStateRow>(
  "RankingModelState",
  "Lifecycle state of a ranking model's version.",
  {
    TRAINING: null,
    READY: null,
    FAILED: null,
  },
);

export const PersonalizerState = apiEnum<PersonalizerStateRow>(
  "PersonalizerState",
  "Lifecycle state of a personalizer's version.",
  {
    TRAINING: null,
    READY: null,
    FAILED: null,
  },
);

export const ImportState = apiEnum<ImportStateRow>("ImportState", "Lifecycle state of an import.", {
  RUNNING: null,
  COMPLETE: null,
});

export const HeldOutPart = apiEnum("HeldOutPart", "Items that a training held out.", {
  VALIDATION: "Those that chose the best epoch.",
  TEST: "Those that the training did not see at all.",
});
export type HeldOutPart = keyof typeof HeldOutPart;

export const ImageFormat = apiEnum("ImageFormat", "A file format in which pictures are served.", {
  WEBP: null,
  AVIF: null,
  PNG: null,
  JPEG: null,
});
export type ImageFormat = keyof typeof ImageFormat;

export const ImportSource = apiEnum("ImportSource", "A kind of catalogue that can be imported.", {
  STICKERS: "The bundled sticker demo, with simulated shoppers; no folder.",
  MOVIELENS: "A folder with MovieLens's ratings.csv and movies.csv.",
  CATALOGUE:
    "A folder with `items.csv` and `interactions.csv` (or .tsv, .jsonl, .json, .xml, .parquet, each also with .gz), and " +
    "optional images in `images`.",
});
export type ImportSource = keyof typeof ImportSource;

export const OriginalReason = apiEnum(
  "OriginalReason",
  "Why an item keeps its catalogue picture for a shopper.",
  {
    OPTED_OUT: "The shopper opted out of personalisation.",
    NO_HISTORY: "The shopper has not interacted with any other item, or is unknown.",
    NO_IMAGE: "The item has no catalogue picture to start from.",
    HISTORY_NOT_INDEXED: "None of the shopper's items is indexed yet.",
    ITEM_NOT_INDEXED: "The item is not indexed yet.",
    BELOW_QUALITY_FLOOR:
      "No generated picture may be shown: none is similar, sharp and true enough; see `faults`.",
    MASK_IMPLAUSIBLE:
      "The product cannot be separated from its backdrop; `faults` says why. Nothing was generated.",
    RANKED_LOWER: "The item ranks lower with every generated picture.",
    NO_BETTER_VARIANT:
      "Only variants may be shown, and the item has none that suits the shopper better than its catalogue picture.",
    REJECTED: "An administrator rejected the pictures that could be shown (`rejectImage`).",
    GENERATION_FAILED: "The picture could not be generated; the log says why.",
    CANCELLED: "The job that generates the picture was cancelled.",
    BUSY: "A budget is exhausted, or too many pictures wait; try again at `retryAt`. Stored pictures are not affected.",
  },
);
export type OriginalReason = keyof typeof OriginalReason;

export const ImageKind = apiEnum("ImageKind", "How a personalised picture was made.", {
  VARIANT: "It is the shop's own picture of one of the item's variants: nothing was generated.",
  STUDIO: "The product's pixels are the shop's own; its setting is generated.",
  GENERATED: "A generator drew the whole picture.",
});
export type ImageKind = keyof typeof ImageKind;

export const VariantMode = apiEnum("VariantMode", "Which pictures may answer a request.", {
  FIRST: "The variant that the shopper prefers; if none does, a generated one.",
  ONLY: "Variants only: nothing is generated.",
  OFF: "Generated ones only.",
});
export type VariantMode = keyof typeof VariantMode;

export const FidelityPolicy = apiEnum(
  "FidelityPolicy",
  "How true a picture must be to the catalogue picture.",
  {
    PRODUCT: "The product's pixels stay; only its surroundings change. For photographs.",
    STYLE: "The picture may be redrawn, but must not be blurred. For drawings.",
    FREE: "Any picture that passes the quality gate.",
  },
);
export type FidelityPolicy = keyof typeof FidelityPolicy;

export const RankChangeSortField = apiEnum("RankChangeSortField", "The sort key of rank changes.", {
  CREATED_AT: null,
  DELTA_R: null,
});
export type RankChangeSortField = keyof typeof RankChangeSortField;

export const RankChangeGrouping = apiEnum(
  "RankChangeGrouping",
  "What decided requests are grouped by.",
  {
    CATEGORY: "The item's category.",
    DAY: "The day of the decision, in UTC.",
    MODEL_VERSION:
      "The version of the ranking model that ranked the image. A request without an image is in the group of the version that decided it.",
  },
);
export type RankChangeGrouping = keyof typeof RankChangeGrouping;

export const SortDirection = apiEnum("SortDirection", "Lowest or highest first.", {
  ASC: null,
  DESC: null,
});
export type SortDirection = keyof typeof SortDirection;

export const RecommendationSource = apiEnum(
  "RecommendationSource",
  "The source of recommendations.",
  {
    RANKER: "The active ranking model, which was trained on this shopper.",
    RERANKED:
      "The active ranking model, which was trained on this shopper, with the first items re-ranked by images made for the shopper (`startRerank` with the mode `perUser`).",
    FOLD_IN:
      "The active ranking model, given the shopper's latest interactions: they are new, or have more, since its training.",
    CONTENT:
      "Similarity to the captions of the shopper's items: the ranking model knows none of them.",
    POPULARITY: "Popularity: nothing is known about this shopper.",
  },
);
export type RecommendationSource = keyof typeof RecommendationSource;

export const NoRankChangeReason = apiEnum(
  "NoRankChangeReason",
  "Why a personalised image has no rank change.",
  {
    NO_RANKING_MODEL: "No ranking model was active when it was generated.",
    MODEL_READS_NO_IMAGES:
      "The ranking model that was active does not use images (LightGCN, BPR-MF, EASE, iALS, ItemKNN, popularity).",
    UNKNOWN_TO_MODEL:
      "The ranking model that was active does not know the item or the shopper. `startScoring` retries with the active one.",
  },
);
export type NoRankChangeReason = keyof typeof NoRankChangeReason;

export const StudyMethod = apiEnum("StudyMethod", "What a study compares.", {
  ORIGINAL: "The catalogue picture. It is not sorted by meaning, for it is the reference.",
  SERVED:
    "What the shopper would be shown: the best candidate by the ranking model, or the catalogue picture if none may be shown.",
  FIRST_CANDIDATE:
    "The first candidate of the same drawing: without the ranking model's choice, gates and floor.",
  KEYWORDS: "One picture by the prompt with the preference keywords alone: no retrieved pictures.",
  RETRIEVAL:
    "One picture by the item's own keywords and the retrieved pictures: no preference keywords.",
  PLAIN: "One picture by keywords and retrieved pictures, without a trained personalizer.",
});
export type StudyMethod = keyof typeof StudyMethod;

export const StudyQuestion = apiEnum<StudyQuestionRow>(
  "StudyQuestion",
  "A question of a study (Table 3 of the paper).",
  {
    CLICK: "Which picture would this shopper rather click?",
    MEANING: "Which picture means the same as the item's own?",
  },
);
export type StudyQuestion = keyof typeof StudyQuestion;

export const StudyImageRole = apiEnum<StudyImageRoleRow>(
  "StudyImageRole",
  "What a picture of a study is shown as.",
  {
    HISTORY: "An item that the shopper chose.",
    REFERENCE: "The item's own picture.",
    CANDIDATE: "To be sorted.",
  },
);
export type StudyImageRole = keyof typeof StudyImageRole;
