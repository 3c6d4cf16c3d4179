import { Authorized, ObjectType } from "type-graphql";
import type {
  RankingModelState as RankingModelStateRow,
  RankingModelVersionRow,
} from "../db/rows.js";
import { connectionType } from "./connection.js";
import { RankingModelState } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { JsonObject } from "./scalars.js";
import { TrainedVersion } from "./trained-version.type.js";

@ObjectType({ description: "A trained ranking model. Versions are kept; at most one is active." })
export class RankingModelVersion
  extends TrainedVersion
  implements
    Pick<
      RankingModelVersionRow,
      | "id"
      | "algorithm"
      | "state"
      | "isActive"
      | "seed"
      | "dataHash"
      | "failure"
      | "createdAt"
      | "trainedAt"
      | "activatedAt"
    >
{
  @Described(String, "`MICRO`, `popularity`, …")
  algorithm!: string;

  @Described(RankingModelState, "Lifecycle state: only READY can rank.")
  state!: RankingModelStateRow;

  @Described(Boolean, "Whether it is the active ranker.")
  isActive!: boolean;

  @Authorized("RECOMMENDER")
  @Nullable(
    String,
    "SHA-256 of its training interactions and features: versions with the same hash saw the same data; null until trained. " +
      "Needs RECOMMENDER.",
  )
  dataHash!: string | null;

  @Authorized("RECOMMENDER")
  @Nullable(
    JsonObject,
    "Recall and NDCG by split and cut-off, fractions 0 to 1, and training seconds; null until trained. " +
      "Needs RECOMMENDER.",
  )
  metrics!: object | null;
}

export const RankingModelConnection = connectionType(RankingModelVersion, "RankingModelVersion");
