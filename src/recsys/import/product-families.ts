/** @file Products whose parts may be anywhere in the file, so that it is read once before: WooCommerce, Magento, Google. */
import { isYes, restricted } from "./availability.js";
import { type FieldCells, type FieldMap, isEmpty } from "./field-map.js";
import { type FieldRow, fieldRows, type ReadRow, type Row } from "./field-rows.js";
import type { SourceTable } from "./source-table.js";
import {
  cellsOf,
  googleVariant,
  magentoVariant,
  magentoVariations,
  textIn,
  wooVariant,
} from "./variant-cells.js";
import type { VariantCells } from "./variant-row.js";

/** Which rows belong to others. */
interface Families {
  /** The product of a row; null if it is one itself. Called once for each row, in order. */
  parentOf(row: ReadRow, value: FieldCells): string | null;
  /** Whether the file has that product. */
  has(parent: string): boolean;
  /** What its parts say of a product: they replace its cells. */
  ofParts(row: ReadRow, value: FieldCells): FieldCells;
  /** Further conditions on the availability of a row's product. */
  restrictions(cells: Row): readonly unknown[];
}

export async function* joinedToParents(
  rows: AsyncIterable<ReadRow>,
  families: Families,
  onJoined: () => void,
): AsyncGenerator<FieldRow> {
  for await (const read of rows) {
    const { row, cells } = read;
    const { value } = row;
    const parent = value && families.parentOf(read, value);
    if (!value) {
      yield row;
    } else if (parent === null) {
      const product = { ...value, ...families.ofParts(read, value) };
      yield { ...row, value: restricted(product, families.restrictions(cells)) };
    } else if (families.has(parent ?? "")) {
      onJoined();
    } else {
      yield { ...row, value: null, fault: `belongs to '${parent}', which is not in the file` };
    }
  }
}

export async function wooFamilies(table: SourceTable, map: FieldMap): Promise<Families> {
  const products = new Set<string>();
  const variants = new Map<string, VariantCells[]>();
  const text = (cells: Row, name: string) => textIn(map.cell(cells, name));
  const parentOf = (cells: Row) =>
    text(cells, "type").toLowerCase().includes("variation") ? text(cells, "parent") : null;
  const keysOf = (cells: Row, value: FieldCells) =>
    [text(cells, "sku"), `id:${textIn(value.id)}`].filter(key => key !== "");
  for await (const { row, cells } of fieldRows(table, map)) {
    if (row.value) {
      const parent = parentOf(cells);
      if (parent === null) {
        keysOf(cells, row.value).forEach(key => products.add(key));
      } else {
        addTo(variants, parent, wooVariant(cellsOf(map, cells), row.value));
      }
    }
  }
  return {
    parentOf: ({ cells }) => parentOf(cells),
    has: parent => products.has(parent),
    ofParts: ({ cells }, value) => {
      const parts = keysOf(cells, value).flatMap(key => variants.get(key) ?? []);
      const images = parts.flatMap(({ image }) => (isEmpty(image) ? [] : [image]));
      return {
        ...(images.length > 0 && { image: [value.image, images].flat(2) }),
        ...(map.has("parent") && { variants: parts }),
      };
    },
    restrictions: cells => [map.cell(cells, "published")],
  };
}

export async function magentoFamilies(table: SourceTable, map: FieldMap): Promise<Families> {
  const parents = new Map<string, string>();
  const parts = new Map<string, VariantCells>();
  const isHidden = (cells: Row) => /^not visible/i.test(textIn(map.cell(cells, "visibility")));
  const variationsOf = (cells: Row) =>
    magentoVariations(textIn(map.cell(cells, "configurablevariations")));
  for await (const { row, cells } of fieldRows(table, map)) {
    for (const { sku } of variationsOf(cells)) {
      parents.set(sku, textIn(row.value?.id));
    }
    if (row.value && isHidden(cells)) {
      parts.set(textIn(row.value.id), magentoVariant(cellsOf(map, cells), row.value));
    }
  }
  return {
    parentOf: ({ cells }, { id }) => (isHidden(cells) ? (parents.get(textIn(id)) ?? null) : null),
    has: () => true,
    ofParts: ({ cells }) =>
      map.has("configurablevariations")
        ? {
            variants: variationsOf(cells).flatMap(({ sku, options }) => {
              const part = parts.get(sku);
              return part ? [{ ...part, options }] : [];
            }),
          }
        : {},
    restrictions: cells => [
      textIn(map.cell(cells, "productonline")) === "2" ? false : null,
      isHidden(cells) ? false : null,
    ],
  };
}

export async function googleFamilies(table: SourceTable, map: FieldMap): Promise<Families> {
  const groups = new Map<string, VariantCells[]>();
  const begun = new Set<string>();
  const groupOf = (cells: Row) => textIn([map.cell(cells, "itemgroupid")].flat()[0]);
  for await (const { row, cells } of fieldRows(table, map)) {
    const id = groupOf(cells);
    if (row.value && id !== "") {
      addTo(groups, id, googleVariant(cellsOf(map, cells), row.value));
    }
  }
  return {
    // The group's first row stands for it.
    parentOf: ({ cells }) => {
      const id = groupOf(cells);
      const isPart = begun.has(id);
      if (id !== "") {
        begun.add(id);
      }
      return isPart ? id : null;
    },
    has: () => true,
    ofParts: ({ cells }) => {
      const id = groupOf(cells);
      const variants = groups.get(id) ?? [];
      const inStock = variants.find(({ available }) => isYes(available));
      return {
        variants,
        ...(id !== "" && { id }),
        ...(inStock && !isEmpty(inStock.available) && { available: inStock.available }),
      };
    },
    restrictions: () => [],
  };
}

function addTo(lists: Map<string, VariantCells[]>, key: string, one: VariantCells): void {
  const list = lists.get(key) ?? [];
  list.push(one);
  lists.set(key, list);
}
