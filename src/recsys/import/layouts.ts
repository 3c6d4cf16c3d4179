/**
 * @file The column layouts of known exports.
 *
 * Terms: a *field* belongs to the catalogue (`title`); a *column* to a file (`Body (HTML)`). Columns are compared
 * without case, spaces, punctuation, the prefix `g:` and RecBole's types, so `Image Src` is `imagesrc`.
 */

export const itemFields = [
  "id",
  "title",
  "description",
  "category",
  "keywords",
  "available",
  "attribution",
  "caption",
  "image",
  "variants",
] as const;
export type ItemField = (typeof itemFields)[number];

export const interactionFields = ["userId", "itemId", "kind", "occurredAt", "weight"] as const;
export type InteractionField = (typeof interactionFields)[number];

export type Field = ItemField | InteractionField;

export const layoutNames = [
  "shopify",
  "woocommerce",
  "google",
  "magento",
  "vendure",
  "recbole",
  "movielens",
  "retailrocket",
  "own",
] as const;
export type LayoutName = (typeof layoutNames)[number];

/** For each field its possible columns, best first. */
export type Columns<Name extends Field> = Readonly<Partial<Record<Name, readonly string[]>>>;

export interface Layout {
  /** Display name. */
  title: string;
  items: Columns<ItemField>;
  interactions: Columns<InteractionField>;
  /** Whether a file with these plain columns has this layout. */
  matches(columns: ReadonlySet<string>, names: readonly string[]): boolean;
  /** Fields that combine all their columns, not only the first one present. */
  joined?: readonly Field[];
  /** Separator of keywords in a cell. Default: `|`, otherwise `;`, otherwise `,`. */
  keywordSeparator?: string;
  /** Separator of categories in a cell; the first one counts. Default: a cell is one category. */
  categorySeparator?: string;
  /** Whether image paths start with `/`, although they are relative to the image folder. */
  hasRootedImages?: boolean;
  /** Further columns that the layout reads. */
  alsoReads?: readonly string[];
}

const RECBOLE_TYPE = /:(token|float)(_seq)?$/;

/** A column's name for comparison. */
export function plainColumn(name: string): string {
  return name
    .replace(RECBOLE_TYPE, "")
    .replace(/^g:/i, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "");
}

const hasAll = (columns: ReadonlySet<string>, ...names: string[]) =>
  names.every(name => columns.has(name));
const numOf = (columns: ReadonlySet<string>, ...names: string[]) =>
  names.filter(name => columns.has(name)).length;

const own: Layout = {
  title: "own columns",
  items: {
    id: ["id", "itemid", "productid", "sku"],
    title: ["title", "name", "productname", "producttitle"],
    description: ["description", "body", "longdescription"],
    category: ["category", "categories", "producttype"],
    keywords: ["keywords", "tags"],
    available: ["available", "isavailable", "availability", "instock"],
    attribution: ["attribution"],
    caption: ["caption"],
    image: ["image", "images", "imageurl", "imagelink", "imagesrc", "additionalimagelink"],
    variants: ["variants"],
  },
  interactions: {
    userId: ["userid", "user", "visitorid", "customerid"],
    itemId: ["itemid", "item", "productid", "movieid"],
    kind: ["kind", "event", "eventtype", "action"],
    occurredAt: ["occurredat", "timestamp", "time", "eventtime", "date"],
    weight: ["weight", "rating", "score"],
  },
  matches: () => true,
};

/** The same columns, with the catalogue's own names first: a file with renamed columns is read the same way. */
function also(columns: Columns<ItemField>): Columns<ItemField> {
  const fields = itemFields.map(field => {
    const plain = plainColumn(field);
    return [field, [plain, ...(columns[field] ?? []).filter(name => name !== plain)]] as const;
  });
  return Object.fromEntries(fields);
}

/** Columns with a number, from 1. */
function numbered(count: number, names: (n: number) => string[]): string[] {
  return Array.from({ length: count }, (_, place) => names(place + 1)).flat();
}

/** Attributes of a WooCommerce variation that are read. */
export const MAX_ATTRIBUTES = 10;

/** Columns of a Google feed in which the products of one `item_group_id` differ. */
export const googleOptions = [
  "color",
  "size",
  "material",
  "pattern",
  "gender",
  "agegroup",
] as const;

