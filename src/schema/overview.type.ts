import { Float, Int, ObjectType } from "type-graphql";
import type { JobKind as JobKindRow, JobState as JobStateRow } from "../db/rows.js";
import { JobKind, JobState } from "./enums.js";
import { Described } from "./field.js";

@ObjectType({ description: "Jobs of one kind in one state." })
export class JobCount {
  @Described(JobKind, "Their kind.")
  kind!: JobKindRow;

  @Described(JobState, "Their state.")
  state!: JobStateRow;

  @Described(Int, "How many there are.")
  count!: number;
}

@ObjectType({ description: "Decided requests with one outcome." })
export class OutcomeCount {
  @Described(
    String,
    "`SHOWN`, or why the catalogue picture stays, such as `RANKED_LOWER` or `BELOW_QUALITY_FLOOR` (`OriginalReason`).",
  )
  reason!: string;

  @Described(Int, "How many there are.")
  count!: number;
}

@ObjectType({ description: "The shop in numbers." })
export class Overview {
  @Described(Int, "Items of the catalogue.")
  numItems!: number;

  @Described(Int, "Items that can be bought now.")
  numAvailableItems!: number;

  @Described(Int, "Items whose caption the current encoder has encoded.")
  numIndexedItems!: number;

  @Described(Int, "Shoppers with recorded interactions.")
  numUsers!: number;

  @Described(Float, "Interactions.")
  numInteractions!: number;

  @Described(Int, "Stored personalised pictures, shown or not.")
  numImages!: number;

  @Described(Int, "Rejected pictures.")
  numRejectedImages!: number;

  @Described([JobCount], "Jobs that are queued or running, and those that failed since `since`.")
  jobs!: JobCount[];

  @Described(
    [OutcomeCount],
    "Outcomes of the requests decided since `since`, the most frequent first.",
  )
  outcomes!: OutcomeCount[];
}
