/** @file Reads products as Vitrine's items: the state of now, whatever event asked for it. */
import { Injectable } from "@nestjs/common";
import {
  type Asset,
  CollectionService,
  ConfigService,
  type ID,
  Logger,
  Product,
  type ProductVariant,
  type RequestContext,
  RequestContextService,
  TransactionalConnection,
} from "@vendure/core";
import sharp from "sharp";
import { In, MoreThan } from "typeorm";
import type { ItemInput, ItemVariantInput } from "./api/operations";
import { plainText } from "./plain-text";
import { loggerContext } from "./vitrine.service";

/** Limits of Vitrine's items. */
const limits = { title: 1_000, description: 20_000, word: 100, keywords: 100, options: 20 };
/** Vitrine serves no larger image. */
const MAX_PIXELS = 1_024;
const QUALITY = 85;

const relations = {
  translations: true,
  featuredAsset: true,
  facetValues: { translations: true },
  variants: {
    translations: true,
    featuredAsset: true,
    options: { translations: true, group: { translations: true } },
  },
} as const;

interface Named {
  translations: readonly { languageCode: string; name: string }[];
}

@Injectable()
export class CatalogueReader {
  constructor(
    private readonly connection: TransactionalConnection,
    private readonly config: ConfigService,
    private readonly collections: CollectionService,
    private readonly contexts: RequestContextService,
  ) {}

  /** The ids of products after one, in their order; deleted ones too, so that Vitrine hears of them. */
  async idsAfter(after: ID | null, take: number): Promise<ID[]> {
    const found = await this.connection.rawConnection.getRepository(Product).find({
      select: { id: true },
      where: after === null ? {} : { id: MoreThan(after) },
      order: { id: "ASC" },
      take,
    });
    return found.map(({ id }) => id);
  }

  /** The last of all ids; null in an empty shop. */
  async lastId(): Promise<ID | null> {
    const products = this.connection.rawConnection.getRepository(Product);
    const [last] = await products.find({ select: { id: true }, order: { id: "DESC" }, take: 1 });
    return last?.id ?? null;
  }

  /** One item after the other, since each holds its images. Ids without a product are left out. */
  async *items(ids: readonly ID[]): AsyncGenerator<ItemInput> {
    const ctx = await this.contexts.create({ apiType: "admin" });
    for (const id of ids) {
      const products = this.connection.rawConnection.getRepository(Product);
      const [product] = await products.find({ where: { id: In([id]) }, relations });
      if (product) {
        yield await this.itemOf(ctx, product);
      }
    }
  }

  private async itemOf(ctx: RequestContext, product: Product): Promise<ItemInput> {
    const { defaultLanguageCode: languageCode } = ctx.channel;
    const nameOf = (named: Named) => translated(named.translations, languageCode)?.name ?? "";
    const translation = translated(product.translations, languageCode);
    const collections = await this.collections.getCollectionsByProductId(ctx, product.id, true);
    const parents = new Set(collections.map(({ parentId }) => String(parentId)));
    const category = collections.find(({ id }) => !parents.has(String(id)))?.name;
    const words = [
      ...product.facetValues.map(nameOf),
      ...collections.map(({ name }) => name).filter(name => name !== category),
    ];
    const variants = product.variants.filter(({ deletedAt }) => deletedAt === null);
    const isAvailable =
      product.deletedAt === null && product.enabled && variants.some(({ enabled }) => enabled);
    const image = await this.imageOf(product.featuredAsset);
    return {
      id: String(product.id),
      title: cut(translation?.name ?? "", limits.title) || `Product ${product.id}`,
      description: cut(plainText(translation?.description ?? ""), limits.description),
      category: category ? cut(category, limits.word) : null,
      keywords: [...new Set(words.map(word => cut(word, limits.word)))].slice(0, limits.keywords),
      isAvailable,
      ...(image !== undefined && { imageUrl: image }),
      variants: await Promise.all(
        variants.map(variant => this.variantOf(variant, product, nameOf)),
      ),
    };
  }

  private async variantOf(
    variant: ProductVariant,
    { featuredAsset }: Product,
    nameOf: (named: Named) => string,
  ): Promise<ItemVariantInput> {
    const hasOwn = variant.featuredAsset && variant.featuredAsset.id !== featuredAsset?.id;
    return {
      id: `variant-${variant.id}`,
      title: cut(nameOf(variant), limits.title),
      isAvailable: variant.enabled,
      options: variant.options.slice(0, limits.options).map(option => ({
        name: cut(nameOf(option.group), limits.word),
        value: cut(nameOf(option), limits.word),
      })),
      imageUrl: hasOwn ? await this.imageOf(variant.featuredAsset) : null,
    };
  }

  /** The image as a `data:` URL, so that Vitrine needs no way to the shop; null without one, undefined if it cannot be read. */
  private async imageOf(asset: Asset | null | undefined): Promise<string | null | undefined> {
    if (!asset?.mimeType.startsWith("image/")) {
      return null;
    }
    try {
      const { assetStorageStrategy } = this.config.assetOptions;
      const file = await assetStorageStrategy.readFileToBuffer(asset.preview);
      const size = { width: MAX_PIXELS, height: MAX_PIXELS, fit: "inside" as const };
      const bytes = await sharp(file)
        .rotate()
        .resize({ ...size, withoutEnlargement: true })
        .webp({ quality: QUALITY })
        .toBuffer();
      return `data:image/webp;base64,${bytes.toString("base64")}`;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      Logger.warn(`The file of asset ${asset.id} cannot be read: ${reason}`, loggerContext);
      return undefined;
    }
  }
}

function translated<Translation extends { languageCode: string }>(
  translations: readonly Translation[],
  languageCode: string,
): Translation | undefined {
  return translations.find(one => one.languageCode === languageCode) ?? translations[0];
}

/** At most `max` characters, without half a character at the end. */
function cut(text: string, max: number): string {
  return text
    .trim()
    .slice(0, max)
    .replace(/[\uD800-\uDBFF]$/, "");
}
