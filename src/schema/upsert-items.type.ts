import { Int, ObjectType } from "type-graphql";
import type { JobRow } from "../db/rows.js";
import { RejectedItem } from "./catalogue.input.js";
import { Described, Nullable } from "./field.js";
import { Job } from "./job.type.js";

@ObjectType({ description: "The result of upserting items." })
export class UpsertItemsPayload {
  @Described(Int, "Accepted rows.")
  accepted!: number;

  @Described(Int, "Items that are new or changed.")
  changed!: number;

  @Described([RejectedItem], "Rejected rows.")
  rejected!: RejectedItem[];

  @Described([RejectedItem], "Rows accepted without their picture; send them again.")
  imagesFailed!: RejectedItem[];

  @Nullable(Job, "The job that indexes the changes; null if nothing changed.")
  job!: JobRow | null;
}
