/** @file Options and help of `vitrine import catalogue` for reading files. */
import { type Command, InvalidArgumentError } from "commander";
import { type Field, interactionFields, itemFields } from "../recsys/import/layouts.js";
import type { TableOptions } from "../recsys/import/source-table.js";
import { formatNames } from "../recsys/import/table-format.js";
import { kindNames } from "../recsys/interactions/interaction-values.js";
import { oneOf } from "./option-values.js";

type FieldValues = NonNullable<TableOptions["map"]>;

/** The options as {@link TableOptions}, except their own names. */
export interface ReadingFlags extends Pick<
  TableOptions,
  "format" | "encoding" | "columns" | "map"
> {
  default?: FieldValues;
}

export function withReadingOptions(command: Command): Command {
  return command
    .option(
      "--format <name>",
      `one of ${formatNames.join(", ")} (default: detected)`,
      oneOf(formatNames),
    )
    .option("--encoding <name>", "such as utf-8, windows-1252, shift_jis (default: detected)")
    .option(
      "--map <field=column,…>",
      "the columns that hold fields: --map title=Name,id=SKU",
      fieldValues,
    )
    .option("--columns <name,…>", "the columns of a file without a header line", columnNames)
    .option(
      "--default <field=value,…>",
      "values for missing columns and empty cells: --default kind=view",
      fieldValues,
    )
    .addHelpText("after", FORMATS_HELP);
}

export function tableOptions({ default: defaults, ...flags }: ReadingFlags): TableOptions {
  return { ...flags, defaults };
}

/** `title=Name,id=SKU`, repeatable. A comma that no field follows belongs to the value. */
export function fieldValues(text: string, earlier: FieldValues = {}): FieldValues {
  const pairs = text.split(/,(?=\s*[a-z]+\s*=)/i).map((pair): [Field, string] => {
    const at = pair.indexOf("=");
    const field = [...itemFields, ...interactionFields].find(
      name => name === pair.slice(0, at).trim(),
    );
    const value = pair.slice(at + 1).trim();
    if (field === undefined || value === "") {
      const fields = [...itemFields, ...interactionFields].join(", ");
      throw new InvalidArgumentError(`must be field=name, with a field of ${fields}`);
    }
    return [field, value];
  });
  return { ...earlier, ...Object.fromEntries(pairs) };
}

function columnNames(text: string): string[] {
  const names = text.split(",").map(name => name.trim());
  if (new Set(names).size < names.length || names.includes("")) {
    throw new InvalidArgumentError("must be distinct names, separated by commas");
  }
  return names;
}

const FORMATS_HELP = `
Formats, seen from the file: CSV (any of , ; tab |), TSV, JSON Lines, JSON, XML, Parquet, each also with gzip;
exports of Shopify, WooCommerce, Google Merchant, Magento, RecBole, MovieLens and RetailRocket.

Columns of items: id; title (a new item needs one); if there: description, category,
keywords (a|b|c, a;b;c or a,b,c), available, attribution, caption,
image (addresses, or paths in the folder of images; the first that can be read is taken).
Columns of interactions: userId, itemId, kind, occurredAt; if there: weight.
A file changes only the columns that it has.

kind: ${Object.keys(kindNames).join(", ").toLowerCase()}, or a synonym such as pageview, addtocart, order.
available: true or false, yes or no, in stock, out of stock, sold out, preorder, …, or a count.
occurredAt: ISO 8601 (UTC unless it says otherwise), or Unix seconds, milliseconds or microseconds.

Try --dry-run first. All columns and values: docs/import.md.`;
