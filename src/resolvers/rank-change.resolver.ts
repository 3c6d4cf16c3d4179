import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  Int,
  Query,
  Resolver,
  Root,
} from "type-graphql";
import { z } from "zod";
import type { RankChangeFilter, RankChangeSort } from "../db/rank-changes.repository.js";
import type { PersonalizedImageRow, RankChangeRow, RankingModelVersionRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { type Connection, PageArgs, pageComplexity } from "../schema/connection.js";
import { PersonalizedImage } from "../schema/personalized-image.type.js";
import {
  RankChange,
  RankChangeConnection,
  RankChangeFilterInput,
  RankChangeSortInput,
  RankChangeSummary,
} from "../schema/rank-change.type.js";
import { RankingModelVersion } from "../schema/ranking-model-version.type.js";
import { type RequestContext } from "./context.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

/** One list for each order, so that a cursor of one is refused by another. */
const lists = {
  "createdAt asc": KeysetList.byTime<RankChangeRow>("rankChanges:created", byCreation),
  "createdAt desc": KeysetList.byTime<RankChangeRow>("rankChanges:-created", byCreation),
  "deltaR asc": KeysetList.byNumber<RankChangeRow>("rankChanges:delta", byDelta),
  "deltaR desc": KeysetList.byNumber<RankChangeRow>("rankChanges:-delta", byDelta),
};

function byDelta({ deltaR, id }: RankChangeRow) {
  return { value: deltaR, id };
}

/** Rank changes that one summary may be of. */
const maxSummarized = 200_000;
/** The bootstrap's draws altogether: its resamples shrink with the rank changes, so that it never takes seconds. */
const maxDraws = 20_000_000;

@Resolver(() => RankChange)
export class RankChangeResolver {
  constructor(
    private readonly deps: Pick<ApiServices, "summarizeRankChanges"> & {
      rankChanges: Pick<ApiServices["rankChanges"], "findPage" | "findDeltas">;
    },
  ) {}

  @Authorized("RECOMMENDER")
  @Query(() => RankChangeConnection, {
    description: "Rank changes, newest first unless sorted otherwise.",
    complexity: pageComplexity,
  })
  async rankChanges(
    @Args(() => PageArgs) args: PageArgs,
    @Arg("filter", () => RankChangeFilterInput, {
      nullable: true,
      description: "Which ones; default all.",
    })
    filter?: RankChangeFilterInput | null,
    @Arg("sort", () => RankChangeSortInput, {
      nullable: true,
      description: "In which order; default newest first.",
    })
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
    description: `The distribution of \`deltaR\`, over at most ${maxSummarized} rank changes.`,
    complexity: 50,
  })
  async rankChangeSummary(
    @Arg("filter", () => RankChangeFilterInput, {
      nullable: true,
      description: "Of which ones; default all.",
    })
    filter?: RankChangeFilterInput | null,
    @Arg("seed", () => Int, { defaultValue: 0, description: "Seed of the bootstrap." })
    seed = 0,
  ): Promise<RankChangeSummary> {
    const changes = await this.deps.rankChanges.findDeltas(rowFilter(filter), maxSummarized + 1);
    if (changes.length > maxSummarized) {
      const what = "What the filter lets through";
      throw new AppError("PAYLOAD_TOO_LARGE", {
        what,
        got: `more than ${maxSummarized} rank changes`,
        max: maxSummarized,
      });
    }
    const numResamples = Math.min(1_000, Math.ceil(maxDraws / Math.max(1, changes.length)));
    const summarize = (deltas: readonly number[]) =>
      this.deps.summarizeRankChanges(deltas, { seed, numResamples });
    const summary = summarize(changes.map(({ deltaR }) => deltaR));
    const served = summarize(changes.map(({ deltaR, isServed }) => (isServed ? deltaR : 0)));
    const numFallbacks = changes.filter(({ isServed }) => !isServed).length;
    return {
      count: changes.length,
      ...figuresOf(summary),
      histogram: (summary?.histogram ?? []).map(bin => ({
        from: Number.isFinite(bin.low) ? bin.low : null, // GraphQL has no infinity
        to: bin.high,
        count: bin.count,
      })),
      withFallback: {
        fallbackRate: changes.length === 0 ? null : numFallbacks / changes.length,
        ...figuresOf(served),
      },
    };
  }

  @FieldResolver(() => RankingModelVersion, { description: "The ranking model that judged." })
  modelVersion(
    @Root() { rankingModelVersionId }: RankChangeRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<RankingModelVersionRow | null> {
    return loaders.rankingModelVersion.load(rankingModelVersionId);
  }

  @FieldResolver(() => PersonalizedImage, { description: "The picture that was judged." })
  image(
    @Root() { personalizedImageId }: RankChangeRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<PersonalizedImageRow | null> {
    return loaders.personalizedImage.load(personalizedImageId);
  }
}

function figuresOf(summary: ReturnType<ApiServices["summarizeRankChanges"]>) {
  if (!summary) {
    return { mean: null, median: null, winRate: null, interval95: null };
  }
  const { mean, median, winRate, meanInterval } = summary;
  const [low, high] = meanInterval;
  return { mean, median, winRate, interval95: { low, high } };
}

/** @throws AppError `MODEL_VERSION_NOT_FOUND` if the version's id is none that Postgres could compare */
function rowFilter(filter: RankChangeFilterInput | null | undefined): RankChangeFilter {
  const { modelVersionId, ...rest } = filter ?? {};
  if (modelVersionId && !z.uuid().safeParse(modelVersionId).success) {
    throw new AppError("MODEL_VERSION_NOT_FOUND", { versionId: modelVersionId });
  }
  return { ...rest, rankingModelVersionId: modelVersionId };
}
