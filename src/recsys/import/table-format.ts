/** @file Detects a file's container format by its first bytes, its name and its beginning. */
import { extname } from "node:path";
import { parse } from "csv-parse/sync";
import { AppError } from "../../errors/app-error.js";
import type { CsvShape } from "./csv-rows.js";
import { interactionFields, itemFields, layoutNames, layouts, plainColumn } from "./layouts.js";

export const containerNames = ["csv", "tsv", "jsonl", "json", "xml", "parquet"] as const;
export type ContainerName = (typeof containerNames)[number];

/** Values of `--format`: a container, or the layout of a known export. */
export const formatNames = [...containerNames, ...layoutNames] as const;
export type FormatName = (typeof formatNames)[number];

export const isContainer = (name: FormatName): name is ContainerName =>
  (containerNames as readonly string[]).includes(name);

/** The format of a delimited text file. */
export type CsvForm = Omit<CsvShape, "required" | "text">;

const DELIMITERS = [",", ";", "\t", "|"] as const;
/** For files without a header line. */
const BARE_DELIMITERS = ["::", ...DELIMITERS, " "] as const;

const PACKED: readonly (readonly [string, string])[] = [
  ["504b0304", "a ZIP file or an Excel workbook (.xlsx); save it as CSV"],
  ["d0cf11e0", "an Excel workbook (.xls); save it as CSV"],
  ["28b52ffd", "packed with zstd; unpack it, or pack it with gzip"],
  ["425a68", "packed with bzip2; unpack it, or pack it with gzip"],
  ["fd377a58", "packed with xz; unpack it, or pack it with gzip"],
  ["25504446", "a PDF"],
];

/** Whether it is a Parquet file. @throws AppError `FILE_MALFORMED` for an unsupported kind. */
export function isParquet(path: string, first: Buffer): boolean {
  const magic = first.toString("hex");
  const packed = PACKED.find(([bytes]) => magic.startsWith(bytes));
  if (packed) {
    const expected = "CSV, JSON, XML, Parquet or one of these packed with gzip";
    throw new AppError("FILE_MALFORMED", { path, expected, reason: `it is ${packed[1]}` });
  }
  return first.toString("latin1") === "PAR1";
}

/** The container of a text file. The file extension decides where its beginning is ambiguous. */
export function textContainer(path: string, start: string): Exclude<ContainerName, "parquet"> {
  const ending = extname(path.toLowerCase().replace(/\.gz$/, ""));
  const text = start.trimStart();
  if (text.startsWith("<")) {
    return "xml";
  }
  if (ending === ".jsonl" || ending === ".ndjson") {
    return "jsonl";
  }
  const isDelimited = ending === ".csv" || ending === ".tsv";
  if (!isDelimited && (text.startsWith("{") || text.startsWith("["))) {
    return ending === ".json" && text.startsWith("[")
      ? "json"
      : isJsonLine(text)
        ? "jsonl"
        : "json";
  }
  return ending === ".tsv" ? "tsv" : "csv";
}

/** Whether the first line is a complete object; a single object that holds a list of objects counts as a list. */
function isJsonLine(text: string): boolean {
  const [line, ...others] = text.trimEnd().split("\n");
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && (others.length > 0 || !Object.values(value).some(isListOfObjects));
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.some(isObject);
}

/**
 * Delimiter, line endings and header of a text file.
 *
 * @param given The columns of a file without a header line, if named.
 */
export function csvForm(start: string, isTsv: boolean, given?: readonly string[]): CsvForm {
  const hasMacLines = /\r(?!\n)/.test(start) && !start.includes("\n");
  const lines = start.split(hasMacLines ? "\r" : /\r?\n/);
  const named = /^sep=(.)$/i.exec(lines[0])?.[1]; // Excel's separator line
  const numSkippedLines = named === undefined ? 0 : 1;
  const text = lines.slice(numSkippedLines).join("\n");
  const base: CsvForm = { hasMacLines, numSkippedLines };
  if (given) {
    const delimiter = named ?? bareDelimiter(text, given.length);
    return { ...base, delimiter, columns: given, hasQuotes: delimiter !== "::" };
  }
  const bare = knownBareForm(lines.find(line => line !== "") ?? "");
  if (bare) {
    return { ...base, ...bare };
  }
  const delimiter = named ?? (isTsv ? "\t" : headerDelimiter(text));
  const isAtomic = layouts.recbole.matches(new Set(), firstRecord(text, delimiter));
  return { ...base, delimiter, hasQuotes: !isAtomic };
}

/** MovieLens's files without a header line: `.dat`, and `u.data`. */
function knownBareForm(line: string): CsvForm | null {
  const ratings = ["userId", "movieId", "rating", "timestamp"];
  if (/^\d+::\d+::[\d.]+::\d+$/.test(line)) {
    return { delimiter: "::", columns: ratings, hasQuotes: false };
  }
  if (/^\d+::.+::/.test(line)) {
    return { delimiter: "::", columns: ["movieId", "title", "genres"], hasQuotes: false };
  }
  return /^\d+\t\d+\t\d(\.\d+)?\t\d{9,10}$/.test(line)
    ? { delimiter: "\t", columns: ratings, hasQuotes: false }
    : null;
}

/** The delimiter that gives the most known column names; among equals, the most names. */
function headerDelimiter(text: string): string {
  const merits = DELIMITERS.map(delimiter => {
    const names = firstRecord(text, delimiter).map(plainColumn);
    return names.filter(name => knownColumns.has(name)).length * 1_000 + names.length;
  });
  return DELIMITERS[merits.indexOf(Math.max(...merits))];
}

function bareDelimiter(text: string, numColumns: number): string {
  return (
    BARE_DELIMITERS.find(delimiter => firstRecord(text, delimiter).length === numColumns) ?? ","
  );
}

function firstRecord(text: string, delimiter: string): string[] {
  const options = { delimiter, to: 1, relax_quotes: true, relax_column_count: true, bom: true };
  try {
    const records: string[][] = parse(text, { ...options, skip_empty_lines: true });
    return records.at(0) ?? [];
  } catch {
    return [];
  }
}

const knownColumns = new Set([
  ...[...itemFields, ...interactionFields].map(plainColumn),
  ...layoutNames.flatMap(name => {
    const { items, interactions } = layouts[name];
    return [...Object.values(items), ...Object.values(interactions)].flat();
  }),
]);
