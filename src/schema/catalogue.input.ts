import { ID, InputType, Int, ObjectType } from "type-graphql";
import { Described, Nullable } from "./field.js";
import { ItemVariantInput } from "./item-variant.input.js";
import { RowInput } from "./row-input.js";

@RowInput()
@InputType({
  description:
    "An item, or changes to one. An omitted field stays unchanged; null clears it. A new item requires a title.",
})
export class ItemInput {
  @Described(ID, "The shop's own id, 1 to 200 characters.")
  id!: string;

  @Nullable(String, "Its name, 1 to 1,000 characters.")
  title?: string | null;

  @Nullable(String, "At most 20,000 characters.")
  description?: string | null;

  @Nullable(String, "At most 100 characters.")
  category?: string | null;

  @Nullable([String], "At most 100 words or phrases of 100 characters.")
  keywords?: string[] | null;

  @Nullable(
    Boolean,
    "Whether it can be bought now; default true for a new item. Null changes nothing.",
  )
  isAvailable?: boolean | null;

  @Nullable(String, "Author and licence of the picture.")
  attribution?: string | null;

  @Nullable(
    String,
    "A sentence that describes the picture, at most 1,000 characters; without one the next indexing writes it.",
  )
  caption?: string | null;

  @Nullable(
    String,
    "The picture's URL: a public http or https address. It is fetched unless the item's picture came " +
      "from there. Or the picture itself, as a base64 `data:` URL. Null removes the picture.",
  )
  imageUrl?: string | null;

  @Nullable(
    [ItemVariantInput],
    "All variants in which it is sold, at most 2,048: they replace those that it has. Null removes them.",
  )
  variants?: ItemVariantInput[] | null;
}

@ObjectType()
export abstract class RejectedRow {
  @Described(Int, "Its index in the input, from 0.")
  index!: number;

  @Described(String, "The error code (docs/errors.md).")
  code!: string;

  @Described(String, "The reason, for people.")
  message!: string;
}

@ObjectType({ description: "A row that was rejected completely or in part." })
export class RejectedItem extends RejectedRow {}

@ObjectType({ description: "The result of removing items." })
export class RemoveItemsPayload {
  @Described(Int, "Number of items removed.")
  removed!: number;

  @Described([ID], "Ids without an item.")
  unknown!: string[];

  @Described(Int, "Number of their interactions that were deleted.")
  interactions!: number;

  @Described(Int, "Number of their personalised pictures that were deleted.")
  images!: number;
}

@ObjectType({ description: "What was deleted with a shopper." })
export class DeleteUserPayload {
  @Described(Boolean, "Whether the shopper existed.")
  existed!: boolean;

  @Described(Int, "Number of deleted interactions.")
  interactions!: number;

  @Described(Int, "Number of deleted personalised pictures.")
  images!: number;
}

@ObjectType({ description: "What a shopper got from another id of theirs." })
export class MergeUsersPayload {
  @Described(Boolean, "Whether the merged shopper existed; if not, nothing changed.")
  existed!: boolean;

  @Described(Int, "Number of interactions that moved.")
  interactions!: number;
}