export const layouts: Readonly<Record<LayoutName, Layout>> = {
  shopify: {
    title: "Shopify product CSV",
    items: also({
      id: ["handle", "urlhandle"],
      description: ["bodyhtml"],
      category: ["type", "productcategory", "standardizedproducttype", "customproducttype"],
      keywords: ["tags"],
      available: ["published", "publishedononlinestore"],
      image: ["imagesrc", "productimageurl", "variantimage", "variantimageurl"],
    }),
    interactions: own.interactions,
    joined: ["image"],
    alsoReads: [
      "status",
      "variantinventoryqty",
      "variantinventorytracker",
      "variantinventorypolicy",
      "inventoryquantity",
      "inventorytracker",
      "continuesellingwhenoutofstock",
      ...["variantsku", "sku", "variantimage", "variantimageurl"],
      ...numbered(3, n => [`option${n}name`, `option${n}value`]),
    ],
    matches: columns => {
      const numOwn = numOf(
        columns,
        ...["vendor", "bodyhtml", "variantprice", "variantsku", "option1name", "option1value"],
        ...["imagesrc", "imageposition", "productimageurl", "publishedononlinestore"],
      );
      const hasHandle = columns.has("handle") || columns.has("urlhandle");
      return columns.has("title") && numOwn >= (hasHandle ? 1 : 3);
    },
  },
  woocommerce: {
    title: "WooCommerce product CSV",
    items: also({
      id: ["sku"],
      title: ["name"],
      description: ["shortdescription"],
      category: ["categories"],
      keywords: ["tags"],
      available: ["instock"],
      image: ["images"],
    }),
    interactions: own.interactions,
    joined: ["description", "image"],
    categorySeparator: ",",
    alsoReads: [
      ...["type", "sku", "parent", "published"],
      ...numbered(MAX_ATTRIBUTES, n => [`attribute${n}name`, `attribute${n}values`]),
    ],
    matches: columns =>
      hasAll(columns, "type", "sku", "published") && (columns.has("name") || columns.has("title")),
  },
  google: {
    title: "Google Merchant feed",
    items: also({
      category: ["producttype", "googleproductcategory"],
      available: ["availability"],
      image: ["imagelink", "additionalimagelink"],
    }),
    interactions: own.interactions,
    joined: ["image"],
    alsoReads: ["itemgroupid", ...googleOptions],
    matches: columns => hasAll(columns, "id", "title") && columns.has("imagelink"),
  },
  magento: {
    title: "Magento (Adobe Commerce) product CSV",
    items: also({
      id: ["sku"],
      title: ["name"],
      description: ["shortdescription"],
      category: ["categories"],
      keywords: ["metakeywords", "metakeyword"],
      available: ["isinstock"],
      image: ["baseimage", "smallimage", "additionalimages"],
    }),
    interactions: own.interactions,
    joined: ["description", "image"],
    categorySeparator: ",",
    hasRootedImages: true,
    alsoReads: ["visibility", "productonline", "configurablevariations"],
    matches: columns =>
      hasAll(columns, "sku", "name") &&
      numOf(columns, "attributesetcode", "attributeset", "storeviewcode", "baseimage") > 0,
  },
  vendure: {
    title: "Vendure product CSV",
    items: also({
      id: ["slug"],
      title: ["name"],
      category: ["facets"],
      keywords: ["facets"],
      image: ["assets", "variantassets"],
    }),
    interactions: own.interactions,
    joined: ["image"],
    alsoReads: ["optiongroups", "optionvalues", "sku", "stockonhand", "trackinventory"],
    matches: columns => hasAll(columns, "name", "slug", "optiongroups", "optionvalues"),
  },
  recbole: {
    title: "RecBole atomic file",
    items: also({
      id: ["itemid"],
      title: ["movietitle", "itemname", "name", "producttitle"],
      category: ["category", "categories", "class", "genre", "genres"],
      keywords: ["class", "genre", "genres", "categories", "tags"],
    }),
    interactions: own.interactions,
    keywordSeparator: " ",
    categorySeparator: " ",
    matches: (_, names) => names.length > 0 && names.every(name => RECBOLE_TYPE.test(name)),
  },
  movielens: {
    title: "MovieLens",
    items: also({ id: ["movieid"], category: ["genres"], keywords: ["genres"] }),
    interactions: own.interactions,
    keywordSeparator: "|",
    categorySeparator: "|",
    matches: columns =>
      hasAll(columns, "movieid", "title", "genres") ||
      hasAll(columns, "userid", "movieid", "rating", "timestamp"),
  },
  retailrocket: {
    title: "RetailRocket events",
    items: own.items,
    interactions: own.interactions,
    matches: columns => hasAll(columns, "visitorid", "event", "itemid"),
  },
  own,
};

/** The layout of a file by its columns; `own` if unknown. */
export function detectLayout(names: readonly string[]): LayoutName {
  const plain = new Set(names.map(plainColumn));
  return layoutNames.find(name => layouts[name].matches(plain, names)) ?? "own";
}
