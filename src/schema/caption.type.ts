import { Field, ObjectType } from "type-graphql";
import type { CaptionRow, CaptionSource as CaptionSourceRow } from "../db/rows.js";
import { CaptionSource } from "./enums.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "One sentence that says what an item is or its picture shows." })
export class Caption implements Pick<CaptionRow, "text" | "source" | "model" | "createdAt"> {
  @Field(() => String, { description: "The sentence." })
  text!: string;

  @Field(() => CaptionSource, {
    description: "Whether it was imported, written by a model, or made of the item's own text.",
  })
  source!: CaptionSourceRow;

  @Field(() => String, {
    nullable: true,
    description:
      "The captioner, `name@version`, also where its sentence did not agree with the title, which then is the caption; " +
      "`title@1` where none saw a picture; null if the caption was imported.",
  })
  model!: string | null;

  @Field(() => DateTime, { description: "When it was stored." })
  createdAt!: Date;
}
