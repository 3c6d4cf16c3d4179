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
    "A trained personalizer: it conditions the generator on a shopper's preference. Versions are kept; at most one is active.",
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
  @Field(() => PersonalizerState, { description: "Lifecycle state: only READY can generate." })
  state!: PersonalizerStateRow;

  @Field(() => Boolean, { description: "Whether new pictures use it." })
  isActive!: boolean;

  @Field(() => String, { description: "The model pack it was trained for, `name@version`." })
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
