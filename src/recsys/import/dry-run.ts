/** @file Validates a catalogue's files completely, without storing or fetching anything. */
import { isAddress } from "./catalogue-images.js";
import { type CatalogueSource, imageChoice, type OpenTable, variantChoices } from "./catalogue.js";
import type { FieldCells, TableKind } from "./field-map.js";
import { type FieldRow, fieldRows } from "./field-rows.js";
import { RowFault } from "./import-source.js";
import { parseInteraction, parseItem } from "./item-row.js";
import { type Field, layouts } from "./layouts.js";
import { productRows } from "./product-rows.js";
import { describeTable } from "./source-table.js";
import { Tally, type TallyLine } from "./tally.js";

export interface TableReport {
  kind: TableKind;
  file: string;
  /** Container, layout, encoding and delimiter, for people. */
  format: string;
  /** The sources of each field: columns, and a default for rows without them. */
  fields: { field: Field; columns: readonly string[]; default?: string }[];
  unreadColumns: readonly string[];
  accepted: number;
  rejected: number;
  /** Rows merged into another: variants and further images. */
  joined: number;
  /** Accepted items that replace an earlier one with the same id. */
  replaced: number;
  faults: TallyLine[];
  warnings: TallyLine[];
}

export interface ImagesReport {
  /** Items whose first image is a URL, not fetched. */
  addresses: number;
  /** Items whose image file exists. */
  files: number;
  /** Items without image. */
  none: number;
  /** Variants of accepted items, and their own images. */
  variants: number;
  ofVariants: number;
  faults: TallyLine[];
}

export interface DryRunReport {
  tables: TableReport[];
  /** Null without items. */
  images: ImagesReport | null;
  /** Interactions with items that the items' file lacks; null without such a file. They may be in the database. */
  unknownItems: number | null;
}

/** @throws AppError for unreadable files, as the import does. */
export async function dryRun(source: CatalogueSource, signal?: AbortSignal): Promise<DryRunReport> {
  const { items, interactions } = await source.open();
  const ids = new Set<string>();
  const tables: TableReport[] = [];
  let images: ImagesReport | null = null;
  if (items) {
    const seen = await itemsReport(source, items, { ids, signal });
    tables.push(seen.table);
    images = seen.images;
  }
  let unknownItems: number | null = null;
  if (interactions) {
    const seen = await interactionsReport(interactions, { ids, signal });
    tables.push(seen.table);
    unknownItems = items ? seen.numUnknown : null;
  }
  return { tables, images, unknownItems };
}

interface Reading {
  /** Ids of the accepted items. */
  ids: Set<string>;
  signal?: AbortSignal;
}

async function itemsReport(
  source: CatalogueSource,
  items: OpenTable,
  { ids, signal }: Reading,
): Promise<{ table: TableReport; images: ImagesReport }> {
  const { table, map } = items;
  const found = await source.findImages();
  const count = new RowCount();
  const imageFaults = new Tally();
  const images: ImagesReport = {
    ...{ addresses: 0, files: 0, none: 0, variants: 0, ofVariants: 0 },
    faults: [],
  };
  let joined = 0;
  let replaced = 0;
  const rows = productRows(table, map, () => {
    joined++;
  });
  for await (const row of rows) {
    signal?.throwIfAborted();
    const item = count.take(row, cells =>
      parseItem(cells, layouts[table.layout], ({ field, problem }) => {
        count.warnings.add(
          `${field} ${problem.replace(/\d+/, "N")}`,
          `line ${row.line}: ${problem}`,
        );
      }),
    );
    if (!item) {
      continue;
    }
    replaced += ids.has(item.id) ? 1 : 0;
    ids.add(item.id);
    images.variants += item.variants?.length ?? 0;
    images.ofVariants += variantChoices(row, items, found).length;
    const choice = imageChoice(row, items, found);
    if (!choice) {
      images.none++;
    } else if (choice.candidates.some(isAddress)) {
      images.addresses++;
    } else {
      const fault = await found.faultOf(choice.candidates);
      images.files += fault ? 0 : 1;
      if (fault) {
        imageFaults.add(fault.code, `line ${row.line}: ${fault.message}`);
      }
    }
  }
  images.faults = imageFaults.lines();
  return { table: { ...reportOf(items, count), joined, replaced }, images };
}

