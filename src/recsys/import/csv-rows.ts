/**
 * @file Streams rows of a CSV file (RFC 4180, or another delimiter): mixed line endings, an optional byte-order mark,
 * quoted fields over several lines.
 *
 * An unclosed quote would consume the rest of the file. So when a record is invalid (wrong number of fields, an odd
 * number of quotes, no end) and spans lines, only its first line is rejected, and reading resumes with the next.
 */
import { type CsvError, parse } from "csv-parse";
import { AppError } from "../../errors/app-error.js";
import { encodingFault, textBytes } from "./file-text.js";
import type { SourceRow } from "./import-source.js";
import { plainFile, type TextSource } from "./jsonl-rows.js";

/** A longer record is an unclosed quote. */
const MAX_RECORD_BYTES = 2 ** 18;
/** Length of the excerpt of an unreadable row. */
const MAX_RAW_CHARACTERS = 2_000;
const [NEWLINE, RETURN, QUOTE] = [10, 13, 34];

/** The format of a file, and its required columns; others are ignored unless requested. */
export interface CsvShape {
  required: readonly string[];
  /** Default: a comma. */
  delimiter?: string;
  /** The columns of a file without a header line. Default: the first record. */
  columns?: readonly string[];
  /** Whether `"` encloses fields. Default: true. */
  hasQuotes?: boolean;
  /** Whether lines end with a single carriage return (classic Mac OS). Default: false. */
  hasMacLines?: boolean;
  /** Lines to skip before the header. Default: 0. */
  numSkippedLines?: number;
  /** Compression and encoding of the file. Default: plain UTF-8. */
  text?: TextSource;
}

/** A logical record: its fields and its length in bytes, including preceding blank lines. */
interface Record_ {
  fields: string[] | null;
  text: Buffer;
  end: number;
}

/**
 * The rows below the header, each an object by column. The first of equal column names counts; unnamed columns are
 * ignored.
 *
 * @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` with all faults of the header.
 */
export async function* csvRows(
  path: string,
  file: string,
  shape: CsvShape,
): AsyncGenerator<SourceRow> {
  const bytes = new ByteSource(textBytes(shape.text ?? plainFile(path)));
  try {
    yield* rowsOf(bytes, { path, file, shape });
  } finally {
    await bytes.close();
  }
}

async function* rowsOf(
  bytes: ByteSource,
  { path, file, shape }: { path: string; file: string; shape: CsvShape },
): AsyncGenerator<SourceRow> {
  const { hasQuotes = true } = shape;
  let columns = shape.columns && checkedColumns(shape.columns, path, shape);
  let line = 1 + (await bytes.skipLines(shape.numSkippedLines ?? 0));
  for (let isTornApart = true; isTornApart;) {
    isTornApart = false;
    for await (const { fields, text, end } of records(bytes, shape)) {
      if (columns === undefined) {
        columns = checkedHeader({ fields, text }, path, shape);
        line += countLines(text, shape);
        continue;
      }
      const blank = leadingBlankBytes(text);
      const firstLine = line + countLines(text.subarray(0, blank), shape);
      const newline = text.indexOf(shape.hasMacLines ? RETURN : NEWLINE, blank);
      const spansLines = newline >= 0 && newline < text.length - 1;
      const isTorn = hasQuotes && spansLines && count(text, QUOTE) % 2 === 1; // quotes come in pairs
      const value = fields && !isTorn ? valueOf(fields, columns) : null;
      if (value) {
        const fault = encodingFault(text, shape.text?.encoding);
        const raw = fault === null ? value : rawText(text);
        yield {
          file,
          line: firstLine,
          bytes: end,
          raw,
          value: fault === null ? value : null,
          fault,
        };
        line += countLines(text, shape);
        continue;
      }
      const fault =
        fields && !isTorn
          ? `must have ${columns.length} fields, but got ${fields.length}`
          : "has a quote that is not closed";
      const readTo = spansLines ? end - text.length + newline + 1 : end;
      const rejected = spansLines ? text.subarray(0, newline) : text;
      yield { file, line: firstLine, bytes: readTo, raw: rawText(rejected), value: null, fault };
      line = firstLine + 1;
      if (spansLines) {
        bytes.giveBack(text.subarray(newline + 1));
        isTornApart = true;
        break;
      }
    }
  }
  if (columns === undefined) {
    checkedColumns([], path, shape);
  }
}

/** Validates the header, so that a faulty file is found before any import. @throws as {@link csvRows} */
export async function checkCsvHeader(path: string, shape: CsvShape): Promise<void> {
  await csvColumns(path, shape);
}

/** The column names as in the file. @throws as {@link csvRows} */
export async function csvColumns(path: string, shape: CsvShape): Promise<string[]> {
  if (shape.columns) {
    return checkedColumns(shape.columns, path, shape);
  }
  const bytes = new ByteSource(textBytes(shape.text ?? plainFile(path)));
  try {
    await bytes.skipLines(shape.numSkippedLines ?? 0);
    for await (const record of records(bytes, shape)) {
      return checkedHeader(record, path, shape);
    }
    return checkedColumns([], path, shape);
  } finally {
    await bytes.close();
  }
}

/** A byte stream with push-back. */
class ByteSource {
  /** Read, but not consumed. */
  pending = Buffer.alloc(0);
  /** Bytes consumed. */
  position = 0;

