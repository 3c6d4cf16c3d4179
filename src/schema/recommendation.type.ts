import { ArgsType, Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import type { InteractionKind as InteractionKindRow } from "../db/rows.js";
import { PageArgs, PageInfo } from "./connection.js";
import { InteractionKind, RecommendationSource } from "./enums.js";
import { DateTime, RowTime } from "./scalars.js";

@InputType({ description: "Interactions after which an item counts as seen." })
export class SeenRuleInput {
  @Field(() => InteractionKind, { description: "The kind of interaction." })
  kind!: InteractionKindRow;

  @Field(() => Float, {
    nullable: true,
    description: "For this many days, 0 or more; default forever.",
  })
  days?: number | null;
}

@ArgsType()
export class RecommendationArgs extends PageArgs {
  @Field(() => Boolean, {
    defaultValue: true,
    description: "Whether to leave out seen items (see `seen`).",
  })
  excludeSeen!: boolean;

  @Field(() => [SeenRuleInput], {
    nullable: true,
    description:
      "What counts as seen; omitted kinds do not. Default: the shop's setting `VITRINE_SEEN_DAYS`, which leaves out bought, " +
      "liked and rated items forever, items put into the cart for 30 days, and viewed " +
      "or clicked items for 7.",
  })
  seen?: SeenRuleInput[] | null;

  @Field(() => String, {
    nullable: true,
    description: "Only items of this category; default all.",
  })
  category?: string | null;
}

@ObjectType({ description: "A recommended item and its rank." })
export class RecommendationEdge {
  @Field(() => String, { description: "The row's cursor, for `after`." })
  cursor!: string;

  @Field(() => Float, {
    description: "The ranking's score, higher is better; comparable within one shopper only.",
  })
  score!: number;

  @Field(() => Int, { description: "Rank in the shopper's recommendations; 1 is best." })
  rank!: number;

  @Field(() => Boolean, {
    description:
      "Whether the item is newer than the ranking model, so that its score comes from its picture and caption alone.",
  })
  isNew!: boolean;
}

@ObjectType({ description: "A page of a shopper's recommendations, best first." })
export class RecommendationConnection {
  @Field(() => [RecommendationEdge], { description: "The page's rows, best first." })
  edges!: RecommendationEdge[];

  @Field(() => PageInfo, { description: "The page's position in the list." })
  pageInfo!: PageInfo;

  @Field(() => RecommendationSource, { description: "The source of the ranking." })
  source!: RecommendationSource;
}

@ObjectType({ description: "A similar item." })
export class SimilarItemEdge {
  @Field(() => String, { description: "The row's cursor, for `after`." })
  cursor!: string;

  @Field(() => Float, { description: "Cosine of the captions' embeddings, -1 to 1." })
  similarity!: number;
}

@ObjectType({ description: "A page of similar items, most similar first." })
export class SimilarItemConnection {
  @Field(() => [SimilarItemEdge], { description: "The page's rows, most similar first." })
  edges!: SimilarItemEdge[];

  @Field(() => PageInfo, { description: "The page's position in the list." })
  pageInfo!: PageInfo;
}

@InputType({ description: "An interaction of a shopper with an item." })
export class InteractionInput {
  @Field(() => ID, { description: "The shopper's id in the shop." })
  userId!: string;

  @Field(() => ID, { description: "The item's id in the shop." })
  itemId!: string;

  @Field(() => InteractionKind, { description: "Kind of the interaction." })
  kind!: InteractionKindRow;

  @Field(() => Float, {
    nullable: true,
    description:
      "The value of a RATING, in the shop's scale; a RATING without it is rejected. For other kinds a count or " +
      "strength, default 1; a LIKE of 0 removes the like. 0 to 3.4e38.",
  })
  weight?: number | null;

  @Field(() => RowTime, {
    description: "When it happened. The same shopper, item, kind and time are one interaction.",
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
    description: "Only from this time on; default from the beginning.",
  })
  since?: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "Only before this time; default until now.",
  })
  before?: Date | null;
}

@ObjectType({ description: "The result of deleting interactions." })
export class DeleteInteractionsPayload {
  @Field(() => Int, { description: "Number of deleted interactions." })
  deleted!: number;
}

@ObjectType({ description: "A row that was not recorded." })
export class RejectedInteraction {
  @Field(() => Int, { description: "Its index in the input, from 0." })
  index!: number;

  @Field(() => String, { description: "The error code (docs/errors.md)." })
  code!: string;

  @Field(() => String, { description: "The reason, for people." })
  message!: string;
}

@ObjectType({ description: "The result of recording interactions." })
export class RecordInteractionsPayload {
  @Field(() => Int, {
    description: "Rows that were recorded: new ones, and known ones with another weight.",
  })
  accepted!: number;

  @Field(() => Int, {
    description: "Rows that were already recorded, or that a later row of the same call replaces.",
  })
  duplicates!: number;

  @Field(() => [RejectedInteraction], { description: "Rejected rows." })
  rejected!: RejectedInteraction[];
}