async function interactionsReport(
  interactions: OpenTable,
  { ids, signal }: Reading,
): Promise<{ table: TableReport; numUnknown: number }> {
  const count = new RowCount();
  let numUnknown = 0;
  for await (const { row } of fieldRows(interactions.table, interactions.map)) {
    signal?.throwIfAborted();
    const interaction = count.take(row, cells => parseInteraction(cells));
    numUnknown += interaction && !ids.has(interaction.itemId) ? 1 : 0;
  }
  return { table: reportOf(interactions, count), numUnknown };
}

function reportOf({ table, map }: OpenTable, count: RowCount): TableReport {
  const fields = new Set([...map.sources.keys(), ...(Object.keys(map.defaults) as Field[])]);
  return {
    kind: map.kind,
    file: table.file,
    format: describeTable(table),
    fields: Array.from(fields, field => ({
      field,
      columns: map.sources.get(field) ?? [],
      ...(map.defaults[field] === undefined ? {} : { default: map.defaults[field] }),
    })).filter(({ columns, default: value }) => columns.length > 0 || value !== undefined),
    unreadColumns: map.unread,
    accepted: count.accepted,
    rejected: count.rejected,
    joined: 0,
    replaced: 0,
    faults: count.faults.lines(),
    warnings: count.warnings.lines(),
  };
}

class RowCount {
  accepted = 0;
  rejected = 0;
  readonly faults = new Tally();
  readonly warnings = new Tally();

  /** Parses a row; null if the row is rejected. */
  take<Value>({ value, fault, line }: FieldRow, parse: (cells: FieldCells) => Value): Value | null {
    try {
      if (!value) {
        throw new RowFault(fault ?? "is empty");
      }
      const parsed = parse(value);
      this.accepted++;
      return parsed;
    } catch (error) {
      if (!(error instanceof RowFault)) {
        throw error;
      }
      this.rejected++;
      for (const kind of error.kinds) {
        this.faults.add(kind.replace(/'.*'/, "…"), `line ${line}: ${error.reason}`);
      }
      return null;
    }
  }
}

/** Formats the report for people. */
export function describeDryRun({ tables, images, unknownItems }: DryRunReport): string {
  const lines = ["Dry run: nothing was stored or fetched."];
  for (const report of tables) {
    lines.push("", `${report.kind}: ${report.file} (${report.format})`);
    lines.push(...report.fields.map(fieldLine));
    if (report.unreadColumns.length > 0) {
      lines.push(`  not read: ${report.unreadColumns.join(", ")}`);
    }
    if (report.kind === "items" && !report.fields.some(({ field }) => field === "title")) {
      lines.push("  no title: only existing items are changed");
    }
    lines.push(`  ${report.accepted} accepted, ${report.rejected} rejected`);
    lines.push(
      ...(report.joined > 0 ? [`  ${report.joined} rows joined to their product`] : []),
      ...(report.replaced > 0
        ? [`  ${report.replaced} rows replace earlier ones with the same id`]
        : []),
      ...tallied("fault", report.faults),
      ...tallied("warning", report.warnings),
    );
  }
  if (unknownItems) {
    lines.push(
      "",
      `${unknownItems} interactions are with items that the items' file does not have`,
    );
  }
  if (images) {
    const { addresses, files, none } = images;
    lines.push("", `images: ${addresses} URLs, ${files} files, ${none} items without`);
    lines.push(
      ...(images.variants > 0
        ? [`${images.variants} variants with ${images.ofVariants} images of their own`]
        : []),
    );
    lines.push(...tallied("fault", images.faults));
  }
  return lines.join("\n");
}

function fieldLine({ field, columns, default: value }: TableReport["fields"][number]): string {
  const sources = columns.map(name => `'${name}'`).join(", then ");
  const instead =
    value === undefined ? "" : `${sources === "" ? "" : ", else "}the value '${value}'`;
  return `  ${field} <- ${sources}${instead}`;
}

function tallied(word: string, tally: readonly TallyLine[]): string[] {
  return tally.flatMap(({ kind, count, first }) => [
    `  ${word}, ${count} rows: ${kind}`,
    ...first.map(one => `    ${one}`),
  ]);
}
