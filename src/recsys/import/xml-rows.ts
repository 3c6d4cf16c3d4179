/**
 * @file Streams items of an XML product feed (Google Merchant: RSS 2.0 or Atom). A row has the texts of the direct
 * children of `<item>` or `<entry>`, named without the prefix `g:`; a repeated element becomes a list.
 */
import { SaxesParser } from "saxes";
import { AppError } from "../../errors/app-error.js";
import { encodingFault, textBytes } from "./file-text.js";
import type { SourceRow } from "./import-source.js";
import type { TextSource } from "./jsonl-rows.js";

type Cells = Record<string, string | string[]>;

interface OpenItem {
  line: number;
  depth: number;
  /** Elements without and with the prefix, of which the latter take precedence. */
  plain: Cells;
  prefixed: Cells;
  text: string;
  fault: string | null;
}

/** @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` if it is not XML, or has no items. */
export async function* xmlRows(text: TextSource, file: string): AsyncGenerator<SourceRow> {
  const rows: SourceRow[] = [];
  let numRows = 0;
  let bytes = 0;
  let item: OpenItem | null = null;
  let fault: string | null = null;
  const parser = new SaxesParser();
  parser.on("opentag", ({ name }) => {
    if (item) {
      item.depth++;
      item.text = "";
    } else if (/^(item|entry)$/.test(name)) {
      item = { line: parser.line, depth: 0, plain: {}, prefixed: {}, text: "", fault: null };
    }
  });
  const onText = (part: string) => {
    if (item?.depth === 1) {
      item.text += part;
    }
  };
  parser.on("text", onText);
  parser.on("cdata", onText);
  parser.on("closetag", ({ name }) => {
    if (!item) {
      return;
    }
    if (item.depth === 0) {
      rows.push(rowOf(item, file, bytes));
      item = null;
      return;
    }
    if (item.depth === 1) {
      add(
        name.startsWith("g:") ? item.prefixed : item.plain,
        name.replace(/^g:/, ""),
        item.text.trim(),
      );
    }
    item.depth--;
  });
  parser.on("error", ({ message }) => {
    const reason = message.replace(/^\d+:\d+: /, "");
    if (item) {
      item.fault ??= `is not XML: ${reason}`;
    } else {
      fault ??= `line ${parser.line}: ${reason}`;
    }
  });
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for await (const chunk of textBytes(text)) {
    bytes += chunk.length;
    parser.write(
      decoded(decoder, chunk, { path: text.path, encoding: text.encoding, line: parser.line }),
    );
    numRows += rows.length;
    yield* rows.splice(0);
  }
  const open = item as OpenItem | null; // set by the handlers
  if (open) {
    yield rowOf({ ...open, fault: "has no end" }, file, bytes);
  } else {
    parser.close();
  }
  if (numRows === 0 && !open) {
    const reason = fault ?? "it has no <item> and no <entry>";
    throw new AppError("FILE_MALFORMED", { path: text.path, expected: "a product feed", reason });
  }
}

function decoded(
  decoder: InstanceType<typeof TextDecoder>,
  chunk: Buffer,
  { path, encoding, line }: { path: string; encoding: string; line: number },
): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch (cause) {
    const reason = `after line ${line} it ${encodingFault(chunk, encoding) ?? "is not UTF-8 text"}`;
    throw new AppError("FILE_MALFORMED", { path, expected: "a product feed", reason }, { cause });
  }
}

function rowOf({ line, plain, prefixed, fault }: OpenItem, file: string, bytes: number): SourceRow {
  const cells = { ...plain, ...prefixed };
  return { file, line, bytes, raw: cells, value: fault === null ? cells : null, fault };
}

function add(cells: Cells, name: string, text: string): void {
  const before = Object.hasOwn(cells, name) ? cells[name] : undefined;
  cells[name] = before === undefined ? text : [before, text].flat();
}
