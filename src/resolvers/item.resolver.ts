import { Args, Ctx, FieldResolver, ID, Resolver, Root } from "type-graphql";
import type { CaptionRow, ItemRow, PersonalizedImageRow, RankChangeRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { assertActsFor } from "../recsys/access/viewer.js";
import { Caption } from "../schema/caption.type.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { Image } from "../schema/image.type.js";
import { ItemVariant } from "../schema/item-variant.type.js";
import { Item, ItemConnection } from "../schema/item.type.js";
import {
  PersonalizedImage,
  PersonalizedImageConnection,
} from "../schema/personalized-image.type.js";
import { RankChangeConnection } from "../schema/rank-change.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import {
  Argument,
  ListQueryFor,
  ListResolved,
  NullableResolved,
  OptionalArgument,
  QueryFor,
} from "./decorators.js";
import { byCreation, itemIdPlace, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const itemList = KeysetList.byTime<ItemRow>("items", byCreation, itemIdPlace);
const imageList = KeysetList.byTime<PersonalizedImageRow>("personalizedImages", byCreation);
const rankChangeList = KeysetList.byTime<RankChangeRow>("itemRankChanges", byCreation);

/** Variants that an item is assumed to have, where a query's cost is estimated. */
const USUAL_VARIANTS = 10;

@Resolver(() => Item)
export class ItemResolver {
  constructor(private readonly catalog: Pick<ApiServices["catalog"], "findItemPage">) {}

  @QueryFor("SHOPPER", Item, "An item. Fails with `ITEM_NOT_FOUND`.")
  async item(
    @Argument("id", ID, "The shop's own id.") id: string,
    @Ctx() { loaders }: RequestContext,
  ): Promise<ItemRow> {
    const item = await loaders.item.load(id);
    if (!item) {
      throw new AppError("ITEM_NOT_FOUND", { itemId: id });
    }
    return item;
  }

  @ListQueryFor("SHOPPER", ItemConnection, "The catalogue, in the order of import.")
  async items(
    @Args(() => PageArgs) args: PageArgs,
    @OptionalArgument("category", String, "Only items of this category; default all.")
    category: string | null | undefined,
    @OptionalArgument(
      "isAvailable",
      Boolean,
      "Only items that can, or cannot, be bought now; default all.",
    )
    isAvailable: boolean | null | undefined,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Connection<ItemRow>> {
    const page = itemList.request(args);
    const items = await this.catalog.findItemPage({ category, isAvailable }, page);
    items.forEach(({ id, image }) => loaders.itemImage.prime(id, image));
    return itemList.page(items, args);
  }

  @NullableResolved(Image, "The catalogue picture; null if there is none.")
  async image(@Root() { id }: ItemRow, @Ctx() { loaders }: RequestContext) {
    return (await loaders.itemImage.load(id))?.blob ?? null;
  }

  @NullableResolved(Caption, "What the picture shows; null if the item has no caption yet.")
  caption(@Root() { id }: ItemRow, @Ctx() { loaders }: RequestContext): Promise<CaptionRow | null> {
    return loaders.caption.load(id);
  }

  @FieldResolver(() => [ItemVariant], {
    description: "The variants in which it is sold, in the shop's order; empty if there are none.",
    complexity: ({ childComplexity }) => 1 + USUAL_VARIANTS * childComplexity,
  })
  async variants(@Root() { id }: ItemRow, @Ctx() { loaders }: RequestContext) {
    return (await loaders.variantsOfItem.load(id)) ?? [];
  }

  @NullableResolved(
    PersonalizedImage,
    "The item's current picture for a shopper with the default options; null if there is none. " +
      "Reading it starts no generation. Fails with `OTHER_USER`.",
  )
  personalizedImage(
    @Root() { id }: ItemRow,
    @Argument("userId", ID, "The shopper's id in the shop.") userId: string,
    @Ctx() context: RequestContext,
  ): Promise<PersonalizedImageRow | null> {
    assertActsFor(requireViewer(context), userId);
    return context.loaders.storedImage.load({ userId, itemId: id });
  }

  @ListResolved(
    PersonalizedImageConnection,
    "Personalised pictures of the item, newest first; a shopper sees only their own.",
  )
  async personalizedImages(
    @Root() { id }: ItemRow,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Connection<PersonalizedImageRow>> {
    const page = imageList.request(args);
    return imageList.page(await loaders.imagesOfItem.load({ parentId: id, page }), args);
  }

  @ListResolved(
    RankChangeConnection,
    "How its pictures changed the item's rank, newest first; a shopper sees only their own.",
  )
  async rankChanges(
    @Root() { id }: ItemRow,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Connection<RankChangeRow>> {
    const page = rankChangeList.request(args);
    return rankChangeList.page(await loaders.rankChangesOfItem.load({ parentId: id, page }), args);
  }
}
