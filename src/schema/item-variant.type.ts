import { ID, ObjectType } from "type-graphql";
import type { ItemVariantRow } from "../db/rows.js";
import { Described } from "./field.js";

@ObjectType({ description: "A property in which variants differ." })
export class VariantOption {
  @Described(String, "Its name in the shop, such as `Colour`.")
  name!: string;

  @Described(String, "The variant's value, such as `Red`.")
  value!: string;
}

@ObjectType({ description: "A variant in which an item is sold, such as one colour and size." })
export class ItemVariant implements Pick<ItemVariantRow, "id" | "title" | "isAvailable"> {
  @Described(ID, "The shop's own id of the variant, unique within its item.")
  id!: string;

  @Described(String, "The variant's own name; may be empty.")
  title!: string;

  @Described(
    Boolean,
    "Whether the variant can be bought now; an unavailable one is never shown in place of its item.",
  )
  isAvailable!: boolean;
}
