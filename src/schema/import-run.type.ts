import { ID, Int, ObjectType } from "type-graphql";
import type { ImportState as ImportStateRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { ImportState } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "A row that an import rejected." })
export class RejectedRow {
  @Described(String, "The part of the import, such as `items`.")
  part!: string;

  @Described(String, "The file.")
  file!: string;

  @Described(Int, "The line in the file.")
  line!: number;

  @Described(String, "Why it was rejected.")
  reason!: string;

  @Described(String, "The row as in the file, as JSON.")
  row!: string;
}

@ObjectType({ description: "Rejected rows from a place on." })
export class RejectedRows {
  @Described([RejectedRow], "The rows, in the order of the files.")
  rows!: RejectedRow[];

  @Described(Int, "Number of all rejected rows of the import.")
  count!: number;
}

@ObjectType({ description: "What an import did with one part of its source." })
export class ImportPart {
  @Described(String, "The part, such as `items`.")
  name!: string;

  @Described(Int, "Rows accepted.")
  accepted!: number;

  @Described(Int, "Rows rejected.")
  rejected!: number;

  @Described(Int, "Accepted rows that replaced an earlier one with the same id.")
  replaced!: number;
}

@ObjectType({ description: "One import of one source." })
export class ImportRun {
  @Described(ID, "A UUID.")
  id!: string;

  @Described(String, "`movielens`, `catalogue`, `stickers` or the name of a photograph shop.")
  kind!: string;

  @Described(
    ImportState,
    "A RUNNING one that was killed continues with the next import of its source.",
  )
  state!: ImportStateRow;

  @Described(DateTime, "When it began.")
  startedAt!: Date;

  @Described(DateTime, "When it last stored rows.")
  updatedAt!: Date;

  @Nullable(DateTime, "When it was complete; null until then.")
  finishedAt!: Date | null;
}

export const ImportRunConnection = connectionType(ImportRun, "ImportRun");
