/**
 * @file Decodes a text file to UTF-8: gzip (by its first bytes), UTF-8 with or without a byte-order mark, UTF-16,
 * Windows-1252, or a named encoding.
 *
 * Decoding never silently damages text. A file that is not UTF-8 is read as Windows-1252 only if all its bytes are valid
 * there; otherwise it is read as UTF-8, and {@link encodingFault} rejects invalid lines.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { openFile } from "../../db/local-files.js";
import { AppError } from "../../errors/app-error.js";

export interface FileText {
  path: string;
  isGzip: boolean;
  /** `utf-8`, `utf-16le`, `utf-16be`, `windows-1252`, or another WHATWG name. */
  encoding: string;
  /** Non-blank lines: at least the number of rows. */
  numLines: number;
  /** The start of the text. */
  start: string;
}

const START_BYTES = 2 ** 16;
const NEWLINE = 10;
const UTF8_SEQUENCE =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}/g;
/** Windows-1252 at 0x80 to 0x9F; U+FFFD where undefined. */
const WINDOWS_1252 = "€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ";

/**
 * Reads the whole file once to detect its encoding.
 *
 * @param encoding Default: detected from the bytes.
 * @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` for a broken gzip file; `INVALID_ARGUMENT` for an unknown
 *   encoding.
 */
export async function inspectText(path: string, encoding?: string): Promise<FileText> {
  const isGzip = (await firstBytes(path, 2)).equals(Buffer.from([0x1f, 0x8b]));
  const named = encoding === undefined ? null : knownEncoding(encoding);
  const census = new ByteCensus();
  const heads: Buffer[] = [];
  let numHead = 0;
  for await (const chunk of unpacked(path, isGzip)) {
    if (numHead < START_BYTES) {
      heads.push(chunk.subarray(0, START_BYTES - numHead));
      numHead += heads[heads.length - 1].length;
    }
    census.add(chunk);
  }
  const head = Buffer.concat(heads);
  const found = named ?? wideEncoding(head) ?? census.encoding(head);
  const decoder = decoderOf(found);
  const start = decoder(head).replace(/^\ufeff/, "");
  return { path, isGzip, encoding: found, numLines: census.numLines, start };
}

/** The file's text as UTF-8, without a byte-order mark. @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED` */
export async function* textBytes({
  path,
  isGzip,
  encoding,
}: Pick<FileText, "path" | "isGzip" | "encoding">): AsyncGenerator<Buffer> {
  const decoder = decoderOf(encoding);
  const isUtf8File = encoding === "utf-8";
  let isFirst = true;
  for await (const chunk of unpacked(path, isGzip)) {
    let bytes = isUtf8File ? chunk : Buffer.from(decoder(chunk));
    if (isFirst && bytes.length > 0) {
      isFirst = false;
      bytes = withoutMark(bytes);
    }
    yield bytes;
  }
}

/** Why bytes of {@link textBytes} are invalid text; null if they are valid. */
export function encodingFault(bytes: Buffer, encoding = "utf-8"): string | null {
  if (encoding !== "utf-8") {
    const isDamaged = bytes.includes("\ufffd");
    return isDamaged ? `is not ${encoding} text (--encoding names another encoding)` : null;
  }
  if (isUtf8(bytes)) {
    return null;
  }
  const [odd] = /[\x80-\xff]/.exec(bytes.toString("latin1").replace(UTF8_SEQUENCE, "")) ?? [""];
  const byte = odd.charCodeAt(0).toString(16).toUpperCase();
  return `is not UTF-8 text: it has the byte 0x${byte} (--encoding names another encoding)`;
}

/** The first raw bytes of a file. @throws AppError `FILE_NOT_FOUND` */
export async function firstBytes(path: string, count: number): Promise<Buffer> {
  for await (const chunk of openFile(path, 0, count - 1)) {
    return chunk;
  }
  return Buffer.alloc(0);
}

async function* unpacked(path: string, isGzip: boolean): AsyncGenerator<Buffer> {
  if (!isGzip) {
    yield* openFile(path);
    return;
  }
  const gunzip = pipeline(openFile(path), createGunzip(), () => undefined); // the loop below reports faults
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    if (error instanceof AppError) {
      throw error;
    }
    const reason = (error as Error).message;
    throw new AppError(
      "FILE_MALFORMED",
      { path, expected: "a whole gzip file", reason },
      { cause: error },
    );
  } finally {
    gunzip.destroy();
  }
}

