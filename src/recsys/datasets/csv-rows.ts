/**
 * @file Rows of a CSV file (RFC 4180), read as a stream: any line ends, with or without a byte-order mark, quoted fields
 * over several lines.
 *
 * A quote that is never closed would swallow the rest of the file. So when a record makes no sense (wrong number of
 * fields, an odd number of quotes, no end) and spans lines, only its first line is given up, and reading goes on with the next.
 */
import { type CsvError, parse } from "csv-parse";
import { AppError } from "../../errors/app-error.js";
import type { SourceRow } from "./import-source.js";
import { openFile } from "./source-files.js";

/** A record longer than this is a quote that was never closed. */
const MAX_RECORD_BYTES = 2 ** 18;
/** Of a row that cannot be read, this much is kept for people. */
const MAX_RAW_CHARACTERS = 2_000;
const NEWLINE = 10;
const QUOTE = 34;

/** Columns there must be; others are ignored where nobody asks for them. */
export interface CsvShape {
  required: readonly string[];
}

/** A logical record: its fields and the bytes it takes in the file, with blank lines before it. */
interface Record_ {
  fields: string[] | null;
  text: Buffer;
  end: number;
}

/**
 * The rows below the header, each value an object of its columns.
 *
 * @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` with all faults of the header.
 */
export async function* csvRows(
  path: string,
  file: string,
  shape: CsvShape,
): AsyncGenerator<SourceRow> {
  let columns: string[] | null = null;
  let line = 1;
  for (let start: number | null = 0; start !== null;) {
    const from: number = start;
    start = null;
    for await (const record of records(path, from)) {
      const { fields, text, end } = record;
      if (columns === null) {
        columns = checkedHeader(fields, path, shape);
        line += count(text, NEWLINE);
        continue;
      }
      const blank = leadingBlankBytes(text);
      const firstLine = line + count(text.subarray(0, blank), NEWLINE);
      const newline = text.indexOf(NEWLINE, blank);
      const spansLines = newline >= 0 && newline < text.length - 1;
      const isTorn = spansLines && count(text, QUOTE) % 2 === 1; // quotes come in pairs
      if (fields?.length === columns.length && !isTorn) {
        const names = columns;
        const value = Object.fromEntries(fields.map((field, i) => [names[i], field]));
        yield { file, line: firstLine, bytes: end, raw: value, value, fault: null };
        line += count(text, NEWLINE);
        continue;
      }
      const fault =
        fields && !isTorn
          ? `must have ${columns.length} fields, but got ${fields.length}`
          : "has a quote that is not closed";
      const readTo = spansLines ? end - text.length + newline + 1 : end;
      const rejected = spansLines ? text.subarray(0, newline) : text;
      const raw = rejected.toString("utf8").trim().slice(0, MAX_RAW_CHARACTERS);
      yield { file, line: firstLine, bytes: readTo, raw, value: null, fault };
      line = firstLine + 1;
      if (spansLines) {
        start = readTo;
        break;
      }
    }
  }
  if (columns === null) {
    checkedHeader([], path, shape);
  }
}

/** Reads the header only, so that a faulty file is found before another one is imported. @throws as {@link csvRows} */
export async function checkCsvHeader(path: string, shape: CsvShape): Promise<void> {
  for await (const { fields } of records(path, 0)) {
    checkedHeader(fields, path, shape);
    return;
  }
  checkedHeader([], path, shape);
}

/** Records from a byte on; the last one has no fields if it does not end. */
async function* records(path: string, start: number): AsyncGenerator<Record_> {
  const parsed: { fields: string[]; end: number }[] = [];
  let error: CsvError | null = null;
  const parser = parse({
    bom: start === 0,
    max_record_size: MAX_RECORD_BYTES,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    // Not the stream's output: that is dropped when a later record fails.
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

  let pending = Buffer.alloc(0);
  let position = start;
  const take = (end: number): Buffer => {
    const text = pending.subarray(0, end - position);
    pending = pending.subarray(end - position);
    position = end;
    return text;
  };
  function* drain() {
    for (const { fields, end } of parsed.splice(0)) {
      yield { fields, text: take(start + end), end: start + end };
    }
  }
  for await (const chunk of openFile(path, start)) {
    pending = Buffer.concat([pending, chunk]);
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
  if (error && pending.length > 0) {
    const end = position + pending.length;
    yield { fields: null, text: take(end), end };
  }
}

function checkedHeader(fields: string[] | null, path: string, shape: CsvShape): string[] {
  const columns = (fields ?? []).map(name => name.trim());
  const faults = [
    ...shape.required
      .filter(name => !columns.includes(name))
      .map(name => `the column '${name}' is missing`),
    ...[...new Set(columns)]
      .filter(name => columns.indexOf(name) !== columns.lastIndexOf(name))
      .map(name => `the column '${name}' is there twice`),
  ];
  if (faults.length > 0) {
    const found = columns.length > 0 ? columns.join(", ").slice(0, 200) : "none";
    throw new AppError("FILE_MALFORMED", {
      path,
      expected: `a CSV file with the columns ${shape.required.join(", ")}`,
      reason: `${faults.join("; ")} (its columns: ${found})`,
    });
  }
  return columns;
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
  while (at < bytes.length && (bytes[at] === NEWLINE || bytes[at] === 13)) {
    at++;
  }
  return at;
}
