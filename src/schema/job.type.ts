import { ArgsType, Float, ID, Int, ObjectType } from "type-graphql";
import type { JobKind as JobKindRow, JobRow, JobState as JobStateRow } from "../db/rows.js";
import { connectionType, PageArgs } from "./connection.js";
import { JobKind, JobState } from "./enums.js";
import { Described, Nullable } from "./field.js";
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
  | "userId"
  | "cancelRequested"
  | "createdAt"
  | "startedAt"
  | "finishedAt"
> {
  @Described(ID, "A UUID.")
  id!: string;

  @Described(JobKind, "Kind of work.")
  kind!: JobKindRow;

  @Described(JobState, "Lifecycle state of the job.")
  state!: JobStateRow;

  @Described(Float, "Fraction done, 0 to 1.")
  progress!: number;

  @Described(String, "The current stage, for people; may be empty.")
  stage!: string;

  @Nullable(JsonObject, "The result, by kind; null until it has succeeded.")
  result!: object | null;

  @Nullable(String, "Code of the error it failed with (docs/errors.md); null if it did not fail.")
  errorCode!: string | null;

  @Nullable(String, "The error message; null if none.")
  errorMessage!: string | null;

  @Nullable(ID, "The shopper it is for; null if it is for none.")
  userId!: string | null;

  @Described(Int, "Number of starts.")
  attempts!: number;

  @Described(Boolean, "Whether cancellation was requested.")
  cancelRequested!: boolean;

  @Described(DateTime, "When it was queued.")
  createdAt!: Date;

  @Nullable(DateTime, "When it was last started.")
  startedAt!: Date | null;

  @Nullable(DateTime, "When it ended, successfully or not.")
  finishedAt!: Date | null;
}

@ArgsType()
export class JobListArgs extends PageArgs {
  @Nullable(JobKind, "Only of this kind; default all.")
  kind?: JobKindRow | null;

  @Nullable(JobState, "Only in this state; default all.")
  state?: JobStateRow | null;

  @Nullable(ID, "Only for this shopper; default all.")
  userId?: string | null;

  @Nullable(ID, "Only for this item; default all.")
  itemId?: string | null;
}

export const JobConnection = connectionType(Job, "Job");
