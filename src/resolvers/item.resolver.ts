import { Arg, Args, Authorized, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import type {
  BlobRow,
  CaptionRow,
  ItemRow,
  ItemVariantRow,
  PersonalizedImageRow,
  RankChangeRow,
} from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { assertActsFor } from "../recsys/access/viewer.js";
import { Caption } from "../schema/caption.type.js";
import { type Connection, PageArgs, pageComplexity } from "../schema/connection.js";
import { Image } from "../schema/image.type.js";
import { ItemVariant } from "../schema/item-variant.type.js";
import { Item, ItemConnection } from "../schema/item.type.js";
import {
  PersonalizedImage,
  PersonalizedImageConnection,
} from "../schema/personalized-image.type.js";
import { RankChangeConnection } from "../schema/rank-change.type.js";
import { requireViewer, type RequestContext } from "./context.js";
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

  @Authorized("SHOPPER")
  @Query(() => Item, { description: "An item. Fails with `ITEM_NOT_FOUND`." })
  async item(
    @Arg("id", () => ID, { description: "The shop's own id." }) id: string,
    @Ctx() { loaders }: RequestContext,
  ): Promise<ItemRow> {
    const item = await loaders.item.load(id);
    if (!item) {
      throw new AppError("ITEM_NOT_FOUND", { itemId: id });
    }
    return item;
  }

  @Authorized("SHOPPER")
  @Query(() => ItemConnection, {
    description: "The catalogue, in the order of import.",
    complexity: pageComplexity,
  })
  async items(
    @Args(() => PageArgs) args: PageArgs,
    @Arg("category", () => String, {
      nullable: true,
      description: "Only items of this category; default all.",
    })
    category?: string | null,
    @Arg("isAvailable", () => Boolean, {
      nullable: true,
      description: "Only items that can, or cannot, be bought now; default all.",
    })
    isAvailable?: boolean | null,
  ): Promise<Connection<ItemRow>> {
    const page = itemList.request(args);
    return itemList.page(await this.catalog.findItemPage({ category, isAvailable }, page), args);
  }

  @FieldResolver(() => Image, {
    nullable: true,
    description: "The catalogue picture; null if there is none.",
  })
  async image(
    @Root() { id }: ItemRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<BlobRow | null> {
    return (await loaders.itemImage.load(id))?.blob ?? null;
  }

  @FieldResolver(() => Caption, {
    nullable: true,
    description: "What the picture shows; null if the item has no caption yet.",
  })
  caption(@Root() { id }: ItemRow, @Ctx() { loaders }: RequestContext): Promise<CaptionRow | null> {
    return loaders.caption.load(id);
  }

  @FieldResolver(() => [ItemVariant], {
    description: "The variants in which it is sold, in the shop's order; empty if there are none.",
    complexity: ({ childComplexity }) => 1 + USUAL_VARIANTS * childComplexity,
  })
  async variants(
    @Root() { id }: ItemRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<readonly ItemVariantRow[]> {
    return (await loaders.variantsOfItem.load(id)) ?? [];
  }

  @FieldResolver(() => PersonalizedImage, {
    nullable: true,
    description:
      "The item's current picture for a shopper with the default options; null if there is none. " +
      "Reading it starts no generation. Fails with `OTHER_USER`.",
  })
  personalizedImage(
    @Root() { id }: ItemRow,
    @Arg("userId", () => ID, { description: "The shopper's id in the shop." }) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<PersonalizedImageRow | null> {
    assertActsFor(requireViewer(context), userId);
    return context.loaders.storedImage.load({ userId, itemId: id });
  }

  @FieldResolver(() => PersonalizedImageConnection, {
    description: "Personalised pictures of the item, newest first; a shopper sees only their own.",
    complexity: pageComplexity,
  })
  async personalizedImages(
    @Root() { id }: ItemRow,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Connection<PersonalizedImageRow>> {
    const page = imageList.request(args);
    return imageList.page(await loaders.imagesOfItem.load({ parentId: id, page }), args);
  }

  @FieldResolver(() => RankChangeConnection, {
    description:
      "How its pictures changed the item's rank, newest first; a shopper sees only their own.",
    complexity: pageComplexity,
  })
  async rankChanges(
    @Root() { id }: ItemRow,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Connection<RankChangeRow>> {
    const page = rankChangeList.request(args);
    return rankChangeList.page(await loaders.rankChangesOfItem.load({ parentId: id, page }), args);
  }
}
