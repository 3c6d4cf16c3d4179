import { Field, ID, Int, ObjectType } from "type-graphql";
import { DateTime, JsonObject } from "./scalars.js";

/** The common fields of trained versions. Not a type of the API itself. */
@ObjectType()
export abstract class TrainedVersion {
  @Field(() => ID, { description: "A UUID." })
  id!: string;

  @Field(() => JsonObject, { description: "Hyper-parameters." })
  config!: object;

  @Field(() => Int, { description: "Seed of all randomness in its training." })
  seed!: number;

  @Field(() => String, { nullable: true, description: "Why its training failed; null otherwise." })
  failure!: string | null;

  @Field(() => DateTime, { description: "When its training was requested." })
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "When its training succeeded." })
  trainedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: "When it was last activated." })
  activatedAt!: Date | null;
}
