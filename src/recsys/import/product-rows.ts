/**
 * @file Merges multi-row products of shop exports: variants and further images become part of their product, so that a
 * user sees one item.
 *
 * - Shopify: consecutive rows with one handle. The product is available if it is published, active, and a variant is in
 *   stock (or is sold without stock).
 * - WooCommerce: a variation belongs to the product in its column `Parent`, by SKU or as `id:44`.
 * - Magento: variants that are not visible themselves belong to the product whose `configurable_variations` name them.
 */
import { parseAvailability } from "./availability.js";
import { type FieldCells, type FieldMap, isEmpty } from "./field-map.js";
import type { SourceRow } from "./import-source.js";
import type { Field } from "./layouts.js";
import type { SourceTable } from "./source-table.js";

type Row = Readonly<Record<string, unknown>>;

/** A row of {@link productRows}: its value is the cells by field, or null if it has a fault. */
export type FieldRow = Omit<SourceRow, "value"> & { value: FieldCells | null };

/** Rows of items by field. @param onJoined Called for every row that was merged into another. */
export async function* productRows(
  table: SourceTable,
  map: FieldMap,
  onJoined: () => void = () => undefined,
): AsyncGenerator<FieldRow> {
  const rows = fieldRows(table, map);
  if (table.layout === "shopify") {
    yield* joinedByHandle(rows, map, onJoined);
  } else if (table.layout === "woocommerce") {
    yield* joinedToParents(rows, await wooFamilies(table, map), onJoined);
  } else if (table.layout === "magento") {
    yield* joinedToParents(rows, await magentoFamilies(table, map), onJoined);
  } else {
    for await (const { row } of rows) {
      yield row;
    }
  }
}

/** Rows of a table by field, with their original cells. */
export async function* fieldRows(
  table: SourceTable,
  map: FieldMap,
): AsyncGenerator<{ row: FieldRow; cells: Row }> {
  for await (const row of table.read(map.read)) {
    const { value, fault } = row;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (fault === null && isObject) {
      const cells = value as Row;
      yield { row: { ...row, value: map.cells(cells) }, cells };
    } else {
      const reason = fault ?? "must be an object of columns";
      yield { row: { ...row, value: null, fault: reason }, cells: {} };
    }
  }
}

interface OpenProduct {
  row: FieldRow & { value: FieldCells };
  id: string;
  images: unknown[];
  status: unknown;
  numVariants: number;
  numSoldOut: number;
}

async function* joinedByHandle(
  rows: AsyncIterable<{ row: FieldRow; cells: Row }>,
  map: FieldMap,
  onJoined: () => void,
): AsyncGenerator<FieldRow> {
  let open: OpenProduct | null = null;
  for await (const { row, cells } of rows) {
    const { value } = row;
    const id = value ? textIn(value.id) : "";
    if (value && open && id !== "" && id === open.id) {
      const earlier = open.row.value;
      for (const field of Object.keys(value) as Field[]) {
        earlier[field] = isEmpty(earlier[field]) ? value[field] : earlier[field];
      }
      onJoined();
    } else {
      if (open) {
        yield finished(open);
        open = null;
      }
      if (!value) {
        yield row;
        continue;
      }
      const status = map.cell(cells, "status");
      open = { row: { ...row, value }, id, images: [], status, numVariants: 0, numSoldOut: 0 };
    }
    open.images.push(value.image);
    const stock = soldOut(name => map.cell(cells, name));
    open.numVariants += stock === null ? 0 : 1;
    open.numSoldOut += stock === true ? 1 : 0;
  }
  if (open) {
    yield finished(open);
  }
}

/** Whether a row's variant is sold out; null if the row has no stock. */
function soldOut(cell: (name: string) => unknown): boolean | null {
  const [quantity, tracker, policy] = [
    textIn(cell("variantinventoryqty") ?? cell("inventoryquantity")),
    textIn(cell("variantinventorytracker") ?? cell("inventorytracker")),
    textIn(cell("variantinventorypolicy") ?? cell("continuesellingwhenoutofstock")).toLowerCase(),
  ];
  if (policy === "" && quantity === "") {
    return null;
  }
  const isTracked = tracker !== "" && /^-?\d+$/.test(quantity);
  return isTracked && Number(quantity) <= 0 && !["continue", "true"].includes(policy);
}

