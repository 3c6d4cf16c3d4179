import { Field, Int, ObjectType } from "type-graphql";
import type { JobRow } from "../db/rows.js";
import { RejectedItem } from "./catalogue.input.js";
import { Job } from "./job.type.js";

@ObjectType({ description: "The result of upserting items." })
export class UpsertItemsPayload {
  @Field(() => Int, { description: "Accepted rows." })
  accepted!: number;

  @Field(() => Int, { description: "Items that are new or changed." })
  changed!: number;

  @Field(() => [RejectedItem], { description: "Rejected rows." })
  rejected!: RejectedItem[];

  @Field(() => [RejectedItem], {
    description: "Rows accepted without their picture; send them again.",
  })
  imagesFailed!: RejectedItem[];

  @Field(() => Job, {
    nullable: true,
    description: "The job that indexes the changes; null if nothing changed.",
  })
  job!: JobRow | null;
}
