/** @file Rows of a Parquet file, one row group in memory at a time. 64-bit integers keep all digits. */
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { AppError } from "../../errors/app-error.js";
import type { SourceRow } from "./import-source.js";

export interface ParquetFile {
  path: string;
  columns: string[];
  numRows: number;
  metadata: FileMetaData;
}

/** @throws AppError `FILE_MALFORMED` */
export async function openParquet(path: string): Promise<ParquetFile> {
  try {
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    return { path, columns, numRows: Number(metadata.num_rows), metadata };
  } catch (error) {
    throw malformed(path, error);
  }
}

/** @param columns Columns to read; default: all. @throws AppError `FILE_MALFORMED` */
export async function* parquetRows(
  { path, metadata, ...found }: ParquetFile,
  file: string,
  columns: readonly string[] = found.columns,
): AsyncGenerator<SourceRow> {
  const buffer = await asyncBufferFromFile(path);
  let rowStart = 0;
  for (const { num_rows: count } of metadata.row_groups) {
    const rowEnd = rowStart + Number(count);
    const range = { file: buffer, metadata, compressors, columns: [...columns], rowStart, rowEnd };
    let rows: Record<string, unknown>[];
    try {
      rows = await parquetReadObjects(range);
    } catch (error) {
      throw malformed(path, error);
    }
    for (const [index, cells] of rows.entries()) {
      const value = Object.fromEntries(
        Object.entries(cells).map(([name, cell]) => [name, plain(cell)]),
      );
      yield { file, line: rowStart + index + 1, bytes: 0, raw: value, value, fault: null };
    }
    rowStart = rowEnd;
  }
}

/** Converts big integers to text, so that JSON can hold the value. */
function plain(cell: unknown): unknown {
  if (typeof cell === "bigint") {
    return String(cell);
  }
  if (cell instanceof Uint8Array) {
    return Buffer.from(cell).toString("utf8");
  }
  return Array.isArray(cell) ? cell.map(plain) : cell;
}

function malformed(path: string, error: unknown): AppError {
  const reason = (error as Error).message;
  return new AppError(
    "FILE_MALFORMED",
    { path, expected: "a Parquet file", reason },
    { cause: error },
  );
}
