import { Field, ID, InputType, Int, ObjectType } from "type-graphql";

@InputType({
  description:
    "An item, or what is to change of it. A field that is left out stays as it is; null empties it. A new item needs a title.",
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
    description: "Whether it can be bought now; a new item can. Null says nothing.",
  })
  isAvailable?: boolean | null;

  @Field(() => String, {
    nullable: true,
    description: "Who made the picture and under what licence.",
  })
  attribution?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "A sentence that says what the picture shows, at most 1,000 characters; without one it is written by the next indexing.",
  })
  caption?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Where the picture is fetched from: a public http or https address. It is fetched unless the item's picture came " +
      "from there. Null takes the picture away.",
  })
  imageUrl?: string | null;
}

@ObjectType({ description: "A row of the input that was not taken, or not wholly." })
export class RejectedItem {
  @Field(() => Int, { description: "Its place in the input, from 0." })
  index!: number;

  @Field(() => String, { description: "Why, for programs (docs/errors.md)." })
  code!: string;

  @Field(() => String, { description: "Why, for people." })
  message!: string;
}

@ObjectType({ description: "What became of the items that were removed." })
export class RemoveItemsPayload {
  @Field(() => Int, { description: "Items that were there." })
  removed!: number;

  @Field(() => [ID], { description: "Ids that no item had." })
  unknown!: string[];

  @Field(() => Int, { description: "Interactions with them that were deleted." })
  interactions!: number;

  @Field(() => Int, { description: "Personalised pictures of them that were deleted." })
  images!: number;
}

@ObjectType({ description: "What was deleted of a shopper." })
export class DeleteUserPayload {
  @Field(() => Boolean, { description: "Whether there was such a shopper." })
  existed!: boolean;

  @Field(() => Int, { description: "Interactions that were deleted." })
  interactions!: number;

  @Field(() => Int, { description: "Personalised pictures that were deleted." })
  images!: number;
}