  constructor(private readonly chunks: AsyncGenerator<Buffer>) {}

  /** Null at the end. */
  async next(): Promise<Buffer | null> {
    const next = await this.chunks.next();
    return next.done ? null : next.value;
  }

  take(length: number): Buffer {
    const taken = this.pending.subarray(0, length);
    this.pending = this.pending.subarray(length);
    this.position += length;
    return taken;
  }

  giveBack(bytes: Buffer): void {
    this.pending = Buffer.concat([bytes, this.pending]);
    this.position -= bytes.length;
  }

  /** @returns the number of skipped lines. */
  async skipLines(numLines: number): Promise<number> {
    for (let skipped = 0; skipped < numLines;) {
      const end = this.pending.indexOf(NEWLINE);
      if (end >= 0) {
        this.take(end + 1);
        skipped++;
        continue;
      }
      const chunk = await this.next();
      if (chunk === null) {
        break;
      }
      this.pending = Buffer.concat([this.pending, chunk]);
    }
    return numLines;
  }

  async close(): Promise<void> {
    await this.chunks.return(undefined);
  }
}

/** Records from the source's position; an unfinished last one has no fields. */
async function* records(source: ByteSource, shape: CsvShape): AsyncGenerator<Record_> {
  const start = source.position;
  const parsed: { fields: string[]; end: number }[] = [];
  let error: CsvError | null = null;
  const parser = parse({
    delimiter: shape.delimiter ?? ",",
    max_record_size: MAX_RECORD_BYTES,
    ...(shape.hasQuotes === false ? { quote: null, escape: null } : {}),
    record_delimiter: shape.hasMacLines ? ["\r"] : ["\r\n", "\n"],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    // Not from the stream's output, which is lost when a later record fails.
    on_record: (fields: string[], { bytes }) => {
      parsed.push({ fields, end: bytes });
      return null;
    },
  });
  const ended = new Promise<void>(resolve => {
    parser.once("end", resolve);
    parser.once("error", (fault: CsvError) => {
      error = fault;
      resolve();
    });
  });
  parser.resume();

  function* drain() {
    for (const { fields, end } of parsed.splice(0)) {
      yield { fields, text: source.take(start + end - source.position), end: start + end };
    }
  }
  const left = source.pending;
  source.pending = Buffer.alloc(0);
  for (let chunk: Buffer | null = left; chunk !== null; chunk = await source.next()) {
    source.pending = Buffer.concat([source.pending, chunk]);
    parser.write(chunk);
    yield* drain();
    if (error) {
      break;
    }
  }
  if (!error) {
    parser.end();
    await ended;
    yield* drain();
  }
  if (error && source.pending.length > 0) {
    const text = source.take(source.pending.length);
    yield { fields: null, text, end: source.position };
  }
}

/** The row's cells by column; null for a wrong number. Empty cells beyond the header, as Excel writes them, are ignored. */
function valueOf(
  fields: readonly string[],
  columns: readonly string[],
): Record<string, string> | null {
  const isTooLong = fields.slice(columns.length).some(field => field !== "");
  const isTooShort = columns.slice(fields.length).some(name => name !== "");
  if (isTooLong || isTooShort) {
    return null;
  }
  const cells = columns.flatMap((name, i): [string, string][] =>
    name === "" ? [] : [[name, fields[i]]],
  );
  return Object.fromEntries(cells.reverse());
}

function checkedHeader(
  { fields, text }: Pick<Record_, "fields" | "text">,
  path: string,
  shape: CsvShape,
): string[] {
  const fault = encodingFault(text, shape.text?.encoding);
  if (fault !== null) {
    const expected = "text with a header line";
    throw new AppError("FILE_MALFORMED", { path, expected, reason: `its header ${fault}` });
  }
  const names = fields ?? [];
  return checkedColumns(
    names.map(name => name.trim()),
    path,
    shape,
  );
}

function checkedColumns(columns: readonly string[], path: string, shape: CsvShape): string[] {
  const isRepeated = (name: string) => columns.indexOf(name) !== columns.lastIndexOf(name);
  const faults = [
    ...shape.required
      .filter(name => !columns.includes(name))
      .map(name => `the column '${name}' is missing`),
    ...shape.required.filter(isRepeated).map(name => `the column '${name}' occurs twice`),
  ];
  if (faults.length > 0 || columns.length === 0) {
    const found = columns.length > 0 ? columns.join(", ").slice(0, 200) : "none";
    throw new AppError("FILE_MALFORMED", {
      path,
      expected: `a CSV file with the columns ${shape.required.join(", ")}`,
      reason: `${faults.join("; ") || "it has no columns"} (its columns: ${found})`,
    });
  }
  return [...columns];
}

function rawText(bytes: Buffer): string {
  return bytes.toString("utf8").trim().slice(0, MAX_RAW_CHARACTERS);
}

function countLines(bytes: Buffer, shape: CsvShape): number {
  return count(bytes, shape.hasMacLines ? RETURN : NEWLINE);
}

function count(bytes: Buffer, wanted: number): number {
  let found = 0;
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    found++;
  }
  return found;
}

function leadingBlankBytes(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length && (bytes[at] === NEWLINE || bytes[at] === RETURN)) {
    at++;
  }
  return at;
}
