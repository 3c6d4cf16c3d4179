import { Authorized, ID, Int, ObjectType } from "type-graphql";
import { Described, Nullable } from "./field.js";
import { DateTime, JsonObject } from "./scalars.js";

/** The common fields of trained versions. Not a type of the API itself. */
@ObjectType()
export abstract class TrainedVersion {
  @Described(ID, "A UUID.")
  id!: string;

  @Authorized("RECOMMENDER")
  @Described(JsonObject, "Hyper-parameters. Needs RECOMMENDER.")
  config!: object;

  @Authorized("RECOMMENDER")
  @Described(Int, "Seed of all randomness in its training. Needs RECOMMENDER.")
  seed!: number;

  @Authorized("RECOMMENDER")
  @Nullable(String, "Why its training failed; null otherwise. Needs RECOMMENDER.")
  failure!: string | null;

  @Described(DateTime, "When its training was requested.")
  createdAt!: Date;

  @Nullable(DateTime, "When its training succeeded.")
  trainedAt!: Date | null;

  @Nullable(DateTime, "When it was last activated.")
  activatedAt!: Date | null;
}
