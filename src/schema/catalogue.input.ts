import { Field, ID, InputType, Int, ObjectType } from "type-graphql";

@InputType({
  description:
    "An item, or changes to one. An omitted field stays unchanged; null clears it. A new item requires a title.",
})
export class ItemInput {
  @Field(() => ID, { description: "The shop's own id, 1 to 200 characters." })
  id!: string;

  @Field(() => String, { nullable: true, description: "Its name, 1 to 1,000 characters." })
  title?: string | null;

  @Field(() => String, { nullable: true, description: "At most 20,000 characters." })
  description?: string | null;

  @Field(() => String, { nullable: true, description: "At most 100 characters." })
  category?: string | null;

  @Field(() => [String], {
    nullable: true,
    description: "At most 100 words or phrases of 100 characters.",
  })
  keywords?: string[] | null;

  @Field(() => Boolean, {
    nullable: true,
    description: "Whether it can be bought now; default true for a new item. Null changes nothing.",
  })
  isAvailable?: boolean | null;

  @Field(() => String, {
    nullable: true,
    description: "Author and licence of the picture.",
  })
  attribution?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "A sentence that describes the picture, at most 1,000 characters; without one the next indexing writes it.",
  })
  caption?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The picture's URL: a public http or https address. It is fetched unless the item's picture came " +
      "from there. Null removes the picture.",
  })
  imageUrl?: string | null;
}

@ObjectType({ description: "A row that was rejected completely or in part." })
export class RejectedItem {
  @Field(() => Int, { description: "Its index in the input, from 0." })
  index!: number;

  @Field(() => String, { description: "The error code (docs/errors.md)." })
  code!: string;

  @Field(() => String, { description: "The reason, for people." })
  message!: string;
}

@ObjectType({ description: "The result of removing items." })
export class RemoveItemsPayload {
  @Field(() => Int, { description: "Number of items removed." })
  removed!: number;

  @Field(() => [ID], { description: "Ids without an item." })
  unknown!: string[];

  @Field(() => Int, { description: "Number of their interactions that were deleted." })
  interactions!: number;

  @Field(() => Int, { description: "Number of their personalised pictures that were deleted." })
  images!: number;
}

@ObjectType({ description: "What was deleted with a shopper." })
export class DeleteUserPayload {
  @Field(() => Boolean, { description: "Whether the shopper existed." })
  existed!: boolean;

  @Field(() => Int, { description: "Number of deleted interactions." })
  interactions!: number;

  @Field(() => Int, { description: "Number of deleted personalised pictures." })
  images!: number;
}
