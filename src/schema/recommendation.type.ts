import { ArgsType, Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import type { InteractionKind as InteractionKindRow } from "../db/rows.js";
import { PageArgs, PageInfo } from "./connection.js";
import { InteractionKind, RecommendationSource } from "./enums.js";
import { DateTime, RowTime } from "./scalars.js";

@InputType({ description: "Interactions after which an item counts as seen." })
export class SeenRuleInput {
  @Field(() => InteractionKind, { description: "What the shopper did with it." })
  kind!: InteractionKindRow;

  @Field(() => Float, {
    nullable: true,
    description: "For so many days after it, 0 or more; default for ever.",
  })
  days?: number | null;
}

@ArgsType()
export class RecommendationArgs extends PageArgs {
  @Field(() => Boolean, {
    defaultValue: true,
    description: "Whether to leave out what the shopper has seen (`seen`).",
  })
  excludeSeen!: boolean;

  @Field(() => [SeenRuleInput], {
    nullable: true,
    description:
      "What counts as seen; kinds that are not named do not. Default: the shop's setting `VITRINE_SEEN_DAYS`, by which " +
      "what was bought, liked or rated is left out for ever, what was put into the cart for 30 days, and what was viewed " +
      "or clicked for 7.",
  })
  seen?: SeenRuleInput[] | null;

  @Field(() => String, {
    nullable: true,
    description: "Only items of this category; default all.",
  })
  category?: string | null;
}

@ObjectType({ description: "A recommended item and its place." })
export class RecommendationEdge {
  @Field(() => String, { description: "The row's place, for `after`." })
  cursor!: string;

  @Field(() => Float, {
    description: "The ranking's score, higher is better; comparable within one shopper only.",
  })
  score!: number;

  @Field(() => Int, { description: "Place in the shopper's recommendations; 1 is best." })
  rank!: number;

  @Field(() => Boolean, {
    description:
      "Whether the item came after the ranking model was trained, so that its score is made from its picture and caption alone.",
  })
  isNew!: boolean;
}

@ObjectType({ description: "A page of a shopper's recommendations, best first." })
export class RecommendationConnection {
  @Field(() => [RecommendationEdge], { description: "The page's rows, best first." })
  edges!: RecommendationEdge[];

  @Field(() => PageInfo, { description: "Where the page stands in the list." })
  pageInfo!: PageInfo;

  @Field(() => RecommendationSource, { description: "What ranked the items." })
  source!: RecommendationSource;
}

@ObjectType({ description: "An item like another." })
export class SimilarItemEdge {
  @Field(() => String, { description: "The row's place, for `after`." })
  cursor!: string;

  @Field(() => Float, { description: "Cosine of the captions' embeddings, -1 to 1." })
  similarity!: number;
}

@ObjectType({ description: "A page of the items most like another, most similar first." })
export class SimilarItemConnection {
  @Field(() => [SimilarItemEdge], { description: "The page's rows, most similar first." })
  edges!: SimilarItemEdge[];

  @Field(() => PageInfo, { description: "Where the page stands in the list." })
  pageInfo!: PageInfo;
}

@InputType({ description: "What a shopper did with an item." })
export class InteractionInput {
  @Field(() => ID, { description: "The shopper's id in the shop." })
  userId!: string;

  @Field(() => ID, { description: "The item's id in the shop." })
  itemId!: string;

  @Field(() => InteractionKind, { description: "What was done." })
  kind!: InteractionKindRow;

  @Field(() => Float, {
    nullable: true,
    description:
      "The value of a RATING, in the shop's scale; a RATING without it is rejected. For other kinds how often or how " +
      "strongly, default 1; a LIKE of 0 takes the like back. 0 to 3.4e38.",
  })
  weight?: number | null;

  @Field(() => RowTime, {
    description: "When it was done. The same shopper, item, kind and time are one interaction.",
  })
  occurredAt!: unknown;
}

@InputType({ description: "Which interactions of a shopper with an item to delete." })
export class DeleteInteractionsInput {
  @Field(() => ID, { description: "The shopper's id in the shop." })
  userId!: string;

  @Field(() => ID, { description: "The item's id in the shop." })
  itemId!: string;

  @Field(() => [InteractionKind], { nullable: true, description: "Only these kinds; default all." })
  kinds?: InteractionKindRow[] | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "Only what was done at this time or later; default from the beginning.",
  })
  since?: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "Only what was done before this time; default until now.",
  })
  before?: Date | null;
}

@ObjectType({ description: "What was deleted." })
export class DeleteInteractionsPayload {
  @Field(() => Int, { description: "Interactions that were deleted; 0 if there were none." })
  deleted!: number;
}

@ObjectType({ description: "A row that was not recorded." })
export class RejectedInteraction {
  @Field(() => Int, { description: "Its place in the input, from 0." })
  index!: number;

  @Field(() => String, { description: "Why, for programs (docs/errors.md)." })
  code!: string;

  @Field(() => String, { description: "Why, for people." })
  message!: string;
}

@ObjectType({ description: "What became of the rows." })
export class RecordInteractionsPayload {
  @Field(() => Int, {
    description: "Rows recorded now: new ones, and known ones whose weight is another.",
  })
  accepted!: number;

  @Field(() => Int, {
    description:
      "Rows that had been recorded before, or that a later row of the same call replaces.",
  })
  duplicates!: number;

  @Field(() => [RejectedInteraction], { description: "Rows that cannot be recorded." })
  rejected!: RejectedInteraction[];
}
