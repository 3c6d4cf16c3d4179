import { ID, InputType, ObjectType } from "type-graphql";
import type { AuditEntryRow, AuditOutcome as AuditOutcomeRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { AuditOutcome } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { DateTime, JsonObject } from "./scalars.js";

@ObjectType({ description: "A call of a mutation by an API key of level RECOMMENDER or above." })
export class AuditEntry implements Omit<AuditEntryRow, "arguments"> {
  @Described(ID, "A UUID.")
  id!: string;

  @Described(String, "Name of the API key that called, or what the host calls its caller.")
  actor!: string;

  @Described(String, "Name of the mutation.")
  action!: string;

  @Described(
    JsonObject,
    "The arguments: long texts and lists are cut, and ids of shoppers are SHA-256 hashes.",
  )
  arguments!: object;

  @Described(AuditOutcome, "How the call ended.")
  outcome!: AuditOutcomeRow;

  @Nullable(
    String,
    "Code of the error it failed with (docs/errors.md); null if it did not fail, or by a fault without a code.",
  )
  errorCode!: string | null;

  @Described(DateTime, "When it was called.")
  createdAt!: Date;

  @Nullable(DateTime, "When it ended; null if that is not recorded.")
  finishedAt!: Date | null;
}

export const AuditEntryConnection = connectionType(AuditEntry, "AuditEntry");

@InputType({ description: "A filter of the audit log; omitted fields do not restrict." })
export class AuditFilterInput {
  @Nullable(String, "Calls by the API key with this name.")
  actor?: string | null;

  @Nullable(String, "Calls of this mutation.")
  action?: string | null;

  @Nullable(AuditOutcome, "Calls that ended like this.")
  outcome?: AuditOutcomeRow | null;

  @Nullable(DateTime, "Called at this time or later.")
  from?: Date | null;

  @Nullable(DateTime, "Called before this time.")
  to?: Date | null;
}
