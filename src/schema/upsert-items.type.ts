import { Field, Int, ObjectType } from "type-graphql";
import type { JobRow } from "../db/rows.js";
import { RejectedItem } from "./catalogue.input.js";
import { Job } from "./job.type.js";

@ObjectType({ description: "What became of the rows." })
export class UpsertItemsPayload {
  @Field(() => Int, { description: "Rows that were taken." })
  accepted!: number;

  @Field(() => Int, { description: "Items that are new or are not what they were." })
  changed!: number;

  @Field(() => [RejectedItem], { description: "Rows that were not taken." })
  rejected!: RejectedItem[];

  @Field(() => [RejectedItem], {
    description: "Rows that were taken without their picture; send them again.",
  })
  imagesFailed!: RejectedItem[];

  @Field(() => Job, {
    nullable: true,
    description: "The job that makes the changes findable; null if nothing changed.",
  })
  job!: JobRow | null;
}
