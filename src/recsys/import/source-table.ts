/** @file A file of rows in any format: opened once to detect its columns, then streamed any number of times. */
import { basename } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { csvColumns, csvRows } from "./csv-rows.js";
import { type FileText, firstBytes, inspectText } from "./file-text.js";
import type { SourceRow } from "./import-source.js";
import { jsonRows } from "./json-rows.js";
import { jsonlRows } from "./jsonl-rows.js";
import { detectLayout, type Field, type LayoutName, layouts } from "./layouts.js";
import { openParquet, parquetRows } from "./parquet-rows.js";
import {
  type ContainerName,
  type CsvForm,
  csvForm,
  type FormatName,
  isContainer,
  isParquet,
  textContainer,
} from "./table-format.js";
import { xmlRows } from "./xml-rows.js";

export interface TableOptions {
  /** Default: detected. */
  format?: FormatName;
  /** Text encoding, a WHATWG name. Default: detected. */
  encoding?: string;
  /** The columns of a file without a header line. Default: its first line. */
  columns?: readonly string[];
  /** Field -> its column. Default: by the columns' names. */
  map?: Readonly<Partial<Record<Field, string>>>;
  /** Field -> its value where the file has no such column, or an empty cell. */
  defaults?: Readonly<Partial<Record<Field, string>>>;
}

export interface SourceTable {
  path: string;
  /** The file's name. */
  file: string;
  container: ContainerName;
  layout: LayoutName;
  /** For text: its encoding, gzip compression and delimiter. */
  encoding: string | null;
  isGzip: boolean;
  delimiter: string | null;
  /** As in the file; for JSON and XML those of the first rows. */
  columns: readonly string[];
  /** Possibly estimated; null if unknown. */
  numRows: number | null;
  /** Rows as in the file: column -> cell. @param columns The columns needed. */
  read(columns: readonly string[]): AsyncGenerator<SourceRow>;
}

/** JSON and XML rows that are inspected for column names. */
const NUM_ROWS_LOOKED_AT = 100;

/** @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED`, `INVALID_ARGUMENT` */
export async function openTable(path: string, options: TableOptions = {}): Promise<SourceTable> {
  const { format } = options;
  const first = await firstBytes(path, 4);
  const file = basename(path);
  const wanted = format && isContainer(format) ? format : null;
  if (isParquet(path, first)) {
    return parquetTable(path, options);
  }
  if (wanted === "parquet") {
    const reason = "it does not start with 'PAR1'";
    throw new AppError("FILE_MALFORMED", { path, expected: "a Parquet file", reason });
  }
  const text = await inspectFile(path, options.encoding);
  const container = wanted ?? textContainer(path, text.start);
  const base = { path, file, container, isGzip: text.isGzip, encoding: text.encoding };
  if (container === "csv" || container === "tsv") {
    const form = csvForm(text.start, container === "tsv", options.columns);
    return csvTable({ ...base, text, form }, options);
  }
  const read = () =>
    container === "jsonl"
      ? jsonlRows(path, file, text)
      : container === "json"
        ? jsonRows(text, file)
        : xmlRows(text, file);
  const columns = await columnsOf(read());
  const numRows = container === "jsonl" ? text.numLines : null;
  return { ...base, layout: layoutOf(columns, format), delimiter: null, columns, numRows, read };
}

async function parquetTable(path: string, { format }: TableOptions): Promise<SourceTable> {
  const parquet = await openParquet(path);
  const { columns, numRows } = parquet;
  const file = basename(path);
  return {
    ...{ path, file, container: "parquet", isGzip: false, encoding: null, delimiter: null },
    layout: layoutOf(columns, format),
    columns,
    numRows,
    read: needed =>
      parquetRows(
        parquet,
        file,
        columns.filter(name => needed.includes(name)),
      ),
  };
}

async function csvTable(
  {
    text,
    form,
    ...base
  }: Pick<SourceTable, "path" | "file" | "container" | "isGzip" | "encoding"> & {
    text: FileText;
    form: CsvForm;
  },
  { format }: TableOptions,
): Promise<SourceTable> {
  const { path, file } = base;
  const shape = { ...form, text, required: [] };
  const columns = await csvColumns(path, shape);
  return {
    ...base,
    layout: layoutOf(columns, format),
    delimiter: form.delimiter ?? ",",
    columns,
    numRows: text.numLines - (form.columns ? 0 : 1) - (form.numSkippedLines ?? 0),
    read: () => csvRows(path, file, shape),
  };
}

/** The encoding declared in an XML file counts as given. */
async function inspectFile(path: string, encoding?: string): Promise<FileText> {
  const text = await inspectText(path, encoding);
  const named = /^<\?xml[^>]*?\sencoding=["']([^"']+)["']/i.exec(text.start)?.[1];
  const isNamed = named !== undefined && !/^utf-?(8|16)/i.test(named);
  return isNamed && encoding === undefined ? inspectText(path, named) : text;
}

function layoutOf(columns: readonly string[], format?: FormatName): LayoutName {
  return format !== undefined && !isContainer(format) ? format : detectLayout(columns);
}

async function columnsOf(rows: AsyncIterable<SourceRow>): Promise<string[]> {
  const names = new Set<string>();
  let numRows = 0;
  for await (const { value } of rows) {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      Object.keys(value).forEach(name => names.add(name));
    }
    if (++numRows === NUM_ROWS_LOOKED_AT) {
      break;
    }
  }
  return [...names];
}

/** Describes a file: `a gzipped CSV file (Shopify product CSV), windows-1252, separated by ';'`. */
export function describeTable({
  container,
  layout,
  isGzip,
  encoding,
  delimiter,
}: SourceTable): string {
  const names = {
    csv: "CSV",
    tsv: "TSV",
    jsonl: "JSON Lines",
    json: "JSON",
    xml: "XML",
    parquet: "Parquet",
  };
  const separators: Record<string, string> = { "\t": "tabs", " ": "spaces" };
  const parts = [
    `${names[container]}${isGzip ? " in gzip" : ""}`,
    layouts[layout].title,
    ...(encoding === null ? [] : [encoding]),
    ...(delimiter === null ? [] : [`separated by ${separators[delimiter] ?? `'${delimiter}'`}`]),
  ];
  return parts.join(", ");
}
