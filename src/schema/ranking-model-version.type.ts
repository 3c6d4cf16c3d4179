import { Field, ID, Int, ObjectType } from "type-graphql";
import type {
  RankingModelState as RankingModelStateRow,
  RankingModelVersionRow,
} from "../db/rows.js";
import { connectionType } from "./connection.js";
import { RankingModelState } from "./enums.js";
import { DateTime, JsonObject } from "./scalars.js";

@ObjectType({ description: "A trained ranking model. Versions are kept; at most one is active." })
export class RankingModelVersion implements Pick<
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
> {
  @Field(() => ID, { description: "A UUID." })
  id!: string;

  @Field(() => String, { description: "`MICRO`, `popularity`, …" })
  algorithm!: string;

  @Field(() => RankingModelState, { description: "Whether it can rank yet." })
  state!: RankingModelStateRow;

  @Field(() => Boolean, { description: "Whether recommendations come from it now." })
  isActive!: boolean;

  @Field(() => JsonObject, { description: "Hyper-parameters." })
  config!: object;

  @Field(() => Int, { description: "Seed of all randomness in its training." })
  seed!: number;

  @Field(() => String, {
    nullable: true,
    description:
      "SHA-256 of the interactions and features it was trained on: two versions with the same one saw the same data; null until trained.",
  })
  dataHash!: string | null;

  @Field(() => JsonObject, {
    nullable: true,
    description:
      "Recall and NDCG by split and cut-off, fractions 0 to 1, and training seconds; null until trained.",
  })
  metrics!: object | null;

  @Field(() => String, { nullable: true, description: "Why its training failed; null otherwise." })
  failure!: string | null;

  @Field(() => DateTime, { description: "When its training was asked for." })
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "When its training ended well." })
  trainedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: "When it last became the active one." })
  activatedAt!: Date | null;
}

export const RankingModelConnection = connectionType(RankingModelVersion, "RankingModelVersion");
