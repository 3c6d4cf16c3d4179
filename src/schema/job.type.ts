import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import type { JobKind as JobKindRow, JobRow, JobState as JobStateRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { JobKind, JobState } from "./enums.js";
import { DateTime, JsonObject } from "./scalars.js";

@ObjectType({ description: "Work that outlives the request that asked for it." })
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

  @Field(() => JobKind, { description: "What it does." })
  kind!: JobKindRow;

  @Field(() => JobState, { description: "How far it is." })
  state!: JobStateRow;

  @Field(() => Float, { description: "Part done, 0 to 1." })
  progress!: number;

  @Field(() => String, { description: "What is being done, for people; may be empty." })
  stage!: string;

  @Field(() => JsonObject, {
    nullable: true,
    description: "What came of it, by kind; null until it has succeeded.",
  })
  result!: object | null;

  @Field(() => String, {
    nullable: true,
    description: "Code of the error it failed with (docs/errors.md); null if it did not fail.",
  })
  errorCode!: string | null;

  @Field(() => String, { nullable: true, description: "The error for people; null likewise." })
  errorMessage!: string | null;

  @Field(() => Int, { description: "Times it was started." })
  attempts!: number;

  @Field(() => Boolean, { description: "Whether someone asked it to stop." })
  cancelRequested!: boolean;

  @Field(() => DateTime, { description: "When it was asked for." })
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "When it was last started." })
  startedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: "When it ended, well or not." })
  finishedAt!: Date | null;
}

export const JobConnection = connectionType(Job, "Job");
