import { Args, Ctx, ID, Resolver, Root } from "type-graphql";
import type { ItemRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { assertActsFor } from "../recsys/access/viewer.js";
import { PageArgs, type PageInfo } from "../schema/connection.js";
import { Item } from "../schema/item.type.js";
import {
  DeleteInteractionsInput,
  DeleteInteractionsPayload,
  InteractionInput,
  RecommendationArgs,
  RecommendationConnection,
  RecommendationEdge,
  RecordInteractionsPayload,
  type SeenRuleInput,
  SimilarItemConnection,
  SimilarItemEdge,
} from "../schema/recommendation.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import { Argument, ListQueryFor, MutationFor, Resolved } from "./decorators.js";
import { RankedList } from "./pagination.js";
import type { ApiServices } from "./services.js";

/** The ranking is recomputed for each page, so its depth is limited. */
const maxRank = 1_000;
/** Rows per call. */
export const maxInteractions = 1_000;

const recommendationList = new RankedList("recommendations", maxRank);
const similarList = new RankedList("similarItems", maxRank);

interface ItemEdge {
  cursor: string;
  itemId: string;
}

interface RankedPage<Edge extends ItemEdge> {
  edges: Edge[];
  pageInfo: PageInfo;
}

@Resolver()
export class RecommendationResolver {
  constructor(
    private readonly services: Pick<ApiServices, "recommendations" | "similar" | "interactions">,
  ) {}

  @ListQueryFor(
    "SHOPPER",
    RecommendationConnection,
    `Recommendations for the shopper, best first, at most ${maxRank}. The ranking is recomputed for each page. An unknown ` +
      "visitor gets the most popular items (`POPULARITY`). Fails with `OTHER_USER`.",
  )
  async recommendations(
    @Argument("userId", ID, "The shopper's id in the shop.") userId: string,
    @Args(() => RecommendationArgs) args: RecommendationArgs,
    @Ctx() context: RequestContext,
  ) {
    assertActsFor(requireViewer(context), userId);
    const page = recommendationList.request(args);
    const { items, source } = await this.services.recommendations.recommend(userId, page.end + 1, {
      excludeSeen: args.excludeSeen,
      seen: args.seen ? seenRules(args.seen) : undefined,
      category: args.category,
      onlyAvailable: true,
    });
    const found = recommendationList.page(items, page);
    return { ...found, edges: await existing(found.edges, context), source };
  }

  @ListQueryFor(
    "SHOPPER",
    SimilarItemConnection,
    `The items most similar by caption and image, at most ${maxRank}. ` +
      "Fails with `ITEM_NOT_FOUND` or `INDEX_NOT_BUILT`.",
  )
  async similarItems(
    @Argument("itemId", ID, "The item's id in the shop.") itemId: string,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<RankedPage<ItemEdge & { similarity: number }>> {
    const page = similarList.request(args);
    const ranked = await this.services.similar.similarItems(itemId, page.end + 1);
    const found = similarList.page(ranked, page);
    return { ...found, edges: await existing(found.edges, context) };
  }

  @MutationFor(
    "SHOPPER",
    RecordInteractionsPayload,
    `Records up to ${maxInteractions} interactions. Recording one twice updates its weight only. An invalid row is ` +
      "listed in `rejected` and does not affect the others; a shopper may record only their own (`OTHER_USER`).",
  )
  recordInteractions(
    @Argument("input", [InteractionInput], "The interactions.")
    input: InteractionInput[],
    @Ctx() context: RequestContext,
  ) {
    const viewer = requireViewer(context);
    if (input.length > maxInteractions) {
      const got = input.length;
      throw new AppError("PAYLOAD_TOO_LARGE", { what: "'input'", got, max: maxInteractions });
    }
    for (const { userId } of input) {
      assertActsFor(viewer, userId);
    }
    return this.services.interactions.record(input);
  }

  @MutationFor(
    "SHOPPER",
    DeleteInteractionsPayload,
    "Deletes a shopper's interactions with an item: recommendations and personalised images omit them from the " +
      "next request on, popularity within a minute. Deleting again deletes nothing. A shopper may delete only their own " +
      "(`OTHER_USER`). Fails with `INVALID_ARGUMENT`.",
  )
  async deleteInteractions(
    @Argument("input", DeleteInteractionsInput, "Which interactions.")
    { before, itemId, kinds, since, userId }: DeleteInteractionsInput,
    @Ctx() context: RequestContext,
  ): Promise<DeleteInteractionsPayload> {
    assertActsFor(requireViewer(context), userId);
    const deleted = await this.services.interactions.remove({
      userId,
      itemId,
      kinds: kinds ?? undefined,
      since: since ?? undefined,
      before: before ?? undefined,
    });
    return { deleted };
  }
}

/** @throws AppError INVALID_ARGUMENT */
function seenRules(
  rules: readonly SeenRuleInput[],
): Partial<Record<SeenRuleInput["kind"], number>> {
  return Object.fromEntries(
    rules.map(({ kind, days }) => {
      if (days != null && !(days >= 0)) {
        throw new AppError("INVALID_ARGUMENT", {
          argument: "seen.days",
          problem: `must be 0 or more, but got ${days}`,
        });
      }
      return [kind, days ?? Infinity];
    }),
  );
}

/** Leaves out items that were deleted after ranking. */
async function existing<Edge extends ItemEdge>(
  edges: readonly Edge[],
  { loaders }: RequestContext,
): Promise<Edge[]> {
  const items = await Promise.all(edges.map(({ itemId }) => loaders.item.load(itemId)));
  return edges.filter((_, place) => items[place]);
}

@Resolver(() => RecommendationEdge)
export class RecommendationEdgeResolver {
  @Resolved(Item, "The item.")
  node(@Root() { itemId }: ItemEdge, @Ctx() { loaders }: RequestContext): Promise<ItemRow | null> {
    return loaders.item.load(itemId);
  }
}

@Resolver(() => SimilarItemEdge)
export class SimilarItemEdgeResolver {
  @Resolved(Item, "The item.")
  node(@Root() { itemId }: ItemEdge, @Ctx() { loaders }: RequestContext): Promise<ItemRow | null> {
    return loaders.item.load(itemId);
  }
}
