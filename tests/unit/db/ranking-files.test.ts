import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { openRankingFile, type RankingRow } from "../../../src/db/ranking-files.js";

const awkward: RankingRow[] = [
  { userId: 'Ann "A", Ö', itemId: "7,5", rank: 1, score: 0.1 + 0.2, source: "RANKER" },
  { userId: 'Ann "A", Ö', itemId: "line\nbreak", rank: 2, score: -1e-9, source: "RANKER" },
];
const plain: RankingRow[] = [
  { userId: "u1", itemId: "i2", rank: 1, score: 2.5, source: "FOLD_IN" },
  { userId: "u1", itemId: "i1", rank: 2, score: -0.25, source: "FOLD_IN" },
  { userId: "u2", itemId: "i1", rank: 1, score: 3, source: "POPULARITY" },
];

describe("openRankingFile", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ranking-files-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function written(name: string, parts: readonly (readonly RankingRow[])[]) {
    const path = join(folder, name);
    const file = await openRankingFile(path, "run-1");
    for (const rows of parts) {
      await file.write(rows);
    }
    await file.finish();
    expect(await readdir(folder)).toEqual([name]);
    return path;
  }

  async function readParquet(path: string) {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const rows = await parquetReadObjects({ file, metadata, compressors });
    return { rows, metadata };
  }

  it("writes CSV that another parser reads back, whatever the ids contain", async () => {
    const text = await readFile(
      await written("r.csv", [awkward.slice(0, 1), awkward.slice(1)]),
      "utf8",
    );
    expect(parse(text, { columns: true })).toEqual(
      awkward.map(({ itemId, rank, score, source, userId }) => ({
        user_id: userId,
        item_id: itemId,
        rank: String(rank),
        score: String(score),
        source,
        run: "run-1",
      })),
    );
  });

  it("writes a JSON object a line", async () => {
    const text = await readFile(await written("r.jsonl", [awkward]), "utf8");
    const lines = text.trimEnd().split("\n");
    expect(lines.map(line => JSON.parse(line) as unknown)).toEqual(
      awkward.map(({ itemId, rank, score, source, userId }) => ({
        user_id: userId,
        item_id: itemId,
        rank,
        score,
        source,
        run: "run-1",
      })),
    );
  });

  it("writes a TREC run: user, Q0, item, rank, score, run", async () => {
    const text = await readFile(await written("r.trec", [plain]), "utf8");
    expect(text).toBe(
      "u1 Q0 i2 1 2.5 run-1\n" + "u1 Q0 i1 2 -0.25 run-1\n" + "u2 Q0 i1 1 3 run-1\n",
    );
  });

  it("refuses ids that a TREC run cannot have", async () => {
    const file = await openRankingFile(join(folder, "r.trec"), "run");
    await expect(file.write([{ ...plain[0], userId: "Ann Lee" }])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("'Ann Lee' has white space") as string,
    });
    await file.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it("writes Parquet in groups of rows", async () => {
    const many = Array.from({ length: 250_000 }, (_, n): RankingRow => ({
      userId: `u${Math.floor(n / 1_000)}`,
      itemId: `ä${n}`,
      rank: (n % 1_000) + 1,
      score: n / 7,
      source: "RANKER",
    }));
    const parts = Array.from({ length: 250 }, (_, n) => many.slice(1_000 * n, 1_000 * (n + 1)));
    const { metadata, rows } = await readParquet(await written("r.parquet", parts));
    expect(metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([
      100_000, 100_000, 50_000,
    ]);
    expect(rows).toHaveLength(250_000);
    for (const n of [0, 99_999, 100_000, 249_999]) {
      expect(rows[n]).toEqual({
        user_id: many[n].userId,
        item_id: many[n].itemId,
        rank: many[n].rank,
        score: many[n].score,
        source: "RANKER",
        run: "run-1",
      });
    }
  });

  it.each(["r.parquet", "r.csv", "r.jsonl", "r.trec"])("writes %s without rows", async name => {
    const path = await written(name, []);
    if (name === "r.parquet") {
      expect((await readParquet(path)).rows).toEqual([]);
    }
  });

  it("leaves an earlier file unchanged when it is discarded", async () => {
    const path = await written("r.csv", [plain]);
    const before = await readFile(path, "utf8");
    const file = await openRankingFile(path, "run-2");
    await file.write(awkward);
    await file.discard();
    expect(await readFile(path, "utf8")).toBe(before);
    expect(await readdir(folder)).toEqual(["r.csv"]);
  });

  it("refuses other endings", async () => {
    await expect(openRankingFile(join(folder, "r.xlsx"), "run")).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(".parquet, .csv, .jsonl, .trec") as string,
    });
  });
});
