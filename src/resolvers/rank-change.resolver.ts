import { Arg, Args, Authorized, Ctx, Int, Query, Resolver, Root } from "type-graphql";
import { z } from "zod";
import type { RankChangeFilter, RankChangeSort } from "../db/rank-changes.repository.js";
import type { RankChangeRow, RankingModelVersionRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import type { RankChangeSummary as ChangeFigures } from "../ml/metrics/rank-change.js";
import {
  MAX_SUMMARIZED,
  type RequestSummary,
} from "../recsys/ranking/rank-change-summary.service.js";
import { MAX_EXPORTED, rankChangeTable } from "../recsys/ranking/rank-change-table.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { RankChangeGrouping } from "../schema/enums.js";
import { PersonalizedImage } from "../schema/personalized-image.type.js";
import {
  RankChange,
  RankChangeConnection,
  RankChangeFilterInput,
  RankChangeGroup,
  RankChangeSortInput,
  RankChangeSummary,
} from "../schema/rank-change.type.js";
import { RankingModelVersion } from "../schema/ranking-model-version.type.js";
import { type RequestContext } from "./context.js";
import { Argument, ListQueryFor, OptionalArgument, Resolved } from "./decorators.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

/** One list per order, so that a cursor of one is refused by another. */
const lists = {
  "createdAt asc": KeysetList.byTime<RankChangeRow>("rankChanges:created", byCreation),
  "createdAt desc": KeysetList.byTime<RankChangeRow>("rankChanges:-created", byCreation),
  "deltaR asc": KeysetList.byNumber<RankChangeRow>("rankChanges:delta", byDelta),
  "deltaR desc": KeysetList.byNumber<RankChangeRow>("rankChanges:-delta", byDelta),
};

const groupings = { CATEGORY: "category", DAY: "day", MODEL_VERSION: "modelVersion" } as const;

function byDelta({ deltaR, id }: RankChangeRow) {
  return { value: deltaR, id };
}

@Resolver(() => RankChange)
export class RankChangeResolver {
  constructor(
    private readonly deps: Pick<ApiServices, "rankChangeSummaries"> & {
      rankChanges: Pick<ApiServices["rankChanges"], "findPage" | "findExport">;
    },
  ) {}

  @ListQueryFor(
    "RECOMMENDER",
    RankChangeConnection,
    "Rank changes, newest first unless sorted otherwise.",
  )
  async rankChanges(
    @Args(() => PageArgs) args: PageArgs,
    @OptionalArgument("filter", RankChangeFilterInput, "Filter; default all.")
    filter?: RankChangeFilterInput | null,
    @OptionalArgument("sort", RankChangeSortInput, "Order; default newest first.")
    sort?: RankChangeSortInput | null,
  ): Promise<Connection<RankChangeRow>> {
    const order: RankChangeSort = {
      by: sort?.field === "DELTA_R" ? "deltaR" : "createdAt",
      direction: sort?.direction === "ASC" ? "asc" : "desc",
    };
    const list = lists[`${order.by} ${order.direction}`];
    const page = list.request(args);
    return list.page(await this.deps.rankChanges.findPage(rowFilter(filter), order, page), args);
  }

  @Authorized("RECOMMENDER")
  @Query(() => RankChangeSummary, {
    description:
      "The effect of personalised images on ranks, by one version of the ranking model: the filter's, otherwise the active one. Covers at " +
      `most ${MAX_SUMMARIZED} decided requests; the filter's times are those of the decisions. Fails with \`MODEL_VERSION_NOT_FOUND\`.`,
    complexity: 50,
  })
  async rankChangeSummary(
    @OptionalArgument(
      "filter",
      RankChangeFilterInput,
      "Filter of requests; default all that the active version can rank.",
    )
    filter?: RankChangeFilterInput | null,
    @Arg("seed", () => Int, { defaultValue: 0, description: "Seed of the bootstrap." })
    seed = 0,
  ): Promise<RankChangeSummary> {
    return summaryOf(await this.deps.rankChangeSummaries.summarize(rowFilter(filter), seed));
  }

  @Authorized("RECOMMENDER")
  @Query(() => [RankChangeGroup], {
    description:
      "`rankChangeSummary` for each category, day or version of the ranking model, in the order of their keys; empty groups are " +
      "left out. Intervals are of 200 resamples, not of 1000. Fails with `MODEL_VERSION_NOT_FOUND`.",
    complexity: 100,
  })
  async rankChangeGroups(
    @Argument("by", RankChangeGrouping, "What requests are grouped by.") by: RankChangeGrouping,
    @OptionalArgument("filter", RankChangeFilterInput, "Filter of requests.")
    filter?: RankChangeFilterInput | null,
    @Arg("seed", () => Int, { defaultValue: 0, description: "Seed of the bootstrap." })
    seed = 0,
  ): Promise<RankChangeGroup[]> {
    const { rankChangeSummaries } = this.deps;
    const groups = await rankChangeSummaries.summarizeGroups(
      groupings[by],
      rowFilter(filter),
      seed,
    );
    return groups.map(({ key, ...summary }) => ({ key, summary: summaryOf(summary) }));
  }

  @Authorized("RECOMMENDER")
  @Query(() => String, {
    description:
      `Rank changes as a CSV file with a heading, newest first, at most ${MAX_EXPORTED} (\`PAYLOAD_TOO_LARGE\`). An apostrophe ` +
      "goes before a text that a spreadsheet would take for a formula. Fails with `MODEL_VERSION_NOT_FOUND`.",
    complexity: 200,
  })
  rankChangesCsv(
    @OptionalArgument("filter", RankChangeFilterInput, "Filter; default all.")
    filter?: RankChangeFilterInput | null,
  ): Promise<string> {
    return rankChangeTable(this.deps.rankChanges, rowFilter(filter));
  }

  @Resolved(RankingModelVersion, "The ranking model that scored it.")
  modelVersion(
    @Root() { rankingModelVersionId }: RankChangeRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<RankingModelVersionRow | null> {
    return loaders.rankingModelVersion.load(rankingModelVersionId);
  }

  @Resolved(PersonalizedImage, "The scored picture.")
  image(@Root() { personalizedImageId }: RankChangeRow, @Ctx() { loaders }: RequestContext) {
    return loaders.personalizedImage.load(personalizedImageId);
  }
}

function summaryOf(summary: RequestSummary): RankChangeSummary {
  const { images, shownInterval } = summary;
  return {
    modelVersionId: summary.modelVersionId,
    requests: {
      count: summary.numRequests,
      shown: summary.numShown,
      rankedLower: summary.numRankedLower,
      belowQualityFloor: summary.numBelowFloor,
      unranked: summary.numUnranked,
      shownShare: summary.shownShare,
      shownShare95: shownInterval && boundsOf(shownInterval),
    },
    count: images?.count ?? 0,
    ...figuresOf(images),
    histogram: (images?.histogram ?? []).map(({ low, high, count }) => ({
      from: low,
      to: high,
      count,
    })),
    withFallback: { fallbackRate: summary.fallbackRate, ...figuresOf(summary.requests) },
  };
}

function boundsOf([low, high]: readonly [number, number]) {
  return { low, high };
}

function figuresOf(summary: ChangeFigures | null) {
  if (!summary) {
    const none = { interval95: null, median95: null, winRate95: null };
    return { mean: null, median: null, winRate: null, ...none };
  }
  const { mean, median, winRate } = summary;
  return {
    mean,
    median,
    winRate,
    interval95: boundsOf(summary.meanInterval),
    median95: boundsOf(summary.medianInterval),
    winRate95: boundsOf(summary.winRateInterval),
  };
}

/** @throws AppError `MODEL_VERSION_NOT_FOUND` if the version's id is no UUID */
function rowFilter(filter: RankChangeFilterInput | null | undefined): RankChangeFilter {
  const { modelVersionId, ...rest } = filter ?? {};
  if (modelVersionId && !z.uuid().safeParse(modelVersionId).success) {
    throw new AppError("MODEL_VERSION_NOT_FOUND", { versionId: modelVersionId });
  }
  return { ...rest, rankingModelVersionId: modelVersionId };
}
