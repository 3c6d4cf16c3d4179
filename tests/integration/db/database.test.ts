import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../../src/db/database.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import { JobsRepository } from "../../../src/db/jobs.repository.js";
import { describeOnEveryDatabase, emptyTemplate } from "../../helpers/databases.js";

describeOnEveryDatabase("openDatabase()", open => {
  it("keeps answering after failed statements", async () => {
    const { pool, prisma } = await open();
    for (let round = 0; round < 3; round++) {
      await expect(pool.query("SELECT nonsense")).rejects.toThrow("nonsense");
      await expect(
        prisma.interaction.create({
          data: { userId: "x", itemId: "y", kind: "LIKE", occurredAt: new Date() },
        }),
      ).rejects.toThrow();
    }
    const answers = await Promise.all([
      pool.query("SELECT 1 AS n"),
      prisma.user.count(),
      pool.query("SELECT $1::int AS n", [2]),
      prisma.item.count(),
    ]);
    expect(answers.map(answer => (typeof answer === "number" ? answer : answer.rows))).toEqual([
      [{ n: 1 }],
      0,
      [{ n: 2 }],
      0,
    ]);
  });

  it("reads and writes the same time by Prisma and by SQL, whatever the database's zone", async () => {
    const { pool, prisma } = await open();
    const occurredAt = new Date("2024-03-01T17:00:00.000Z");
    await prisma.user.create({ data: { id: "in-time" } });
    await prisma.item.create({ data: { id: "in-time", title: "clock" } });
    const ofUser = { userId: "in-time", itemId: "in-time", weight: 1 };
    await prisma.interaction.create({ data: { ...ofUser, kind: "VIEW", occurredAt } });
    await new InteractionsRepository(prisma).insertMany([{ ...ofUser, kind: "CLICK", occurredAt }]);
    await pool.query(
      "INSERT INTO interactions (user_id, item_id, kind, weight, occurred_at) VALUES ($1, $1, 'LIKE', 1, $2)",
      ["in-time", occurredAt],
    );
    const bySql = await pool.query<{ at: Date; epoch: string }>(
      "SELECT occurred_at AS at, extract(epoch FROM occurred_at) AS epoch FROM interactions WHERE user_id = 'in-time'",
    );
    expect(bySql.rows.map(row => row.at)).toEqual([occurredAt, occurredAt, occurredAt]);
    expect(bySql.rows.map(row => Number(row.epoch) * 1000)).toEqual(Array(3).fill(+occurredAt));
    const byPrisma = await prisma.interaction.findMany({ where: { userId: "in-time" } });
    expect(byPrisma.map(row => row.occurredAt)).toEqual([occurredAt, occurredAt, occurredAt]);
    const where = { occurredAt: { gte: occurredAt, lte: occurredAt } };
    expect(await prisma.interaction.count({ where })).toBe(3);
  });

  it("gives a job one creation time", async () => {
    const { pool, prisma } = await open();
    const [{ job }] = await new JobsRepository(pool).createMany([{ kind: "INDEX", payload: {} }]);
    const byPrisma = await prisma.job.findUniqueOrThrow({ where: { id: job.id } });
    expect(byPrisma.createdAt).toEqual(job.createdAt);
  });

  it("rolls back a failed transaction completely", async () => {
    const { prisma } = await open();
    await expect(
      prisma.$transaction(async tx => {
        await tx.user.create({ data: { id: "half" } });
        throw new Error("stop");
      }),
    ).rejects.toThrow("stop");
    expect(await prisma.user.findUnique({ where: { id: "half" } })).toBeNull();
  });

  it("refuses invalid states", async () => {
    const { pool, prisma } = await open();
    await prisma.item.create({ data: { id: "i1", title: "cat" } });
    const impossible = [
      `INSERT INTO blobs (hash, media_type, size_bytes, width_pixels, height_pixels) VALUES ('xyz', 'image/png', 1, 1, 1)`,
      `INSERT INTO captions (item_id, text, source) VALUES ('i1', 'a cat', 'MODEL')`,
      `INSERT INTO embeddings (item_id, kind, encoder, dimension, vector, source_hash) VALUES ('i1', 'IMAGE', 'e', 2, '\\x00', 'h')`,
      `INSERT INTO jobs (id, kind, payload, state) VALUES (gen_random_uuid(), 'INDEX', '{}', 'SUCCEEDED')`,
      `INSERT INTO ranking_model_versions (id, algorithm, config, seed, is_active) VALUES (gen_random_uuid(), 'MICRO', '{}', 1, true)`,
    ];
    for (const sql of impossible) {
      await expect(pool.query(sql)).rejects.toThrow("check");
    }
  });
});

describe("openDatabase() in a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vitrine-database-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const open = () => openDatabase({ databaseUrl: null, folder, template: emptyTemplate() });

  /** Changes when any file of the database changes. */
  const filesHash = () => {
    const hash = createHash("sha256");
    const root = join(folder, "pgdata");
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) {
        const path = join(entry.parentPath, entry.name);
        hash.update(path).update(readFileSync(path));
      }
    }
    return hash.digest("hex");
  };

  it("keeps its data, and releases the folder", async () => {
    const first = await open();
    await first.prisma.user.create({ data: { id: "kept" } });
    await expect(open()).rejects.toMatchObject({ code: "DATA_FOLDER_LOCKED" });
    await first.close();
    const second = await open();
    expect(await second.prisma.user.count()).toBe(1);
    await second.close();
    expect(readdirSync(folder)).toEqual(["pgdata"]);
  });

  it("writes nothing after another process took the folder", async () => {
    const child = fork(
      join(import.meta.dirname, "lose-lock.js"),
      [folder, process.env.VITRINE_TEST_TEMPLATE!],
      { execArgv: [], env: { ...process.env, NODE_OPTIONS: "" } },
    );
    expect(await once(child, "message")).toMatchObject([{ lost: "DATA_FOLDER_LOST" }]);
    const before = filesHash();
    child.send("continue");
    const code = "DATA_FOLDER_LOST";
    expect(await once(child, "message")).toMatchObject([
      { commit: code, query: code, upsert: code },
    ]);
    await once(child, "exit");
    expect(filesHash()).toBe(before);

    const next = await open();
    expect(await next.prisma.user.count()).toBe(0);
    await next.close();
  });

  it("reports a folder of another major version of Postgres", async () => {
    await (await open()).close();
    const versionFile = join(folder, "pgdata", "PG_VERSION");
    expect(readFileSync(versionFile, "utf8")).toBe("18\n"); // else EMBEDDED_MAJOR is to be raised
    writeFileSync(versionFile, "16\n");
    await expect(open()).rejects.toMatchObject({
      code: "DATA_FOLDER_VERSION",
      details: { found: "16", expected: "18" },
    });
  });

  it("reports a database that does not start", async () => {
    mkdirSync(join(folder, "pgdata"));
    writeFileSync(join(folder, "pgdata", "PG_VERSION"), "18\n");
    await expect(open()).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    expect(readdirSync(folder)).toEqual(["pgdata"]); // the lock is given back
  });

  it("reports a folder that cannot be created", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(
      openDatabase({ databaseUrl: null, folder: join(folder, "file", "postgres") }),
    ).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
  });
});
