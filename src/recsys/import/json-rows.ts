/** @file Streams rows of a JSON file: the elements of its first list, at the top or inside an object. */
import { AppError } from "../../errors/app-error.js";
import { textBytes } from "./file-text.js";
import type { SourceRow } from "./import-source.js";
import { jsonRow, type TextSource } from "./jsonl-rows.js";

const [NEWLINE, QUOTE, COMMA, BACKSLASH] = [10, 34, 44, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];
/** A longer element is rejected. */
const MAX_ELEMENT_BYTES = 2 ** 24;

/** @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` without a list, or with an unfinished one. */
export async function* jsonRows(text: TextSource, file: string): AsyncGenerator<SourceRow> {
  const cutter = new ElementCutter(text.path);
  let bytes = 0;
  for await (const chunk of textBytes(text)) {
    for (const { content, line, end } of cutter.cut(chunk)) {
      const row = jsonRow(content, text.encoding);
      if (row) {
        yield { file, line, bytes: bytes + end, ...row };
      }
    }
    bytes += chunk.length;
  }
  cutter.finish();
}

interface Element {
  content: Buffer;
  /** Line of its first character. */
  line: number;
  /** Bytes of the chunk up to its end. */
  end: number;
}

/** Finds the boundaries of a list's elements across chunks. */
class ElementCutter {
  private state: "before" | "inside" | "after" = "before";
  private depth = 0;
  private listDepth = 0;
  private isText = false;
  private isEscaped = false;
  private line = 1;
  private elementLine = 0;
  private parts: Buffer[] = [];
  private numBytes = 0;

  constructor(private readonly path: string) {}

  *cut(chunk: Buffer): Generator<Element> {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      this.line += byte === NEWLINE ? 1 : 0;
      if (this.isText) {
        this.isText = this.isEscaped || byte !== QUOTE;
        this.isEscaped = !this.isEscaped && byte === BACKSLASH;
        continue;
      }
      if (this.state === "inside" && this.elementLine === 0 && byte > 32) {
        this.elementLine = this.line;
      }
      if (byte === QUOTE) {
        this.isText = true;
      } else if (byte === OPEN_LIST && this.state === "before" && this.depth <= 1) {
        this.state = "inside";
        this.listDepth = ++this.depth;
        start = at + 1;
      } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
        this.depth++;
      } else if (byte === COMMA && this.state === "inside" && this.depth === this.listDepth) {
        yield this.element(chunk.subarray(start, at), at);
        start = at + 1;
      } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        if (this.state === "inside" && this.depth === this.listDepth) {
          yield this.element(chunk.subarray(start, at), at);
          this.state = "after";
        }
        this.depth--;
      }
    }
    if (this.state === "inside") {
      this.keep(chunk.subarray(start));
    }
  }

  /** @throws AppError `FILE_MALFORMED` */
  finish(): void {
    if (this.state !== "after") {
      const reason = this.state === "before" ? "it has no list" : "its list has no end";
      throw this.malformed(reason);
    }
  }

  private element(last: Buffer, end: number): Element {
    this.keep(last);
    const element = { content: Buffer.concat(this.parts), line: this.elementLine, end };
    this.parts = [];
    this.numBytes = 0;
    this.elementLine = 0;
    return element;
  }

  private keep(part: Buffer): void {
    this.parts.push(part);
    this.numBytes += part.length;
    if (this.numBytes > MAX_ELEMENT_BYTES) {
      throw this.malformed(`the element at line ${this.elementLine} has no end`);
    }
  }

  private malformed(reason: string): AppError {
    return new AppError("FILE_MALFORMED", {
      path: this.path,
      expected: "a list of JSON objects",
      reason,
    });
  }
}