/** A stateful decoder for a file's chunks. */
function decoderOf(encoding: string): (chunk: Buffer) => string {
  if (encoding === "windows-1252") {
    // Node's own decoder treats it as Latin-1 in some versions.
    return chunk =>
      chunk
        .toString("latin1")
        .replace(/[\x80-\x9f]/g, letter => WINDOWS_1252[letter.charCodeAt(0) - 0x80]);
  }
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  return chunk => decoder.decode(chunk, { stream: true });
}

function knownEncoding(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch (cause) {
    const problem = `must name an encoding, such as utf-8, windows-1252 or shift_jis, but got '${label}'`;
    throw new AppError("INVALID_ARGUMENT", { argument: "--encoding", problem }, { cause });
  }
}

/** UTF-16, by its byte-order mark or by zeros beside ASCII letters; otherwise null. */
function wideEncoding(head: Buffer): string | null {
  const mark = head.subarray(0, 2).toString("hex");
  if (mark === "fffe" || mark === "feff") {
    return mark === "fffe" ? "utf-16le" : "utf-16be";
  }
  const numPairs = Math.min(head.length, 1_024) >> 1;
  let numEven = 0;
  let numOdd = 0;
  for (let pair = 0; pair < numPairs; pair++) {
    numEven += head[2 * pair] === 0 ? 1 : 0;
    numOdd += head[2 * pair + 1] === 0 ? 1 : 0;
  }
  const isWide = numPairs > 1 && Math.max(numEven, numOdd) > numPairs / 2;
  return isWide && Math.min(numEven, numOdd) === 0
    ? numOdd > numEven
      ? "utf-16le"
      : "utf-16be"
    : null;
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).toString("hex") === "efbbbf" ? bytes.subarray(3) : bytes;
}

/** Statistics of a file's bytes that reveal its encoding, and its line count. */
class ByteCensus {
  /** Multi-byte UTF-8 sequences, or chunks that have some. */
  private numSequences = 0;
  /** Bytes above 0x7F outside such sequences. */
  private numOdd = 0;
  /** Runs of bytes above 0x7F, and those of three and more: rare in Western languages, usual in all others. */
  private numGroups = 0;
  private numLongGroups = 0;
  private hasUndefined = false;
  private lineCount = 0;
  private last = NEWLINE;
  /** High bytes at the end of the last chunk, which may continue in the next. */
  private carry = Buffer.alloc(0);

  get numLines(): number {
    return this.lineCount + (this.last === NEWLINE ? 0 : 1);
  }

  add(chunk: Buffer): void {
    this.countLines(chunk);
    if (this.carry.length === 0 && isAscii(chunk)) {
      return;
    }
    const bytes = Buffer.concat([this.carry, chunk]);
    let end = bytes.length;
    while (end > 0 && bytes.length - end < 3 && bytes[end - 1] >= 0x80) {
      end--;
    }
    this.carry = Buffer.from(bytes.subarray(end));
    this.count(bytes.subarray(0, end));
  }

  encoding(head: Buffer): string {
    this.count(this.carry);
    this.carry = Buffer.alloc(0);
    const isMarked = head.subarray(0, 3).toString("hex") === "efbbbf";
    const isWestern = !this.hasUndefined && this.numLongGroups * 3 <= this.numGroups;
    return this.numOdd > this.numSequences && isWestern && !isMarked ? "windows-1252" : "utf-8";
  }

  private count(bytes: Buffer): void {
    if (isAscii(bytes)) {
      return;
    }
    if (isUtf8(bytes)) {
      this.numSequences++;
      return;
    }
    const text = bytes.toString("latin1");
    this.numSequences += text.match(UTF8_SEQUENCE)?.length ?? 0;
    this.numOdd += text.replace(UTF8_SEQUENCE, "").match(/[\x80-\xff]/g)?.length ?? 0;
    const groups = text.match(/[\x80-\xff]+/g) ?? [];
    this.numGroups += groups.length;
    this.numLongGroups += groups.filter(({ length }) => length > 2).length;
    this.hasUndefined ||= /[\x81\x8d\x8f\x90\x9d]/.test(text);
  }

  private countLines(chunk: Buffer): void {
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
      const before = at === 0 ? this.last : chunk[at - 1];
      this.lineCount += before === NEWLINE ? 0 : 1;
    }
    this.last = chunk.length > 0 ? chunk[chunk.length - 1] : this.last;
  }
}
