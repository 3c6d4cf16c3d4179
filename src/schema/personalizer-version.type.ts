import { Field, ID, Int, ObjectType } from "type-graphql";
import type {
  PersonalizerState as PersonalizerStateRow,
  PersonalizerVersionRow,
} from "../db/rows.js";
import { connectionType } from "./connection.js";
import { PersonalizerState } from "./enums.js";
import { DateTime, JsonObject } from "./scalars.js";

@ObjectType({
  description:
    "A trained preference: what conditions the generator on a shopper's taste. Versions are kept; at most one is active.",
})
export class PersonalizerVersion implements Pick<
  PersonalizerVersionRow,
  | "id"
  | "state"
  | "isActive"
  | "seed"
  | "generator"
  | "failure"
  | "createdAt"
  | "trainedAt"
  | "activatedAt"
> {
  @Field(() => ID, { description: "A UUID." })
  id!: string;

  @Field(() => PersonalizerState, { description: "Whether it can condition the generator yet." })
  state!: PersonalizerStateRow;

  @Field(() => Boolean, { description: "Whether pictures are made with it now." })
  isActive!: boolean;

  @Field(() => JsonObject, { description: "Hyper-parameters." })
  config!: object;

  @Field(() => Int, { description: "Seed of all randomness in its training." })
  seed!: number;

  @Field(() => String, { description: "The model pack it steers, `name@version`." })
  generator!: string;

  @Field(() => ID, { description: "The version of the ranking model that rewarded it." })
  rankingModelVersionId!: string;

  @Field(() => JsonObject, {
    nullable: true,
    description: "Rank changes and CLIP scores by split, pairs, seconds; null until trained.",
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

export const PersonalizerConnection = connectionType(PersonalizerVersion, "PersonalizerVersion");