function finished({ row, images, status, numVariants, numSoldOut }: OpenProduct): FieldRow {
  const { value } = row;
  if (Object.hasOwn(value, "image")) {
    value.image = images.flat().filter(image => !isEmpty(image));
  }
  const isSoldOut = numVariants > 0 && numSoldOut === numVariants;
  return { ...row, value: restricted(value, [status, ...(isSoldOut ? [false] : [])]) };
}

/** The cells, unavailable if one of `others` says so; the first unreadable one is kept as a fault. */
function restricted(cells: FieldCells, others: readonly unknown[]): FieldCells {
  const answers = [cells.available, ...others].filter(answer => !isEmpty(answer));
  const decisive = answers.find(answer => !isYes(answer)) ?? answers.at(0);
  return decisive === undefined ? cells : { ...cells, available: decisive };
}

function isYes(answer: unknown): boolean {
  try {
    return parseAvailability(answer) ?? true;
  } catch {
    return false; // kept, and reported when the item is read
  }
}

/** Which rows belong to others. */
interface Families {
  /** The product of a row; null if it is one itself. */
  parentOf(cells: Row, value: FieldCells): string | null;
  /** Whether the file has that product. */
  has(parent: string): boolean;
  /** Images of the parts of a product. */
  imagesOf(cells: Row, value: FieldCells): readonly unknown[];
  /** Further conditions on the availability of a row's product. */
  restrictions(cells: Row): readonly unknown[];
}

async function* joinedToParents(
  rows: AsyncIterable<{ row: FieldRow; cells: Row }>,
  families: Families,
  onJoined: () => void,
): AsyncGenerator<FieldRow> {
  for await (const { row, cells } of rows) {
    const { value } = row;
    const parent = value && families.parentOf(cells, value);
    if (!value) {
      yield row;
    } else if (parent === null) {
      const images = families.imagesOf(cells, value);
      const withImages = images.length > 0 ? { image: [value.image, images].flat(2) } : {};
      yield {
        ...row,
        value: { ...restricted(value, families.restrictions(cells)), ...withImages },
      };
    } else if (families.has(parent ?? "")) {
      onJoined();
    } else {
      yield { ...row, value: null, fault: `belongs to '${parent}', which is not in the file` };
    }
  }
}

/** Reads the file once: a variation may precede its product. */
async function wooFamilies(table: SourceTable, map: FieldMap): Promise<Families> {
  const products = new Set<string>();
  const images = new Map<string, unknown[]>();
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
      } else if (!isEmpty(row.value.image)) {
        images.set(parent, [...(images.get(parent) ?? []), row.value.image]);
      }
    }
  }
  return {
    parentOf,
    has: parent => products.has(parent),
    imagesOf: (cells, value) => keysOf(cells, value).flatMap(key => images.get(key) ?? []),
    restrictions: cells => [map.cell(cells, "published")],
  };
}

async function magentoFamilies(table: SourceTable, map: FieldMap): Promise<Families> {
  const parents = new Map<string, string>();
  for await (const { row, cells } of fieldRows(table, map)) {
    const variations = textIn(map.cell(cells, "configurablevariations"));
    for (const [, sku] of variations.matchAll(/(?:^|\|)\s*sku=([^,|]+)/g)) {
      parents.set(sku.trim(), textIn(row.value?.id));
    }
  }
  const isHidden = (cells: Row) => /^not visible/i.test(textIn(map.cell(cells, "visibility")));
  return {
    parentOf: (cells, { id }) => (isHidden(cells) ? (parents.get(textIn(id)) ?? null) : null),
    has: () => true,
    imagesOf: () => [],
    restrictions: cells => [
      textIn(map.cell(cells, "productonline")) === "2" ? false : null,
      isHidden(cells) ? false : null,
    ],
  };
}

function textIn(cell: unknown): string {
  return ["string", "number"].includes(typeof cell) ? String(cell).trim() : "";
}
