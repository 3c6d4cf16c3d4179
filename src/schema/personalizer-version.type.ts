import { Authorized, ID, ObjectType } from "type-graphql";
import type {
  PersonalizerState as PersonalizerStateRow,
  PersonalizerVersionRow,
} from "../db/rows.js";
import { connectionType } from "./connection.js";
import { PersonalizerState } from "./enums.js";
import { Described, Nullable } from "./field.js";
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
  @Described(PersonalizerState, "Lifecycle state: only READY can generate.")
  state!: PersonalizerStateRow;

  @Described(Boolean, "Whether new pictures use it.")
  isActive!: boolean;

  @Described(String, "The model pack it was trained for, `name@version`.")
  generator!: string;

  @Described(ID, "The version of the ranking model that rewarded it.")
  rankingModelVersionId!: string;

  @Authorized("RECOMMENDER")
  @Nullable(
    JsonObject,
    "Rank changes and CLIP scores by split, pairs, seconds; null until trained. Needs RECOMMENDER.",
  )
  metrics!: object | null;
}

export const PersonalizerConnection = connectionType(PersonalizerVersion, "PersonalizerVersion");
