import { Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import type { RankChangeRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { RankChangeSortField, SortDirection } from "./enums.js";
import { DateTime } from "./scalars.js";

@ObjectType({
  description:
    "How an item's rank for its shopper changes when the personalised picture replaces the catalogue picture, " +
    "by one version of the ranking model.",
})
export class RankChange implements Omit<
  RankChangeRow,
  "personalizedImageId" | "rankingModelVersionId"
> {
  @Field(() => ID, { description: "A UUID." })
  id!: string;

  @Field(() => Float, {
    description: "`(rankBefore - rankAfter) / (1 + rankBefore)`: positive is better, below 1.",
  })
  deltaR!: number;

  @Field(() => Float, {
    description:
      "Rank in the whole catalogue with the catalogue picture; 1 is best; ties share their mean rank.",
  })
  rankBefore!: number;

  @Field(() => Float, { description: "Rank with the personalised picture." })
  rankAfter!: number;

  @Field(() => Float, {
    description: "The model's score before; comparable within one shopper only.",
  })
  scoreBefore!: number;

  @Field(() => Float, { description: "The model's score after." })
  scoreAfter!: number;

  @Field(() => Int, {
    description: "Number of ranked items: the catalogue without the shopper's own items.",
  })
  numRanked!: number;

  @Field(() => DateTime, { description: "When it was computed." })
  createdAt!: Date;
}

export const RankChangeConnection = connectionType(RankChange, "RankChange");

@InputType({ description: "A filter of rank changes; omitted fields do not restrict." })
export class RankChangeFilterInput {
  @Field(() => ID, { nullable: true, description: "Of this shopper." })
  userId?: string | null;

  @Field(() => ID, { nullable: true, description: "Of pictures of this item." })
  itemId?: string | null;

  @Field(() => ID, { nullable: true, description: "By this version of the ranking model." })
  modelVersionId?: string | null;

  @Field(() => DateTime, { nullable: true, description: "Computed at this time or later." })
  from?: Date | null;

  @Field(() => DateTime, { nullable: true, description: "Computed before this time." })
  to?: Date | null;
}

@InputType({ description: "An order of rank changes." })
export class RankChangeSortInput {
  @Field(() => RankChangeSortField, { description: "Sort key." })
  field!: RankChangeSortField;

  @Field(() => SortDirection, { description: "Sort direction." })
  direction!: SortDirection;
}

@ObjectType({ description: "The bounds of an interval." })
export class Interval {
  @Field(() => Float, { description: "Lower bound." })
  low!: number;

  @Field(() => Float, { description: "Upper bound." })
  high!: number;
}

@ObjectType({ description: "A bin of the histogram: `from <= deltaR < to`; the last includes 1." })
export class RankChangeBin {
  @Field(() => Float, { nullable: true, description: "Lower bound; null if the bin has none." })
  from!: number | null;

  @Field(() => Float, { description: "Upper bound." })
  to!: number;

  @Field(() => Int, { description: "Number of rank changes in the bin." })
  count!: number;
}

@ObjectType({
  description:
    "Outcomes of all decided requests for images, each counted once: `count` is `shown` + `rankedLower` + `belowQualityFloor`.",
})
export class DecidedRequests {
  @Field(() => Int, { description: "Decided requests: their images were generated." })
  count!: number;

  @Field(() => Int, { description: "Of these, requests that show a personalised image." })
  shown!: number;

  @Field(() => Int, {
    description:
      "Of these, requests that keep the catalogue image because the item ranks lower with the other.",
  })
  rankedLower!: number;

  @Field(() => Int, {
    description:
      "Of these, requests that keep the catalogue image because no generated image passes the quality floor.",
  })
  belowQualityFloor!: number;

  @Field(() => Int, { description: "Of those shown, images that the version could not rank." })
  unranked!: number;

  @Field(() => Float, { nullable: true, description: "`shown / count`; null if there are none." })
  shownShare!: number | null;

  @Field(() => Interval, {
    nullable: true,
    description: "95 % bootstrap interval of `shownShare`; resamples users.",
  })
  shownShare95!: Interval | null;
}

@ObjectType({
  description:
    "The served effect over all decided requests: `deltaR` is 0 where the catalogue image stays. Images that were shown " +
    "without being ranked count only in `fallbackRate`.",
})
export class ServedRankChanges {
  @Field(() => Float, {
    nullable: true,
    description:
      "Fraction of the decided requests that keep the catalogue image; null if there are none.",
  })
  fallbackRate!: number | null;

  @Field(() => Float, { nullable: true, description: "Mean; null if there are none." })
  mean!: number | null;

  @Field(() => Float, { nullable: true, description: "Median; null if there are none." })
  median!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "Fraction above 0, those equal to 0 counting half; null if there are none.",
  })
  winRate!: number | null;

  @Field(() => Interval, {
    nullable: true,
    description: "95 % interval of the mean, computed as in the summary.",
  })
  interval95!: Interval | null;
}

@ObjectType({
  description:
    "The distribution of `deltaR` by one version of the ranking model over all images that it ranked, shown or not, and " +
    "the outcome of every request.",
})
export class RankChangeSummary {
  @Field(() => ID, {
    nullable: true,
    description: "The version that ranked; null if none was named and none is active.",
  })
  modelVersionId!: string | null;

  @Field(() => DecidedRequests, {
    description: "Every decided request, by whether this version would show its image.",
  })
  requests!: DecidedRequests;

  @Field(() => Int, { description: "Images ranked." })
  count!: number;

  @Field(() => Float, { nullable: true, description: "Mean; null if there are none." })
  mean!: number | null;

  @Field(() => Float, { nullable: true, description: "Median; null if there are none." })
  median!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "Fraction above 0, those equal to 0 counting half; null if there are none.",
  })
  winRate!: number | null;

  @Field(() => Interval, {
    nullable: true,
    description:
      "95 % bootstrap interval of the mean: seeded; resamples users with all their images.",
  })
  interval95!: Interval | null;

  @Field(() => [RankChangeBin], { description: "The histogram; empty if there are none." })
  histogram!: RankChangeBin[];

  @Field(() => ServedRankChanges, { description: "The served effect over all decided requests." })
  withFallback!: ServedRankChanges;
}
