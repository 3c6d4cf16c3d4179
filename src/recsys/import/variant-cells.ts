/** @file The cells of variants in exports of known shops. */
import { type FieldMap, isEmpty } from "./field-map.js";
import { googleOptions, MAX_ATTRIBUTES } from "./layouts.js";
import type { VariantCells } from "./variant-row.js";

type Row = Readonly<Record<string, unknown>>;
/** The cell of a column by its plain name; undefined if the file has none. */
type CellOf = (name: string) => unknown;

/** Shopify's name of the only option of a product without variants. */
const NO_OPTION = "Default Title";

export function textIn(cell: unknown): string {
  return ["string", "number"].includes(typeof cell) ? String(cell).trim() : "";
}

export function cellsOf(map: FieldMap, row: Row): CellOf {
  return name => map.cell(row, name);
}

/**
 * A variant of a Shopify row; null for a row with an image only, or of a product without variants.
 *
 * @param names The names of the product's options, which only its first row has.
 */
export function shopifyVariant(
  cell: CellOf,
  names: readonly string[],
  isSoldOut: boolean | null,
): VariantCells | null {
  const values = [1, 2, 3].map(n => textIn(cell(`option${n}value`)));
  if (values.every(value => value === "" || value === NO_OPTION)) {
    return null;
  }
  const images = [cell("variantimage"), cell("variantimageurl")];
  return {
    id: textIn(cell("variantsku") ?? cell("sku")),
    title: values.filter(value => value !== "").join(" / "),
    options: values.map((value, n) => ({ name: names[n] || `Option ${n + 1}`, value })),
    available: isSoldOut === null ? null : !isSoldOut,
    image: images.filter(image => !isEmpty(image)),
  };
}

/** Names of a Shopify product's options; null where the file has no such columns. */
export function shopifyOptionNames(cell: CellOf): string[] | null {
  return cell("option1value") === undefined
    ? null
    : [1, 2, 3].map(n => textIn(cell(`option${n}name`)));
}

/** Ids that are missing or repeated are left out, so that the options tell the variants apart. */
export function withOwnIds(variants: readonly VariantCells[]): VariantCells[] {
  const ids = variants.map(({ id }) => textIn(id));
  const areOwn = !ids.includes("") && new Set(ids).size === ids.length;
  return variants.map(variant => (areOwn ? variant : { ...variant, id: null }));
}

/** A WooCommerce row of type `variation`. */
export function wooVariant(cell: CellOf, { id, title, available, image }: Row): VariantCells {
  const options = Array.from({ length: MAX_ATTRIBUTES }, (_, n) => ({
    name: textIn(cell(`attribute${n + 1}name`)),
    value: textIn(cell(`attribute${n + 1}values`)),
  }));
  const isHidden = ["0", "-1"].includes(textIn(cell("published")));
  return { id, title, options, available: isHidden ? false : available, image };
}

/** A Magento row that is not visible by itself. */
export function magentoVariant(cell: CellOf, { id, title, available, image }: Row): VariantCells {
  const isDisabled = textIn(cell("productonline")) === "2";
  return { id, title, available: isDisabled ? false : available, image };
}

/** `sku=A-S,size=S,colour=Red|sku=…`; a value may hold commas. */
export function magentoVariations(text: string): { sku: string; options: VariantCells }[] {
  return text.split("|").flatMap(part => {
    const pairs = part.split(/,(?=[^,=]+=)/).map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    });
    const { sku, ...options } = Object.fromEntries(pairs);
    return sku ? [{ sku, options }] : [];
  });
}

/** A product of a Google feed, as a variant of its `item_group_id`. */
export function googleVariant(cell: CellOf, { id, title, available, image }: Row): VariantCells {
  const options = googleOptions.map(name => ({ name, value: textIn([cell(name)].flat()[0]) }));
  return { id, title, options, available, image };
}

/** A row of a Vendure product. @param names Its option groups. */
export function vendureVariant(
  cell: CellOf,
  names: readonly string[],
  isSoldOut: boolean,
): VariantCells | null {
  const values = textIn(cell("optionvalues")).split("|");
  if (names.length === 0 || values.every(value => value.trim() === "")) {
    return null;
  }
  return {
    id: textIn(cell("sku")),
    title: values.map(value => value.trim()).join(" / "),
    options: names.map((name, n) => ({ name, value: textIn(values[n]) })),
    available: !isSoldOut,
    image: piped(cell("variantassets")),
  };
}

/** Vendure's `category:Plants|colour:Green`: the first category, and every value as a keyword. */
export function facetsOf(cell: unknown): { category: string; keywords: string[] } {
  const facets = piped(cell).map(facet => facet.split(":").map(part => part.trim()));
  const category = facets.find(([name]) => /^category$/i.test(name))?.[1] ?? "";
  return { category, keywords: facets.map(parts => parts[parts.length - 1]) };
}

/** Names separated by `|`. */
export function piped(cell: unknown): string[] {
  return textIn(cell)
    .split("|")
    .map(name => name.trim())
    .filter(name => name !== "");
}
