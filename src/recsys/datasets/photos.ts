/** @file A shop with real photographs: products of public shops, read from folders, and simulated shoppers. */
import { join, resolve } from "node:path";
import { decodeRgb } from "../../db/image-codec.js";
import type { NewInteraction } from "../../db/interactions.repository.js";
import type { NewItem } from "../../db/items.repository.js";
import { readLocal } from "../../db/local-files.js";
import {
  captionField,
  imagesPart,
  interactionsPart,
  itemsPart,
  readImage,
  storeImage,
} from "../import/import-parts.js";
import type { ImportPart, ImportSource, SourceRow } from "../import/import-source.js";
import { contentVersion, folderVersion } from "../import/source-files.js";
import { LOOK_SIDE_PIXELS, measureLook } from "./photo-looks.js";
import {
  type PhotoShopName,
  photoShopNames,
  type ShopProduct,
  shopProducts,
  shopTable,
} from "./photo-shops.js";
import {
  defaultPhotoUsers,
  type PhotoTaste,
  photoTastes,
  type PhotoUsersConfig,
  type ShopPhoto,
  simulatedPhotoLikes,
} from "./photo-users.js";

/** Increase when the same files give other items or shoppers. */
const RECIPE_VERSION = 1;

/** The folder of a shop, and how many of its products are taken, a fixed mixture of all categories. Default: all. */
export interface PhotoShop {
  folder: string;
  limit?: number;
}

export interface PhotosOptions {
  shops: Readonly<Partial<Record<PhotoShopName, PhotoShop>>>;
  /** Changes to the default shoppers. */
  users?: Partial<PhotoUsersConfig>;
}

export class PhotosSource implements ImportSource {
  readonly kind = "photos";
  readonly location: string;
  private readonly users: PhotoUsersConfig;
  private readonly shops: readonly (PhotoShop & { name: PhotoShopName })[];
  private seen: Promise<ShopPhoto[]> | null = null;

  constructor({ shops, users }: PhotosOptions) {
    this.users = { ...defaultPhotoUsers, ...users };
    this.shops = photoShopNames.flatMap(name => {
      const { [name]: shop } = shops;
      return shop ? [{ name, ...shop }] : [];
    });
    this.location = this.shops.map(({ folder, name }) => `${name} ${resolve(folder)}`).join("\n");
  }

  async files(): Promise<Record<string, string>> {
    const limits = this.shops.map(({ limit = null, name }) => [name, limit]);
    const options = JSON.stringify({ recipe: RECIPE_VERSION, limits, ...this.users });
    const versions: Record<string, string> = { options };
    for (const { folder, name } of this.shops) {
      const table = shopTable(name, folder);
      versions[table] = await contentVersion(table);
      const images = join(folder, name === "vendure" ? "assets/images" : "images");
      versions[images] = await folderVersion(images);
    }
    return versions;
  }

  async parts(): Promise<readonly ImportPart[]> {
    const products = await this.products();
    return [itemsOf(products), imagesOf(products), this.interactions()];
  }

  /** The products that are imported, sorted by shop and id. */
  async products(): Promise<ShopProduct[]> {
    const products: ShopProduct[] = [];
    for (const { folder, limit = Infinity, name } of this.shops) {
      products.push(...mixture(await shopProducts(name, folder), limit));
    }
    return products;
  }

  /** The products as their shoppers see them; measured once. */
  photos(): Promise<ShopPhoto[]> {
    this.seen ??= this.products().then(seenPhotos);
    return this.seen;
  }

  /** The likes of all shoppers, each in the order of time. */
  async likes(): Promise<NewInteraction[]> {
    return [...simulatedPhotoLikes(await this.photos(), this.users)];
  }

  /** Each shopper's taste, which nobody but a test or a caption needs. */
  async tastes(): Promise<Map<string, PhotoTaste>> {
    return photoTastes(await this.photos(), this.users);
  }

  private interactions(): ImportPart {
    const { maxLikes, minLikes, numUsers } = this.users;
    const likes = async function* (source: PhotosSource) {
      yield* rowsOf(await source.likes(), ({ userId }) => userId);
    };
    return interactionsPart({
      areSimulated: true,
      numRows: Math.round(((minLikes + maxLikes) / 2) * numUsers),
      read: () => likes(this),
      prepare: value => value as NewInteraction, // the type that `read` yields
    });
  }
}

/** At most `limit` products: one of each category in turn. */
export function mixture(products: readonly ShopProduct[], limit: number): ShopProduct[] {
  const byCategory = new Map<string, ShopProduct[]>();
  for (const product of products) {
    const own = byCategory.get(product.category);
    byCategory.set(product.category, own ? [...own, product] : [product]);
  }
  const turnOf = new Map([...byCategory.values()].flatMap(own => own.map((one, n) => [one, n])));
  const inTurns = [...products].sort((a, b) => turnOf.get(a)! - turnOf.get(b)!); // all are in the map
  const chosen = new Set(inTurns.slice(0, limit));
  return products.filter(product => chosen.has(product));
}

function itemsOf(products: readonly ShopProduct[]): ImportPart<NewItem> {
  return itemsPart({
    numRows: products.length,
    read: () => rowsOf(products, ({ id }) => id),
    prepare: value => {
      const product = value as ShopProduct; // the type that `read` yields
      const { attribution, category, description, id, keywords, title } = product;
      return {
        ...{ id, title, description, category, attribution },
        keywords: [...keywords],
        isAvailable: true,
        caption: catalogueCaption(product),
      };
    },
  });
}

function imagesOf(products: readonly ShopProduct[]): ImportPart {
  return imagesPart({
    numRows: products.length,
    read: () => rowsOf(products, ({ id }) => id),
    prepare: async (value, { blobs }) => {
      const { id, imagePath, shop } = value as ShopProduct; // the type that `read` yields
      return storeImage(id, await readImage(imagePath), { source: shop, blobs });
    },
  });
}

/** The catalogue's words as a caption: title and category. */
export function catalogueCaption({
  category,
  title,
}: Pick<ShopProduct, "category" | "title">): string {
  const isSaid = title.toLowerCase().includes(category.toLowerCase());
  return captionField.parse(isSaid ? title : `${title}, ${category.toLowerCase()}`);
}

/** Measures the photographs. */
async function seenPhotos(products: readonly ShopProduct[]): Promise<ShopPhoto[]> {
  const photos: ShopPhoto[] = [];
  const size = { widthPixels: LOOK_SIDE_PIXELS, heightPixels: LOOK_SIDE_PIXELS };
  for (const { category, id, imagePath } of products) {
    const image = await decodeRgb(await readLocal(imagePath), { ...size, fit: "fill" });
    photos.push({ id, kind: category, look: measureLook(image) });
  }
  return photos;
}

/** Generated rows: each counts as a line of its own file. */
async function* rowsOf<Value>(
  values: readonly Value[],
  nameOf: (value: Value) => string,
): AsyncGenerator<SourceRow> {
  for (const [index, value] of values.entries()) {
    yield { file: "photos", line: index + 1, bytes: 0, raw: nameOf(value), value, fault: null };
  }
}
