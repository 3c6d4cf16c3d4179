import { Float, ID, InputType, Int, ObjectType } from "type-graphql";
import type { RankChangeRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { RankChangeSortField, SortDirection } from "./enums.js";
import { Described, Nullable } from "./field.js";
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
  @Described(ID, "A UUID.")
  id!: string;

  @Described(Float, "`(rankBefore - rankAfter) / (1 + rankBefore)`: positive is better, below 1.")
  deltaR!: number;

  @Described(
    Float,
    "Rank in the whole catalogue with the catalogue picture; 1 is best; ties share their mean rank.",
  )
  rankBefore!: number;

  @Described(Float, "Rank with the personalised picture.")
  rankAfter!: number;

  @Described(Float, "The model's score before; comparable within one shopper only.")
  scoreBefore!: number;

  @Described(Float, "The model's score after.")
  scoreAfter!: number;

  @Described(Int, "Number of ranked items: the catalogue without the shopper's own items.")
  numRanked!: number;

  @Described(DateTime, "When it was computed.")
  createdAt!: Date;
}

export const RankChangeConnection = connectionType(RankChange, "RankChange");

@InputType({ description: "A filter of rank changes; omitted fields do not restrict." })
export class RankChangeFilterInput {
  @Nullable(ID, "Of this shopper.")
  userId?: string | null;

  @Nullable(ID, "Of pictures of this item.")
  itemId?: string | null;

  @Nullable(ID, "By this version of the ranking model.")
  modelVersionId?: string | null;

  @Nullable(DateTime, "Computed at this time or later.")
  from?: Date | null;

  @Nullable(DateTime, "Computed before this time.")
  to?: Date | null;

  @Nullable(String, "Of pictures of items of this category.")
  category?: string | null;
}

@InputType({ description: "An order of rank changes." })
export class RankChangeSortInput {
  @Described(RankChangeSortField, "Sort key.")
  field!: RankChangeSortField;

  @Described(SortDirection, "Sort direction.")
  direction!: SortDirection;
}

@ObjectType({ description: "The bounds of an interval." })
export class Interval {
  @Described(Float, "Lower bound.")
  low!: number;

  @Described(Float, "Upper bound.")
  high!: number;
}

@ObjectType({ description: "A bin of the histogram: `from <= deltaR < to`; the last includes 1." })
export class RankChangeBin {
  @Nullable(Float, "Lower bound; null if the bin has none.")
  from!: number | null;

  @Described(Float, "Upper bound.")
  to!: number;

  @Described(Int, "Number of rank changes in the bin.")
  count!: number;
}

@ObjectType({
  description:
    "Outcomes of all decided requests for images, each counted once: `count` is `shown` + `rankedLower` + `belowQualityFloor`.",
})
export class DecidedRequests {
  @Described(Int, "Decided requests: their images were generated.")
  count!: number;

  @Described(Int, "Of these, requests that show a personalised image.")
  shown!: number;

  @Described(
    Int,
    "Of these, requests that keep the catalogue image because the item ranks lower with the other.",
  )
  rankedLower!: number;

  @Described(
    Int,
    "Of these, requests that keep the catalogue image because no generated image passes the quality floor.",
  )
  belowQualityFloor!: number;

  @Described(Int, "Of those shown, images that the version could not rank.")
  unranked!: number;

  @Nullable(Float, "`shown / count`; null if there are none.")
  shownShare!: number | null;

  @Nullable(Interval, "95 % bootstrap interval of `shownShare`; resamples users.")
  shownShare95!: Interval | null;
}

@ObjectType()
abstract class RankChangeFigures {
  @Nullable(Float, "Mean; null if there are none.")
  mean!: number | null;

  @Nullable(Float, "Median; null if there are none.")
  median!: number | null;

  @Nullable(Float, "Fraction above 0, those equal to 0 counting half; null if there are none.")
  winRate!: number | null;

  @Nullable(
    Interval,
    "95 % bootstrap interval of the median: seeded; resamples users with all their images.",
  )
  median95!: Interval | null;

  @Nullable(Interval, "95 % bootstrap interval of the win rate, as that of the median.")
  winRate95!: Interval | null;
}

@ObjectType({
  description:
    "The served effect over all decided requests: `deltaR` is 0 where the catalogue image stays. Images that were shown " +
    "without being ranked count only in `fallbackRate`.",
})
export class ServedRankChanges extends RankChangeFigures {
  @Nullable(
    Float,
    "Fraction of the decided requests that keep the catalogue image; null if there are none.",
  )
  fallbackRate!: number | null;

  @Nullable(Interval, "95 % interval of the mean, computed as in the summary.")
  interval95!: Interval | null;
}

@ObjectType({
  description:
    "The distribution of `deltaR` by one version of the ranking model over all images that it ranked, shown or not, and " +
    "the outcome of every request.",
})
export class RankChangeSummary extends RankChangeFigures {
  @Nullable(ID, "The version that ranked; null if none was named and none is active.")
  modelVersionId!: string | null;

  @Described(
    DecidedRequests,
    "Every decided request, by whether this version would show its image.",
  )
  requests!: DecidedRequests;

  @Described(Int, "Images ranked.")
  count!: number;

  @Nullable(
    Interval,
    "95 % bootstrap interval of the mean: seeded; resamples users with all their images.",
  )
  interval95!: Interval | null;

  @Described([RankChangeBin], "The histogram; empty if there are none.")
  histogram!: RankChangeBin[];

  @Described(ServedRankChanges, "The served effect over all decided requests.")
  withFallback!: ServedRankChanges;
}

@ObjectType({ description: "The rank changes of one group of decided requests." })
export class RankChangeGroup {
  @Nullable(
    String,
    "The category, the day in UTC (`2026-02-01`) or the version's UUID; null for items without a category.",
  )
  key!: string | null;

  @Described(RankChangeSummary, "The group's effect on ranks.")
  summary!: RankChangeSummary;
}
