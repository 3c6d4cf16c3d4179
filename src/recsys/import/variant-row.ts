/** @file Reads the variants of an item from its cells. An unusable variant is left out with a warning; its item stays. */
import type { NewVariant, VariantOption } from "../../db/variants.repository.js";
import { ValueFault } from "../interactions/interaction-values.js";
import { parseAvailability } from "./availability.js";
import { addressOf, idOf, maxLengths, textOf } from "./cell-values.js";
import { isEmpty } from "./field-map.js";
import { parseJson } from "./jsonl-rows.js";
import { type Layout, plainColumn } from "./layouts.js";
import { cutText, imageList, plainText } from "./text-values.js";

/** Variants of one item, as many as Shopify allows. */
export const MAX_VARIANTS = 2_048;
/** Options of one variant. */
export const MAX_OPTIONS = 20;

/** A variant's cells: as read from a file of a known layout, or an object in a JSON file. */
export type VariantCells = Readonly<Record<string, unknown>>;

export type ParsedVariant = NewVariant & {
  /** Its images, best first. */
  images: readonly string[];
};

/** The keys of each field, best first, as plain columns. */
const keys = {
  id: ["id", "variantid", "sku"],
  title: ["title", "name"],
  options: ["options", "attributes", "selectedoptions"],
  available: ["available", "isavailable", "availability", "instock", "isinstock"],
  image: ["image", "images", "imageurl", "imagelink", "featuredimage", "src"],
} as const;

/**
 * The variants that a cell lists: a list of objects, or its JSON text. Of two with one id the later counts.
 *
 * @returns undefined where the cell is empty or no such list, so that the item's variants stay.
 */
export function parseVariants(
  cell: unknown,
  layout: Layout,
  warn: (problem: string) => void = () => undefined,
): ParsedVariant[] | undefined {
  const list = listIn(cell);
  if (!list) {
    if (!isEmpty(cell)) {
      warn("are no list of objects and are not read");
    }
    return undefined;
  }
  if (list.length > MAX_VARIANTS) {
    warn(`are ${list.length}; the first ${MAX_VARIANTS} are taken`);
  }
  const byId = new Map<string, ParsedVariant>();
  list.slice(0, MAX_VARIANTS).forEach((one, place) => {
    try {
      const variant = parseVariant(one, layout);
      byId.set(variant.id, variant);
    } catch (error) {
      if (!(error instanceof ValueFault)) {
        throw error;
      }
      warn(`leave out number ${place + 1}: ${error.message}`);
    }
  });
  return [...byId.values()];
}

/** Images in one cell, best first: addresses or paths. @throws ValueFault */
export function imagesIn(cell: unknown, { hasRootedImages }: Layout): string[] {
  const images = [cell]
    .flat()
    .flatMap(image => imageList(addressOf(image)))
    .map(image => (hasRootedImages ? image.replace(/^\/(?!\/)/, "") : image));
  return [...new Set(images)];
}

function listIn(cell: unknown): unknown[] | null {
  if (typeof cell === "string" && cell.trimStart().startsWith("[")) {
    try {
      return listIn(parseJson(cell));
    } catch {
      return null;
    }
  }
  return Array.isArray(cell) ? cell : null;
}

/** @throws ValueFault */
function parseVariant(cells: unknown, layout: Layout): ParsedVariant {
  if (typeof cells !== "object" || cells === null || Array.isArray(cells)) {
    throw new ValueFault("must be an object", cells);
  }
  const entries: [string, unknown][] = Object.entries(cells);
  const plain = new Map(entries.map(([name, cell]) => [plainColumn(name), cell]));
  const cell = (field: keyof typeof keys): unknown => {
    const found = keys[field].map(name => plain.get(name));
    return found.find(value => !isEmpty(value)) ?? undefined;
  };
  const options = optionsOf(cell("options") ?? numberedOptions(plain));
  const given = cell("id");
  const values = options.map(({ value }) => value).join(" / ");
  const images = imagesIn(cell("image"), layout);
  return {
    id: idOf(isEmpty(given) ? values : given),
    title: cutText(plainText(textOf(cell("title"))), maxLengths.title),
    options,
    isAvailable: parseAvailability(cell("available")) ?? true,
    hasImage: images.length > 0,
    images,
  };
}

/** `{ Colour: "Red" }`, `[{ name, value }]` or `["Red"]`. @throws ValueFault */
function optionsOf(cell: unknown): VariantOption[] {
  const isObject = typeof cell === "object" && cell !== null;
  const pairs: [unknown, unknown][] = Array.isArray(cell)
    ? cell.map((option: unknown, place): [unknown, unknown] => {
        const named = (typeof option === "object" ? option : null) as Partial<VariantOption> | null;
        return named ? [named.name, named.value] : [`Option ${place + 1}`, option];
      })
    : isObject
      ? Object.entries(cell)
      : [];
  return pairs
    .map(([name, value]) => ({ name: shortText(name), value: shortText(value) }))
    .filter(({ name, value }) => name !== "" && value !== "")
    .slice(0, MAX_OPTIONS);
}

/** Shopify's `option1` to `option3`. */
function numberedOptions(plain: ReadonlyMap<string, unknown>): unknown[] {
  return ["option1", "option2", "option3"].flatMap(name => plain.get(name) ?? []);
}

function shortText(cell: unknown): string {
  return cutText(textOf(cell), maxLengths.keyword);
}
