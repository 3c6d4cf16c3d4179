/**
 * @file The products of shops whose photographs are publicly available, as their files are published. Nothing of them is in
 * this package: each is read from a folder.
 *
 * - `vendure`: the npm package `@vendure/create` (GPL-3.0), `assets/products.csv` and `assets/images`: photographs under
 *   Unsplash's licence, with the photographer in the file's name.
 * - `luma`: Magento 2 sample data (AFL-3.0): `fixtures/*.csv` and `images/`. One item for each colour of a product.
 * - `clothing`: the clothing dataset of Alexey Grigorev (CC0): `images.csv` and `images/`.
 */
import { basename, join } from "node:path";
import { type CsvShape, csvRows } from "../import/csv-rows.js";
import { listImages } from "../import/source-files.js";
import { plainText } from "../import/text-values.js";

export const photoShopNames = ["vendure", "luma", "clothing"] as const;
export type PhotoShopName = (typeof photoShopNames)[number];

/** A product with one photograph. */
export interface ShopProduct {
  id: string;
  shop: PhotoShopName;
  title: string;
  description: string;
  category: string;
  keywords: readonly string[];
  attribution: string;
  /** Path of the photograph. */
  imagePath: string;
}

type Cells = Readonly<Record<string, string | undefined>>;

/** The products of a shop, sorted by id. @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED` */
export async function shopProducts(name: PhotoShopName, folder: string): Promise<ShopProduct[]> {
  const products = await readers[name](folder);
  return products.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The file that tells a version of the shop, for `ImportSource.files`. */
export function shopTable(name: PhotoShopName, folder: string): string {
  return {
    vendure: join(folder, "assets", "products.csv"),
    luma: join(folder, "fixtures", "configurable_products.csv"),
    clothing: join(folder, "images.csv"),
  }[name];
}

const readers: Record<PhotoShopName, (folder: string) => Promise<ShopProduct[]>> = {
  vendure: vendureProducts,
  luma: lumaProducts,
  clothing: clothingProducts,
};

async function vendureProducts(folder: string): Promise<ShopProduct[]> {
  const products: ShopProduct[] = [];
  const shape = { required: ["name", "slug", "description", "assets", "facets"] };
  for await (const cells of rowsIn(shopTable("vendure", folder), shape)) {
    const slug = cellOf(cells, "slug");
    const [file] = cellOf(cells, "assets").split("|");
    if (slug === "" || file === "") {
      continue; // a variant of the product above, or a product without photograph
    }
    const facets = cellOf(cells, "facets").split("|");
    const categories = valuesOf(facets, "category");
    products.push({
      id: slug,
      shop: "vendure",
      title: cellOf(cells, "name"),
      description: cellOf(cells, "description"),
      category: categories.at(-1) ?? "Other",
      keywords: [...categories, ...valuesOf(facets, "color"), ...valuesOf(facets, "brand")],
      attribution: unsplashCredit(file),
      imagePath: join(folder, "assets", "images", file),
    });
  }
  return products;
}

/** "Photo by Derick David on Unsplash", from `derick-david-409858-unsplash.jpg`. */
export function unsplashCredit(file: string): string {
  const [, name = ""] = /^(.+?)-(?:\d+-)?unsplash/.exec(file) ?? [];
  const words = name.split("-").map(word => word.charAt(0).toUpperCase() + word.slice(1));
  return name === "" ? "Photo from Unsplash" : `Photo by ${words.join(" ")} on Unsplash`;
}

function valuesOf(facets: readonly string[], name: string): string[] {
  return facets.flatMap(facet => {
    const [key, value = ""] = facet.split(":").map(part => part.trim());
    return key === name && value !== "" ? [value] : [];
  });
}

async function lumaProducts(folder: string): Promise<ShopProduct[]> {
  const names = (await listImages(join(folder, "images"))).map(name => basename(name));
  const images = new Set(names);
  const products = new Map<string, ShopProduct>();
  const add = (image: string, about: Pick<ShopProduct, "title" | "description" | "category">) => {
    const id = `luma-${image.replace(/\.\w+$/, "").toLowerCase()}`;
    if (images.has(image) && !products.has(id)) {
      const keywords = [about.category];
      const attribution = "Magento 2 sample data, AFL-3.0";
      const imagePath = join(folder, "images", image);
      products.set(id, { id, shop: "luma", ...about, keywords, attribution, imagePath });
    }
  };
  const required = ["sku", "product_type", "categories", "name", "base_image"];
  for await (const cells of rowsIn(shopTable("luma", folder), { required })) {
    const color = /(?:^|,)color=([^,]+)/.exec(cellOf(cells, "additional_attributes"))?.[1] ?? "";
    const levels = cellOf(cells, "categories").split(",")[0].split("/");
    const name = cellOf(cells, "name");
    if (cellOf(cells, "product_type") === "simple") {
      add(basename(cellOf(cells, "base_image")), {
        // A variant is named "Chaz Kangeroo Hoodie-XS-Black".
        title: [name.replace(/-[^-]+-[^-]+$/, ""), color.toLowerCase()].filter(Boolean).join(", "),
        description: plainText(cellOf(cells, "description")),
        category: levels.at(-1) ?? "Other",
      });
    }
  }
  for (const kind of ["bags", "fitness_equipment", "watches"]) {
    const path = join(folder, "fixtures", `products_gear_${kind}.csv`);
    for await (const cells of rowsIn(path, { required: ["category", "name", "sku"] })) {
      const number = cellOf(cells, "sku").replace(/^24-/, "").toLowerCase();
      add(names.find(name => name.startsWith(`${number}-`)) ?? "", {
        title: plainText(cellOf(cells, "name")),
        description: plainText(cellOf(cells, "description")),
        category: cellOf(cells, "category").split("\n")[1] ?? "Gear",
      });
    }
  }
  return [...products.values()];
}

async function clothingProducts(folder: string): Promise<ShopProduct[]> {
  const images = new Set(await listImages(join(folder, "images")));
  const products: ShopProduct[] = [];
  const path = shopTable("clothing", folder);
  for await (const cells of rowsIn(path, { required: ["image", "label", "kids"] })) {
    const [image, label] = [cellOf(cells, "image"), cellOf(cells, "label")];
    const file = `${image}.jpg`;
    if (images.has(file)) {
      const isForKids = cellOf(cells, "kids").toLowerCase() === "true";
      products.push({
        id: `clothing-${image}`,
        shop: "clothing",
        title: isForKids ? `${label} for kids` : label,
        description: "",
        category: label,
        keywords: isForKids ? [label, "kids"] : [label],
        attribution: "clothing dataset by Alexey Grigorev, CC0",
        imagePath: join(folder, "images", file),
      });
    }
  }
  return products;
}

async function* rowsIn(path: string, shape: CsvShape): AsyncGenerator<Cells> {
  for await (const { value, fault } of csvRows(path, basename(path), shape)) {
    if (fault === null) {
      yield value as Cells; // what `csvRows` yields: column -> text
    }
  }
}

/** The text of a cell, without the padding and the quotes around it: Vendure aligns its columns with spaces. */
function cellOf(cells: Cells, name: string): string {
  const text = (cells[name] ?? "").trim();
  const [, quoted] = /^"(.*)"$/s.exec(text) ?? [];
  return quoted === undefined ? text : quoted.replaceAll('""', '"').trim();
}
