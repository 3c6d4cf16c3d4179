import { Field, ID, ObjectType } from "type-graphql";
import type {
  PersonalizerState as PersonalizerStateRow,
  PersonalizerVersionRow,
} from "../db/rows.js";
import { connectionType } from "./connection.js";
import { PersonalizerState } from "./enums.js";
import { JsonObject } from "./scalars.js";
import { TrainedVersion } from "./trained-version.type.js";

@ObjectType({
  description:
    "A trained preference: what conditions the generator on a shopper's taste. Versions are kept; at most one is active.",
})
export class PersonalizerVersion
  extends TrainedVersion
  implements
    Pick<
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
    >
{
  @Field(() => PersonalizerState, { description: "Whether it can condition the generator yet." })
  state!: PersonalizerStateRow;

  @Field(() => Boolean, { description: "Whether pictures are made with it now." })
  isActive!: boolean;

  @Field(() => String, { description: "The model pack it steers, `name@version`." })
  generator!: string;

  @Field(() => ID, { description: "The version of the ranking model that rewarded it." })
  rankingModelVersionId!: string;

  @Field(() => JsonObject, {
    nullable: true,
    description: "Rank changes and CLIP scores by split, pairs, seconds; null until trained.",
  })
  metrics!: object | null;
}

export const PersonalizerConnection = connectionType(PersonalizerVersion, "PersonalizerVersion");
