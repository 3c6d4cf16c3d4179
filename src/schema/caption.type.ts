import { Field, ObjectType } from "type-graphql";
import type { CaptionRow, CaptionSource as CaptionSourceRow } from "../db/rows.js";
import { CaptionSource } from "./enums.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "One sentence that describes an item or its picture." })
export class Caption implements Pick<CaptionRow, "text" | "source" | "model" | "createdAt"> {
  @Field(() => String, { description: "The sentence." })
  text!: string;

  @Field(() => CaptionSource, {
    description: "Whether it was imported, written by a model, or composed from the item's text.",
  })
  source!: CaptionSourceRow;

  @Field(() => String, {
    nullable: true,
    description:
      "The captioner, `name@version`, even where its sentence did not match the title and the title became the caption; " +
      "`title@1` for items without a picture; null if the caption was imported.",
  })
  model!: string | null;

  @Field(() => DateTime, { description: "When it was stored." })
  createdAt!: Date;
}
