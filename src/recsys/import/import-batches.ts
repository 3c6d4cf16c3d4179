/** @file Batches of a part's rows, starting after those of an earlier process. */
import type { SourceRow } from "./import-source.js";

/** The rows after the first `numSkipped`; passes those to `skip`. */
export async function* behind(
  rows: AsyncIterable<SourceRow>,
  numSkipped: number,
  skip: (row: SourceRow) => Promise<void>,
): AsyncGenerator<SourceRow> {
  let left = numSkipped;
  for await (const row of rows) {
    if (left > 0) {
      left--;
      await skip(row);
    } else {
      yield row;
    }
  }
}

/** Rows in groups of `size`; the last may be smaller. */
export async function* batches(
  rows: AsyncIterable<SourceRow>,
  size: number,
): AsyncGenerator<readonly SourceRow[]> {
  let batch: SourceRow[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) {
    yield batch;
  }
}
