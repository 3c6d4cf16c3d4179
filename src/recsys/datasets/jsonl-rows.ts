/** @file Rows of a JSON Lines file, read as a stream: one object a line, any line ends, blank lines ignored. */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { SourceRow } from "./import-source.js";
import { openFile } from "./source-files.js";

const BYTE_ORDER_MARK = "\ufeff";
const MAX_RAW_CHARACTERS = 2_000;

/** @throws AppError `FILE_NOT_FOUND` */
export async function* jsonlRows(path: string, file: string): AsyncGenerator<SourceRow> {
  let bytes = 0;
  const input = Readable.from(openFile(path));
  const lines = createInterface({ input, crlfDelay: Infinity });
  const failed = new Promise<never>((_, reject) => input.once("error", reject));
  failed.catch(() => undefined); // readline itself does not report that its input failed
  const iterator = lines[Symbol.asyncIterator]();
  try {
    for (let line = 1; ; line++) {
      const next = await Promise.race([iterator.next(), failed]);
      if (next.done) {
        return;
      }
      bytes += Buffer.byteLength(next.value) + 1;
      const text = next.value.replace(BYTE_ORDER_MARK, "").trim();
      if (text !== "") {
        yield { file, line, bytes, ...parsed(text) };
      }
    }
  } finally {
    lines.close();
    input.destroy();
  }
}

function parsed(text: string): Pick<SourceRow, "raw" | "value" | "fault"> {
  try {
    const value = JSON.parse(text) as unknown;
    return { raw: value, value, fault: null };
  } catch (error) {
    const fault = `is not JSON: ${(error as Error).message}`;
    return { raw: text.slice(0, MAX_RAW_CHARACTERS), value: null, fault };
  }
}
