import { Field, ID, ObjectType } from "type-graphql";
import type { ItemRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "An item of the catalogue." })
export class Item implements Omit<ItemRow, "updatedAt"> {
  @Field(() => ID, { description: "The shop's own id." })
  id!: string;

  @Field(() => String, { description: "The item's name in the shop." })
  title!: string;

  @Field(() => String, { description: "Description; may be empty." })
  description!: string;

  @Field(() => String, { nullable: true, description: "The shop's category; null if it has none." })
  category!: string | null;

  @Field(() => [String], { description: "The shop's keywords, in its order." })
  keywords!: string[];

  @Field(() => Boolean, {
    description: "Whether the item can be bought now; an unavailable item is never recommended.",
  })
  isAvailable!: boolean;

  @Field(() => String, {
    nullable: true,
    description: "Author and licence of the pictures; null if the shop gave none.",
  })
  attribution!: string | null;

  @Field(() => DateTime, { description: "When the item was first imported." })
  createdAt!: Date;
}

export const ItemConnection = connectionType(Item, "Item");
