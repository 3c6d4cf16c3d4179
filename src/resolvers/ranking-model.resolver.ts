import { Args, ID, Resolver, Root } from "type-graphql";
import type { RankingModelVersionRow } from "../db/rows.js";
import { ranksImages } from "../recsys/ranking/image-ranking.js";
import { PageArgs } from "../schema/connection.js";
import {
  RankingModelConnection,
  RankingModelVersion,
} from "../schema/ranking-model-version.type.js";
import { Argument, ListQueryFor, MutationFor, Resolved } from "./decorators.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const versionList = KeysetList.byTime<RankingModelVersionRow>("rankingModels", byCreation);

@Resolver(() => RankingModelVersion)
export class RankingModelResolver {
  constructor(private readonly deps: Pick<ApiServices, "rankers">) {}

  @ListQueryFor(
    "RECOMMENDER",
    RankingModelConnection,
    "All versions of the ranking model, newest first.",
  )
  async rankingModels(@Args(() => PageArgs) args: PageArgs) {
    const page = versionList.request(args);
    return versionList.page(await this.deps.rankers.findPage(page), args);
  }

  @MutationFor(
    "RECOMMENDER",
    RankingModelVersion,
    "Activates a version for recommendations. Fails with `MODEL_VERSION_NOT_FOUND` or `RANKER_NOT_READY`.",
  )
  activateRankingModel(@Argument("id", ID, "The version's UUID.") id: string) {
    return this.deps.rankers.activate(id);
  }

  @MutationFor(
    "RECOMMENDER",
    RankingModelVersion,
    "Activates the previously active version. Fails with `NOTHING_TO_ROLL_BACK`.",
  )
  rollbackRankingModel(): Promise<RankingModelVersionRow> {
    return this.deps.rankers.rollback();
  }

  @Resolved(
    Boolean,
    "Whether it can rank an item by another image, as MICRO, FREEDOM and VBPR can. While another model is active, " +
      "personalised images have no rank change and are served without the check that the item ranks at least as well.",
  )
  ranksImages(@Root() version: RankingModelVersionRow): boolean {
    return ranksImages(version);
  }
}
