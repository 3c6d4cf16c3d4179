import { Field, ID, Int, ObjectType } from "type-graphql";
import { DateTime, JsonObject } from "./scalars.js";

/** What every version of a trained model says of itself. No type of the API: those that extend it are. */
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

  @Field(() => DateTime, { description: "When its training was asked for." })
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "When its training ended well." })
  trainedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: "When it last became the active one." })
  activatedAt!: Date | null;
}
