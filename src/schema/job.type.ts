import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import type { JobKind as JobKindRow, JobRow, JobState as JobStateRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { JobKind, JobState } from "./enums.js";
import { DateTime, JsonObject } from "./scalars.js";

@ObjectType({ description: "Work that continues after its request." })
export class Job implements Pick<
  JobRow,
  | "id"
  | "kind"
  | "state"
  | "progress"
  | "stage"
  | "errorCode"
  | "errorMessage"
  | "attempts"
  | "cancelRequested"
  | "createdAt"
  | "startedAt"
  | "finishedAt"
> {
  @Field(() => ID, { description: "A UUID." })
  id!: string;

  @Field(() => JobKind, { description: "Kind of work." })
  kind!: JobKindRow;

  @Field(() => JobState, { description: "Lifecycle state of the job." })
  state!: JobStateRow;

  @Field(() => Float, { description: "Fraction done, 0 to 1." })
  progress!: number;

  @Field(() => String, { description: "The current stage, for people; may be empty." })
  stage!: string;

  @Field(() => JsonObject, {
    nullable: true,
    description: "The result, by kind; null until it has succeeded.",
  })
  result!: object | null;

  @Field(() => String, {
    nullable: true,
    description: "Code of the error it failed with (docs/errors.md); null if it did not fail.",
  })
  errorCode!: string | null;

  @Field(() => String, { nullable: true, description: "The error message; null if none." })
  errorMessage!: string | null;

  @Field(() => Int, { description: "Number of starts." })
  attempts!: number;

  @Field(() => Boolean, { description: "Whether cancellation was requested." })
  cancelRequested!: boolean;

  @Field(() => DateTime, { description: "When it was queued." })
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "When it was last started." })
  startedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: "When it ended, successfully or not." })
  finishedAt!: Date | null;
}

export const JobConnection = connectionType(Job, "Job");
