/** @file What the plugin adds to Vendure's APIs. */
import { Args, Mutation, Parent, Query, ResolveField, Resolver } from "@nestjs/graphql";
import {
  Allow,
  Ctx,
  type ID,
  Permission,
  Product,
  ProductService,
  RequestContext,
} from "@vendure/core";
import { gql } from "graphql-tag";
import { CatalogueSync } from "./catalogue-sync";
import { Shoppers } from "./shopper";
import { ShopperEvents } from "./shopper-events";
import { VitrineService } from "./vitrine.service";

export const shopSchema = gql`
  "A product's image in the shopper's taste."
  type VitrineImage {
    "The image's address; it may be cached forever."
    url: String!
    widthPixels: Int!
    heightPixels: Int!
    "A sentence for the image's label: that it is generated. Null if nothing is."
    disclosure: String
  }

  extend type Product {
    "Null until there is one: show the product's own image."
    personalizedImage: VitrineImage
    "Other products for the shopper, best first; at most 50. Empty while there are none."
    recommendations(take: Int = 8): [Product!]!
  }

  extend type SearchResult {
    "Null until there is one: show the product's own image."
    personalizedImage: VitrineImage
    "Other products for the shopper, best first; at most 50. Empty while there are none."
    recommendations(take: Int = 8): [Product!]!
  }

  extend type Query {
    "Products for the shopper, best first; at most 50. Empty while there are none."
    recommendations(take: Int = 8): [Product!]!
  }

  extend type Mutation {
    "The shopper sees the page of a product. False if nobody is known who does."
    recordProductView(productId: ID!): Boolean!
  }
`;

export const adminSchema = gql`
  "Where Vitrine's own admin pages are."
  type VitrineLink {
    url: String!
  }

  extend type Query {
    vitrine: VitrineLink!
  }

  extend type Mutation {
    "Sends the whole catalogue to Vitrine, in the background."
    syncVitrineCatalogue: Boolean!
  }
`;

const MAX_TAKE = 50;
/** Asked for in excess, since a channel may not have all of them. */
const EXCESS = 3;
const MAX_ASKED = 100;

export interface ShopImage {
  url: string;
  widthPixels: number;
  heightPixels: number;
  disclosure: string | null;
}

/** What the resolvers of `Product` and `SearchResult` share. */
abstract class ProductFields {
  constructor(
    protected readonly vitrine: VitrineService,
    protected readonly shoppers: Shoppers,
    protected readonly products: ProductService,
  ) {}

  protected async imageOf(ctx: RequestContext, productId: ID): Promise<ShopImage | null> {
    const userId = await this.shoppers.of(ctx);
    const result = userId && (await this.vitrine.personalizedImage(userId, String(productId)));
    return result && result.kind === "PERSONALIZED"
      ? { ...result.image, disclosure: result.disclosure }
      : null;
  }

  /** In the request's channel and language. */
  protected async productsFor(ctx: RequestContext, take: number, without?: ID): Promise<Product[]> {
    const userId = await this.shoppers.of(ctx);
    const wanted = Math.min(Math.max(take, 0), MAX_TAKE);
    const found =
      userId && wanted > 0
        ? await this.vitrine.recommendations(userId, Math.min(wanted * EXCESS + 1, MAX_ASKED))
        : null;
    const ids = (found?.items ?? []).map(({ id }) => id).filter(id => id !== String(without));
    if (ids.length === 0) {
      return [];
    }
    const products = await this.products.findByIds(ctx, ids);
    return ids
      .flatMap(id => products.find(product => String(product.id) === id && product.enabled) ?? [])
      .slice(0, wanted);
  }
}

@Resolver("Product")
export class VitrineProductResolver extends ProductFields {
  constructor(vitrine: VitrineService, shoppers: Shoppers, products: ProductService) {
    super(vitrine, shoppers, products);
  }

  @ResolveField()
  personalizedImage(@Ctx() ctx: RequestContext, @Parent() product: Product) {
    return this.imageOf(ctx, product.id);
  }

  @ResolveField()
  recommendations(
    @Ctx() ctx: RequestContext,
    @Parent() product: Product,
    @Args("take") take: number,
  ) {
    return this.productsFor(ctx, take, product.id);
  }
}

@Resolver("SearchResult")
export class VitrineSearchResultResolver extends ProductFields {
  constructor(vitrine: VitrineService, shoppers: Shoppers, products: ProductService) {
    super(vitrine, shoppers, products);
  }

  @ResolveField()
  personalizedImage(@Ctx() ctx: RequestContext, @Parent() result: { productId: ID }) {
    return this.imageOf(ctx, result.productId);
  }

  @ResolveField()
  recommendations(
    @Ctx() ctx: RequestContext,
    @Parent() result: { productId: ID },
    @Args("take") take: number,
  ) {
    return this.productsFor(ctx, take, result.productId);
  }
}

@Resolver()
export class VitrineShopResolver extends ProductFields {
  constructor(
    vitrine: VitrineService,
    shoppers: Shoppers,
    products: ProductService,
    private readonly events: ShopperEvents,
  ) {
    super(vitrine, shoppers, products);
  }

  @Query()
  @Allow(Permission.Public)
  recommendations(@Ctx() ctx: RequestContext, @Args("take") take: number) {
    return this.productsFor(ctx, take);
  }

  @Mutation()
  @Allow(Permission.Owner)
  async recordProductView(@Ctx() ctx: RequestContext, @Args("productId") productId: ID) {
    const product = await this.products.findOne(ctx, productId);
    return product ? this.events.recordView(ctx, product.id) : false;
  }
}

@Resolver()
export class VitrineAdminResolver {
  constructor(
    private readonly vitrine: VitrineService,
    private readonly sync: CatalogueSync,
  ) {}

  @Query("vitrine")
  @Allow(Permission.Authenticated)
  link() {
    return { url: this.vitrine.adminUrl };
  }

  @Mutation()
  @Allow(Permission.UpdateCatalog)
  async syncVitrineCatalogue() {
    await this.sync.queueAll();
    return true;
  }
}
