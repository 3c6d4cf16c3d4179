import { ID, ObjectType } from "type-graphql";
import type { ItemRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "An item of the catalogue." })
export class Item implements Omit<ItemRow, "updatedAt"> {
  @Described(ID, "The shop's own id.")
  id!: string;

  @Described(String, "The item's name in the shop.")
  title!: string;

  @Described(String, "Description; may be empty.")
  description!: string;

  @Nullable(String, "The shop's category; null if it has none.")
  category!: string | null;

  @Described([String], "The shop's keywords, in its order.")
  keywords!: string[];

  @Described(
    Boolean,
    "Whether the item can be bought now; an unavailable item is never recommended.",
  )
  isAvailable!: boolean;

  @Nullable(String, "Author and licence of the pictures; null if the shop gave none.")
  attribution!: string | null;

  @Described(DateTime, "When the item was first imported.")
  createdAt!: Date;
}

export const ItemConnection = connectionType(Item, "Item");
