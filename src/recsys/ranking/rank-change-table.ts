/** @file Rank changes as a CSV file. */
import { csvCell, csvText } from "../../db/csv-cell.js";
import type { ExportedRankChange, RankChangeFilter } from "../../db/rank-changes.repository.js";
import { AppError } from "../../errors/app-error.js";

/** Most rows of a file. */
export const MAX_EXPORTED = 50_000;

const COLUMNS = [
  "id",
  "created_at",
  "version_id",
  "algorithm",
  "user_id",
  "item_id",
  "title",
  "category",
  "image_id",
  "is_served",
  "generator",
  "seed",
  "rank_before",
  "rank_after",
  "score_before",
  "score_after",
  "num_ranked",
  "delta_r",
] as const satisfies readonly (keyof ExportedRankChange)[];

/** Newest first. @throws AppError `PAYLOAD_TOO_LARGE` */
export async function rankChangeTable(
  rows: { findExport(filter: RankChangeFilter, limit: number): Promise<ExportedRankChange[]> },
  filter: RankChangeFilter,
): Promise<string> {
  const found = await rows.findExport(filter, MAX_EXPORTED + 1);
  if (found.length > MAX_EXPORTED) {
    const got = `more than ${MAX_EXPORTED} rank changes`;
    throw new AppError("PAYLOAD_TOO_LARGE", {
      what: "The filter's selection",
      got,
      max: MAX_EXPORTED,
    });
  }
  const lines = found.map(row => COLUMNS.map(name => cell(row[name])).join(","));
  return [COLUMNS.join(","), ...lines].map(line => `${line}\n`).join("");
}

function cell(value: string | number | boolean | Date | null): string {
  if (typeof value === "number") {
    return csvCell(value);
  }
  return value === null ? "" : csvText(value instanceof Date ? value.toISOString() : String(value));
}
