/** @file Rows of a file with their cells by field. */
import type { FieldCells, FieldMap } from "./field-map.js";
import type { SourceRow } from "./import-source.js";
import type { SourceTable } from "./source-table.js";

export type Row = Readonly<Record<string, unknown>>;

/** A row whose value is its cells by field, or null if it has a fault. */
export type FieldRow = Omit<SourceRow, "value"> & { value: FieldCells | null };

/** A row with its original cells. */
export interface ReadRow {
  row: FieldRow;
  cells: Row;
}

/** Rows of a table by field, with their original cells. */
export async function* fieldRows(table: SourceTable, map: FieldMap): AsyncGenerator<ReadRow> {
  for await (const row of table.read(map.read)) {
    const { value, fault } = row;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (fault === null && isObject) {
      const cells = value as Row;
      yield { row: { ...row, value: map.cells(cells) }, cells };
    } else {
      const reason = fault ?? "must be an object of columns";
      yield { row: { ...row, value: null, fault: reason }, cells: {} };
    }
  }
}
