/** @file Validates a row's cells and converts them to an item or an interaction. */
import type { NewInteraction } from "../../db/interactions.repository.js";
import type { ItemColumn, NewItem } from "../../db/items.repository.js";
import {
  parseKind,
  parseTime,
  parseWeight,
  ValueFault,
} from "../interactions/interaction-values.js";
import { parseAvailability } from "./availability.js";
import { idOf, maxLengths, textOf } from "./cell-values.js";
import { type FieldCells, isEmpty } from "./field-map.js";
import { RowFault } from "./import-source.js";
import { type Field, type Layout, layouts } from "./layouts.js";
import { cutText, plainText, wordList } from "./text-values.js";
import { imagesIn, parseVariants } from "./variant-row.js";

export { maxLengths } from "./cell-values.js";

export const MAX_KEYWORDS = 100;

/** A change to a value of an accepted row. */
export interface RowWarning {
  field: Field;
  problem: string;
}

/** The images of a row, best first. */
export interface ImageCells {
  itemId: string;
  images: readonly string[];
}

/** MovieLens's word for no genre. */
const NO_GENRES = "(no genres listed)";

const columnOf: Readonly<Partial<Record<Field, ItemColumn>>> = {
  title: "title",
  description: "description",
  category: "category",
  keywords: "keywords",
  available: "isAvailable",
  attribution: "attribution",
  caption: "caption",
};

/** @throws RowFault with all faults of the row. */
export function parseItem(
  cells: FieldCells,
  layout: Layout = layouts.own,
  warn: (warning: RowWarning) => void = () => undefined,
): NewItem {
  const faults = new Faults();
  const cut = (field: Field, text: string, max: number): string => {
    if (text.length > max) {
      warn({ field, problem: `has ${text.length} characters and is cut to ${max}` });
    }
    return cutText(text, max);
  };
  const text = (field: Exclude<keyof typeof maxLengths, "id" | "keyword">) =>
    faults.of(field, "", () => cut(field, plainText(textOf(cells[field])), maxLengths[field]));
  const id = faults.of("id", "", () => idOf(cells.id));
  const title = text("title");
  if ("title" in cells && title === "" && !faults.has("title")) {
    faults.add("title", new ValueFault("is needed"));
  }
  const words = faults.of("keywords", [], () => wordsOf(cells.keywords, layout));
  if (words.length > MAX_KEYWORDS) {
    warn({
      field: "keywords",
      problem: `are ${words.length}; the first ${MAX_KEYWORDS} are taken`,
    });
  }
  const keywords = words
    .slice(0, MAX_KEYWORDS)
    .map(word => cut("keywords", word, maxLengths.keyword));
  const category = faults.of("category", "", () =>
    cut("category", categoryOf(cells.category, layout), maxLengths.category),
  );
  const isAvailable = faults.of("available", null, () => parseAvailability(cells.available));
  const description = text("description");
  const attribution = text("attribution");
  const caption = text("caption");
  faults.throwAny();
  const variants = parseVariants(cells.variants, layout, problem => {
    warn({ field: "variants", problem });
  });
  // An empty availability changes nothing; any other empty cell clears its field.
  const given = Object.keys(cells).filter(field => field !== "available" || isAvailable !== null);
  return {
    columns: new Set(given.flatMap(field => columnOf[field as Field] ?? [])),
    id,
    title,
    description,
    category: category === "" ? null : category,
    keywords: [...new Set(keywords)],
    isAvailable: isAvailable ?? true,
    attribution: attribution === "" ? null : attribution,
    caption: caption === "" ? null : caption,
    ...(variants && { variants }),
  };
}

/** The item's id and images; null for an invalid id, which the item's own row reports. */
export function parseImages(cells: FieldCells, layout: Layout = layouts.own): ImageCells | null {
  try {
    return { itemId: idOf(cells.id), images: imagesIn(cells.image, layout) };
  } catch (error) {
    if (error instanceof ValueFault) {
      return null;
    }
    throw error;
  }
}

/** The images of an item's variants, each once, with the variants that share it. */
export function parseVariantImages(
  cells: FieldCells,
  layout: Layout = layouts.own,
): (ImageCells & { variantIds: string[] })[] {
  const found = new Map<string, ImageCells & { variantIds: string[] }>();
  for (const { id, images } of parseVariants(cells.variants, layout) ?? []) {
    if (images.length > 0) {
      const key = JSON.stringify(images);
      const group = found.get(key) ?? { itemId: idOf(cells.id), images, variantIds: [] };
      group.variantIds.push(id);
      found.set(key, group);
    }
  }
  return [...found.values()];
}

/** @throws RowFault with all faults of the row. */
export function parseInteraction(cells: FieldCells, now?: Date): NewInteraction {
  const faults = new Faults();
  const userId = faults.of("userId", "", () => idOf(cells.userId));
  const itemId = faults.of("itemId", "", () => idOf(cells.itemId));
  const kind = faults.of("kind", "VIEW" as const, () => parseKind(cells.kind));
  const occurredAt = faults.of("occurredAt", new Date(0), () => parseTime(cells.occurredAt, now));
  const weight = faults.of("weight", 1, () => {
    if (!isEmpty(cells.weight)) {
      return parseWeight(cells.weight);
    }
    if (kind === "RATING") {
      throw new ValueFault("is needed: a rating is its value");
    }
    return 1;
  });
  faults.throwAny();
  return { userId, itemId, kind, weight, occurredAt };
}

/** Faults of one row, by field. */
class Faults {
  private readonly found = new Map<Field, ValueFault>();

  /** The result of `parse`, or `instead` and a fault. */
  of<Value>(field: Field, instead: Value, parse: () => Value): Value {
    try {
      return parse();
    } catch (error) {
      if (error instanceof ValueFault) {
        this.add(field, error);
        return instead;
      }
      throw error;
    }
  }

  add(field: Field, fault: ValueFault): void {
    this.found.set(field, fault);
  }

  has(field: Field): boolean {
    return this.found.has(field);
  }

  /** @throws RowFault */
  throwAny(): void {
    if (this.found.size > 0) {
      const faults = [...this.found];
      throw new RowFault(
        faults.map(([field, { message }]) => `${field}: ${message}`).join("; "),
        faults.map(([field, { problem }]) => `${field}: ${problem}`),
      );
    }
  }
}

function wordsOf(cell: unknown, { keywordSeparator }: Layout): string[] {
  const words = Array.isArray(cell)
    ? cell.map(textOf).filter(word => word !== "")
    : wordList(textOf(cell), keywordSeparator);
  return [...new Set(words.filter(word => word !== NO_GENRES))];
}

/** The first of several categories; the levels of a path may be lines. */
function categoryOf(cell: unknown, { categorySeparator }: Layout): string {
  const text = textOf(Array.isArray(cell) ? cell.at(0) : cell);
  const [first] =
    categorySeparator === undefined
      ? [text]
      : text.split(new RegExp(`(?<!\\\\)[${categorySeparator}]`));
  const category = plainText(first.replaceAll("\\,", ","))
    .trim()
    .replace(/\s*\n\s*/g, " > ");
  return category === NO_GENRES ? "" : category;
}
