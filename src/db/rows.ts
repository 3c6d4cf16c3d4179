/** @file The rows of the database, as Prisma types them. */
export type {
  ApiKey as ApiKeyRow,
  Blob as BlobRow,
  Caption as CaptionRow,
  Embedding as EmbeddingRow,
  ImageRefusal as ImageRefusalRow,
  ImportRun as ImportRunRow,
  Interaction as InteractionRow,
  Item as ItemRow,
  ItemImage as ItemImageRow,
  Job as JobRow,
  PersonalizedImage as PersonalizedImageRow,
  PersonalizerVersion as PersonalizerVersionRow,
  RankChange as RankChangeRow,
  RankingModelVersion as RankingModelVersionRow,
  User as UserRow,
} from "./generated/client.js";
export type {
  ApiKeyRole,
  CaptionSource,
  EmbeddingKind,
  ImportState,
  InteractionKind,
  JobKind,
  JobState,
  PersonalizerState,
  RankingModelState,
} from "./generated/enums.js";
