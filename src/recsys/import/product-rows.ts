/**
 * @file Merges multi-row products of shop exports: variants and further images become part of their product, so that a
 * user sees one item.
 *
 * - Shopify: consecutive rows with one handle. The product is available if it is published, active, and a variant is in
 *   stock (or is sold without stock).
 * - Vendure: rows without a name belong to the product above.
 * - WooCommerce: a variation belongs to the product in its column `Parent`, by SKU or as `id:44`.
 * - Magento: variants that are not visible themselves belong to the product whose `configurable_variations` name them.
 * - Google: products with one `item_group_id` are one item, with that id. It is available if one of them is.
 *
 * Where a file can name variants, the cell `variants` of a product lists them all; otherwise it has no such cell.
 */
import type { FieldMap } from "./field-map.js";
import { type FieldRow, fieldRows } from "./field-rows.js";
import { joinedRows, shopifyProducts, vendureProducts } from "./joined-rows.js";
import {
  googleFamilies,
  joinedToParents,
  magentoFamilies,
  wooFamilies,
} from "./product-families.js";
import type { SourceTable } from "./source-table.js";

/** Rows of items by field. @param onJoined Called for every row that was merged into another. */
export async function* productRows(
  table: SourceTable,
  map: FieldMap,
  onJoined: () => void = () => undefined,
): AsyncGenerator<FieldRow> {
  const rows = fieldRows(table, map);
  if (table.layout === "shopify") {
    yield* joinedRows(rows, shopifyProducts(map), onJoined);
  } else if (table.layout === "vendure") {
    yield* joinedRows(rows, vendureProducts(map), onJoined);
  } else if (table.layout === "woocommerce") {
    yield* joinedToParents(rows, await wooFamilies(table, map), onJoined);
  } else if (table.layout === "magento") {
    yield* joinedToParents(rows, await magentoFamilies(table, map), onJoined);
  } else if (table.layout === "google" && map.has("itemgroupid")) {
    yield* joinedToParents(rows, await googleFamilies(table, map), onJoined);
  } else {
    for await (const { row } of rows) {
      yield row;
    }
  }
}
