import { ArgsType, Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import type { InteractionKind as InteractionKindRow } from "../db/rows.js";
import { RejectedRow } from "./catalogue.input.js";
import { ListEdge, PageArgs, PageInfo } from "./connection.js";
import { InteractionKind, RecommendationSource } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { RowInput } from "./row-input.js";
import { DateTime, RowTime } from "./scalars.js";

@InputType({ description: "Interactions after which an item counts as seen." })
export class SeenRuleInput {
  @Described(InteractionKind, "The kind of interaction.")
  kind!: InteractionKindRow;

  @Nullable(Float, "For this many days, 0 or more; default forever.")
  days?: number | null;
}

@ArgsType()
export class RecommendationArgs extends PageArgs {
  @Field(() => Boolean, {
    defaultValue: true,
    description: "Whether to leave out seen items (see `seen`).",
  })
  excludeSeen!: boolean;

  @Nullable(
    [SeenRuleInput],
    "What counts as seen; omitted kinds do not. Default: the shop's setting `VITRINE_SEEN_DAYS`, which leaves out bought, " +
      "liked and rated items forever, items put into the cart for 30 days, and viewed " +
      "or clicked items for 7.",
  )
  seen?: SeenRuleInput[] | null;

  @Nullable(String, "Only items of this category; default all.")
  category?: string | null;
}

@ObjectType({ description: "A recommended item and its rank." })
export class RecommendationEdge extends ListEdge {
  @Described(Float, "The ranking's score, higher is better; comparable within one shopper only.")
  score!: number;

  @Described(Int, "Rank in the shopper's recommendations; 1 is best.")
  rank!: number;

  @Described(
    Boolean,
    "Whether the item is newer than the ranking model, so that its score comes from its picture and caption alone.",
  )
  isNew!: boolean;
}

@ObjectType({ description: "A page of a shopper's recommendations, best first." })
export class RecommendationConnection {
  @Described([RecommendationEdge], "The page's rows, best first.")
  edges!: RecommendationEdge[];

  @Described(PageInfo, "The page's position in the list.")
  pageInfo!: PageInfo;

  @Described(RecommendationSource, "The source of the ranking.")
  source!: RecommendationSource;
}

@ObjectType({ description: "A similar item." })
export class SimilarItemEdge extends ListEdge {
  @Described(
    Float,
    "Weighted mean of the cosines of captions and of images and of the overlap of the captions' words, -1 to 1.",
  )
  similarity!: number;
}

@ObjectType({ description: "A page of similar items, most similar first." })
export class SimilarItemConnection {
  @Described([SimilarItemEdge], "The page's rows, most similar first.")
  edges!: SimilarItemEdge[];

  @Described(PageInfo, "The page's position in the list.")
  pageInfo!: PageInfo;
}

@RowInput()
@InputType({ description: "An interaction of a shopper with an item." })
export class InteractionInput {
  @Described(ID, "The shopper's id in the shop.")
  userId!: string;

  @Described(ID, "The item's id in the shop, or the id of a variant that only one item has.")
  itemId!: string;

  @Described(InteractionKind, "Kind of the interaction.")
  kind!: InteractionKindRow;

  @Nullable(
    Float,
    "The value of a RATING, in the shop's scale; a RATING without it is rejected. For other kinds a count or " +
      "strength, default 1; a LIKE of 0 removes the like. 0 to 3.4e38.",
  )
  weight?: number | null;

  @Described(
    RowTime,
    "When it happened. The same shopper, item, kind and time are one interaction.",
  )
  occurredAt!: unknown;
}

@InputType({ description: "Which interactions of a shopper with an item to delete." })
export class DeleteInteractionsInput {
  @Described(ID, "The shopper's id in the shop.")
  userId!: string;

  @Described(ID, "The item's id in the shop, or the id of a variant that only one item has.")
  itemId!: string;

  @Nullable([InteractionKind], "Only these kinds; default all.")
  kinds?: InteractionKindRow[] | null;

  @Nullable(DateTime, "Only from this time on; default from the beginning.")
  since?: Date | null;

  @Nullable(DateTime, "Only before this time; default until now.")
  before?: Date | null;
}

@ObjectType({ description: "The result of deleting interactions." })
export class DeleteInteractionsPayload {
  @Described(Int, "Number of deleted interactions.")
  deleted!: number;
}

@ObjectType({ description: "A row that was not recorded." })
export class RejectedInteraction extends RejectedRow {}

@ObjectType({ description: "The result of recording interactions." })
export class RecordInteractionsPayload {
  @Described(Int, "Rows that were recorded: new ones, and known ones with another weight.")
  accepted!: number;

  @Described(Int, "Rows that were already recorded, or that a later row of the same call replaces.")
  duplicates!: number;

  @Described([RejectedInteraction], "Rejected rows.")
  rejected!: RejectedInteraction[];
}
