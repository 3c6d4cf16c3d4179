/**
 * @file Rankings as a file: Parquet, CSV, JSON lines or a TREC run, by the file's ending. Rows are written as they come;
 * the file has its name only when it is whole.
 *
 * TREC runs have six columns: user, `Q0`, item, rank, score, run (https://github.com/usnistgov/trec_eval).
 */
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { extname } from "node:path";
import { type ColumnSource, fileWriter, ParquetWriter } from "hyparquet-writer";
import { AppError } from "../errors/app-error.js";
import { csvCell } from "./csv-cell.js";

export interface RankingRow {
  userId: string;
  itemId: string;
  /** 1 is best. */
  rank: number;
  score: number;
  /** What ranked, such as `RANKER`. */
  source: string;
}

export interface RankingFile {
  write(rows: readonly RankingRow[]): Promise<void>;
  /** Gives the file its name. */
  finish(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** Where a format's bytes go. */
interface Sink {
  write(rows: readonly RankingRow[]): Promise<void>;
  close(): Promise<void>;
}

/** Rows of a group of a Parquet file, which are in memory together. */
const GROUP_SIZE = 100_000;

const parquetSchema = [
  { name: "root", num_children: 6 },
  ...["user_id", "item_id", "source", "run"].map(name => ({
    name,
    type: "BYTE_ARRAY" as const,
    converted_type: "UTF8" as const,
    repetition_type: "REQUIRED" as const,
  })),
  { name: "rank", type: "INT32" as const, repetition_type: "REQUIRED" as const },
  { name: "score", type: "DOUBLE" as const, repetition_type: "REQUIRED" as const },
];

const sinks: Readonly<Record<string, (path: string, run: string) => Promise<Sink>>> = {
  ".parquet": async (path, run) => parquetSink(path, run),
  ".csv": (path, run) =>
    textSink(path, {
      head: "user_id,item_id,rank,score,source,run\n",
      line: ({ itemId, rank, score, source, userId }) =>
        [userId, itemId, rank, score, source, run].map(csvCell).join(","),
    }),
  ".jsonl": (path, run) =>
    textSink(path, {
      line: ({ itemId, rank, score, source, userId }) =>
        JSON.stringify({ user_id: userId, item_id: itemId, rank, score, source, run }),
    }),
  ".trec": (path, run) =>
    textSink(path, {
      line: ({ itemId, rank, score, userId }) =>
        [trecCell(userId), "Q0", trecCell(itemId), rank, score, trecCell(run)].join(" "),
    }),
};

export const rankingFileEndings = Object.keys(sinks);

/**
 * @param path Ends in one of {@link rankingFileEndings}.
 * @param run Names the ranking in every row.
 * @throws AppError INVALID_ARGUMENT for another ending; `write`: INVALID_ARGUMENT for an id that a TREC run cannot have.
 */
export async function openRankingFile(path: string, run: string): Promise<RankingFile> {
  const create = sinks[extname(path).toLowerCase()];
  if (!create) {
    throw refused(`must end in ${rankingFileEndings.join(", ")}, but got '${path}'`);
  }
  const temporary = `${path}.${process.pid}.tmp`;
  const sink = await create(temporary, run);
  return {
    write: rows => sink.write(rows),
    async finish() {
      await sink.close();
      await rename(temporary, path);
    },
    async discard() {
      await sink.close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
}

async function textSink(
  path: string,
  { head = "", line }: { head?: string; line: (row: RankingRow) => string },
): Promise<Sink> {
  const file: FileHandle = await open(path, "w");
  await file.write(head);
  return {
    async write(rows) {
      await file.appendFile(rows.map(row => `${line(row)}\n`).join(""));
    },
    async close() {
      await file.sync();
      await file.close();
    },
  };
}

function parquetSink(path: string, run: string): Sink {
  const writer = new ParquetWriter({ writer: fileWriter(path), schema: parquetSchema });
  let waiting: RankingRow[] = [];
  const flush = async () => {
    const rows = waiting;
    waiting = [];
    const columnData: ColumnSource[] = [
      { name: "user_id", data: rows.map(({ userId }) => userId) },
      { name: "item_id", data: rows.map(({ itemId }) => itemId) },
      { name: "source", data: rows.map(({ source }) => source) },
      { name: "run", data: rows.map(() => run) },
      { name: "rank", data: Int32Array.from(rows, ({ rank }) => rank) },
      { name: "score", data: Float64Array.from(rows, ({ score }) => score) },
    ];
    await writer.write({ columnData, rowGroupSize: GROUP_SIZE });
  };
  return {
    async write(rows) {
      waiting.push(...rows);
      if (waiting.length >= GROUP_SIZE) {
        await flush();
      }
    },
    async close() {
      if (waiting.length > 0) {
        await flush();
      }
      await writer.finish();
    },
  };
}

/** Columns are separated by white space. */
function trecCell(id: string): string {
  if (id === "" || /\s/.test(id)) {
    throw refused(`cannot be a TREC run: '${id}' has white space; choose another ending`);
  }
  return id;
}

function refused(problem: string): AppError {
  return new AppError("INVALID_ARGUMENT", { argument: "--output", problem });
}
