/** @file Which products an event of Vendure touches. */
import { Injectable, type OnApplicationBootstrap } from "@nestjs/common";
import {
  AssetEvent,
  CollectionEvent,
  CollectionModificationEvent,
  CollectionService,
  EventBus,
  type ID,
  Logger,
  Product,
  ProductChannelEvent,
  ProductEvent,
  ProductVariant,
  ProductVariantChannelEvent,
  ProductVariantEvent,
  TransactionalConnection,
  type Type,
  type VendureEvent,
} from "@vendure/core";
import { In } from "typeorm";
import { CatalogueSync } from "./catalogue-sync";
import { loggerContext } from "./vitrine.service";

/** Ids in one statement. */
const CHUNK = 500;

@Injectable()
export class CatalogueEvents implements OnApplicationBootstrap {
  constructor(
    private readonly events: EventBus,
    private readonly sync: CatalogueSync,
    private readonly connection: TransactionalConnection,
    private readonly collections: CollectionService,
  ) {}

  onApplicationBootstrap(): void {
    this.on(ProductEvent, async ({ entity }) => [entity.id]);
    this.on(ProductChannelEvent, async ({ product }) => [product.id]);
    this.on(ProductVariantEvent, ({ entity }) => this.productsOf(entity.map(({ id }) => id)));
    this.on(ProductVariantChannelEvent, ({ productVariant }) =>
      this.productsOf([productVariant.id]),
    );
    this.on(CollectionModificationEvent, ({ productVariantIds }) =>
      this.productsOf(productVariantIds),
    );
    this.on(CollectionEvent, async ({ ctx, entity, type }) =>
      type === "updated"
        ? this.productsOf(await this.collections.getCollectionProductVariantIds(entity, ctx))
        : [],
    );
    this.on(AssetEvent, async ({ entity, type }) =>
      type === "updated" ? this.productsWith(entity.id) : [],
    );
  }

  private on<Event extends VendureEvent>(
    type: Type<Event>,
    idsOf: (event: Event) => Promise<ID[]>,
  ): void {
    this.events.ofType(type).subscribe(event => {
      idsOf(event)
        .then(ids => this.sync.queueProducts(ids))
        .catch((error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          Logger.error(`${type.name} could not be queued: ${reason}`, loggerContext);
        });
    });
  }

  private async productsOf(variantIds: readonly ID[]): Promise<ID[]> {
    const variants = this.connection.rawConnection.getRepository(ProductVariant);
    const ids: ID[] = [];
    for (let start = 0; start < variantIds.length; start += CHUNK) {
      const where = { id: In(variantIds.slice(start, start + CHUNK)) };
      const found = await variants.find({ select: { id: true, productId: true }, where });
      ids.push(...found.map(({ productId }) => productId));
    }
    return ids;
  }

  private async productsWith(assetId: ID): Promise<ID[]> {
    const featuredAsset = { id: assetId };
    const products = this.connection.rawConnection.getRepository(Product);
    const found = await products.find({
      select: { id: true },
      where: [{ featuredAsset }, { variants: { featuredAsset } }],
    });
    return found.map(({ id }) => id);
  }
}
