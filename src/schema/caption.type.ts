import { ObjectType } from "type-graphql";
import type { CaptionRow, CaptionSource as CaptionSourceRow } from "../db/rows.js";
import { CaptionSource } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "One sentence that describes an item or its picture." })
export class Caption implements Pick<CaptionRow, "text" | "source" | "model" | "createdAt"> {
  @Described(String, "The sentence.")
  text!: string;

  @Described(
    CaptionSource,
    "Whether it was imported, written by a model, or composed from the item's text.",
  )
  source!: CaptionSourceRow;

  @Nullable(
    String,
    "The captioner, `name@version`, even where its sentence did not match the title and the title became the caption; " +
      "`title@1` for items without a picture; null if the caption was imported.",
  )
  model!: string | null;

  @Described(DateTime, "When it was stored.")
  createdAt!: Date;
}
