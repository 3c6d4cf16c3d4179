import { Int, ObjectType } from "type-graphql";
import { Described } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "A result file of an experiment." })
export class ResultFile {
  @Described(String, "Its name, without the ending.")
  name!: string;

  @Described(Int, "Size, bytes.")
  sizeBytes!: number;

  @Described(DateTime, "When it was written.")
  modifiedAt!: Date;
}
