/** @file Streams rows of a JSON Lines file: one object per line, any line endings, blank lines ignored. */
import { parse as parseExactly } from "lossless-json";
import { encodingFault, type FileText, textBytes } from "./file-text.js";
import type { SourceRow } from "./import-source.js";

const NEWLINE = 10;
/** A longer line is rejected. */
const MAX_LINE_BYTES = 2 ** 24;
const MAX_RAW_CHARACTERS = 2_000;

export type TextSource = Pick<FileText, "path" | "isGzip" | "encoding">;

/** A plain UTF-8 file. */
export function plainFile(path: string): TextSource {
  return { path, isGzip: false, encoding: "utf-8" };
}

/** @throws AppError `FILE_NOT_FOUND` */
export async function* jsonlRows(
  path: string,
  file: string,
  text: TextSource = plainFile(path),
): AsyncGenerator<SourceRow> {
  let bytes = 0;
  let line = 0;
  for await (const content of lines(textBytes(text))) {
    line++;
    bytes += content.length + 1;
    const row =
      content.length > MAX_LINE_BYTES ? tooLong(content) : jsonRow(content, text.encoding);
    if (row) {
      yield { file, line, bytes, ...row };
    }
  }
}

type Parsed = Pick<SourceRow, "raw" | "value" | "fault">;

/** A JSON value in a file; null for white space. */
export function jsonRow(bytes: Buffer, encoding?: string): Parsed | null {
  const text = bytes.toString("utf8").trim();
  if (text === "") {
    return null;
  }
  const fault = encodingFault(bytes, encoding);
  if (fault !== null) {
    return { raw: text.slice(0, MAX_RAW_CHARACTERS), value: null, fault };
  }
  try {
    const value = parseJson(text);
    return { raw: value, value, fault: null };
  } catch (error) {
    const reason = `is not JSON: ${(error as Error).message}`;
    return { raw: text.slice(0, MAX_RAW_CHARACTERS), value: null, fault: reason };
  }
}

/** JSON whose integers beyond 2^53 become text, with all digits. @throws Error as `JSON.parse` */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return /\d{16}/.test(text) ? parseExactly(text, null, exactNumber) : value;
}

function exactNumber(digits: string): number | string {
  const value = Number(digits);
  return /^-?\d+$/.test(digits) && !Number.isSafeInteger(value) ? digits : value;
}

/** Splits at line feeds only: U+2028 is an ordinary character. */
async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      yield parts.length === 1 ? parts[0] : Buffer.concat(parts);
      parts = [];
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
  }
  yield Buffer.concat(parts);
}

function tooLong(content: Buffer): Parsed {
  const raw = content.subarray(0, MAX_RAW_CHARACTERS).toString("utf8");
  return {
    raw,
    value: null,
    fault: `has ${content.length} bytes; at most ${MAX_LINE_BYTES} are read`,
  };
}
