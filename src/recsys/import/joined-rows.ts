/** @file Products in consecutive rows: Shopify's with one handle, Vendure's without a name. */
import { restricted } from "./availability.js";
import { type FieldCells, type FieldMap, isEmpty } from "./field-map.js";
import type { FieldRow, ReadRow, Row } from "./field-rows.js";
import type { Field } from "./layouts.js";
import {
  cellsOf,
  facetsOf,
  piped,
  shopifyOptionNames,
  shopifyVariant,
  textIn,
  vendureVariant,
  withOwnIds,
} from "./variant-cells.js";
import type { VariantCells } from "./variant-row.js";

/** A product whose rows are being read. */
interface OpenProduct {
  row: FieldRow & { value: FieldCells };
  id: string;
  images: unknown[];
  status: unknown;
  /** Names of its options; null where the file has none. */
  optionNames: readonly string[] | null;
  variants: VariantCells[];
  numStocked: number;
  numSoldOut: number;
}

/** How a shop writes a product in rows. */
interface ProductLayout {
  /** Whether a row belongs to the product above. */
  isPart(value: FieldCells, open: OpenProduct): boolean;
  statusOf(cells: Row): unknown;
  optionNamesOf(cells: Row): readonly string[] | null;
  /** Whether a row's variant is sold out; null if the row has no stock. */
  isSoldOut(cells: Row): boolean | null;
  variantOf(cells: Row, names: readonly string[]): VariantCells | null;
  /** The product's cells as the catalogue reads them. */
  product(value: FieldCells): FieldCells;
}

export function shopifyProducts(map: FieldMap): ProductLayout {
  return {
    isPart: ({ id }, open) => textIn(id) !== "" && textIn(id) === open.id,
    statusOf: cells => map.cell(cells, "status"),
    optionNamesOf: cells => shopifyOptionNames(cellsOf(map, cells)),
    isSoldOut: cells => soldOut(cellsOf(map, cells)),
    variantOf: (cells, names) => {
      const cell = cellsOf(map, cells);
      return shopifyVariant(cell, names, soldOut(cell));
    },
    product: value => value,
  };
}

export function vendureProducts(map: FieldMap): ProductLayout {
  const isSoldOut = (cells: Row) => {
    const cell = cellsOf(map, cells);
    const stock = textIn(cell("stockonhand"));
    const isTracked = textIn(cell("trackinventory")).toLowerCase() === "true";
    return stock === "" ? null : isTracked && Number(stock) <= 0;
  };
  return {
    isPart: ({ title }) => isEmpty(title),
    statusOf: () => null,
    optionNamesOf: cells => piped(map.cell(cells, "optiongroups")),
    isSoldOut,
    variantOf: (cells, names) =>
      vendureVariant(cellsOf(map, cells), names, isSoldOut(cells) ?? false),
    product: ({ keywords, ...value }) => ({ ...value, ...facetsOf(keywords) }),
  };
}

export async function* joinedRows(
  rows: AsyncIterable<ReadRow>,
  layout: ProductLayout,
  onJoined: () => void,
): AsyncGenerator<FieldRow> {
  let open: OpenProduct | null = null;
  for await (const { row, cells } of rows) {
    const { value } = row;
    if (value && open && layout.isPart(value, open)) {
      const earlier = open.row.value;
      for (const field of Object.keys(value) as Field[]) {
        earlier[field] = isEmpty(earlier[field]) ? value[field] : earlier[field];
      }
      onJoined();
    } else {
      if (open) {
        yield finished(open, layout);
        open = null;
      }
      if (!value) {
        yield row;
        continue;
      }
      open = {
        ...{ row: { ...row, value }, id: textIn(value.id), status: layout.statusOf(cells) },
        ...{ images: [], variants: [], optionNames: layout.optionNamesOf(cells) },
        ...{ numStocked: 0, numSoldOut: 0 },
      };
    }
    add(open, value, cells, layout);
  }
  if (open) {
    yield finished(open, layout);
  }
}

function add(open: OpenProduct, { image }: FieldCells, cells: Row, layout: ProductLayout): void {
  open.images.push(image);
  const stock = layout.isSoldOut(cells);
  open.numStocked += stock === null ? 0 : 1;
  open.numSoldOut += stock === true ? 1 : 0;
  const variant = layout.variantOf(cells, open.optionNames ?? []);
  if (variant) {
    open.variants.push(variant);
  }
}

function finished(open: OpenProduct, layout: ProductLayout): FieldRow {
  const { row, images, status, optionNames, variants, numStocked, numSoldOut } = open;
  const value = layout.product(row.value);
  if (Object.hasOwn(value, "image")) {
    value.image = images.flat().filter(image => !isEmpty(image));
  }
  if (optionNames) {
    value.variants = withOwnIds(variants);
  }
  const isSoldOut = numStocked > 0 && numSoldOut === numStocked;
  return { ...row, value: restricted(value, [status, ...(isSoldOut ? [false] : [])]) };
}

/** Of Shopify's rows. */
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
