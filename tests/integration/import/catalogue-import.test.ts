import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { BlobStore } from "../../../src/db/blob-store.js";
import type { Database } from "../../../src/db/database.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { RankingQueries } from "../../../src/db/ranking-queries.js";
import { MovieLensSource } from "../../../src/recsys/datasets/movielens.js";
import { StickersSource } from "../../../src/recsys/datasets/stickers.js";
import {
  CatalogueImportService,
  type ImportProgress,
} from "../../../src/recsys/import/catalogue-import.service.js";
import { CatalogueSource } from "../../../src/recsys/import/catalogue.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { contentOf, movieLensCounts, NUM_USERS, pngFile, writeMovieLens } from "./sources.js";

interface Reject {
  part: string;
  file: string;
  line: number;
  reason: string;
  row: unknown;
}

function rejectsOf({ rejectsPath }: { rejectsPath: string | null }): Reject[] {
  const lines = readFileSync(rejectsPath ?? "", "utf8")
    .trim()
    .split("\n");
  return lines.map(line => JSON.parse(line) as Reject);
}

describeOnEveryDatabase("CatalogueImportService", open => {
  let db: Database;
  let home: string;
  let folder: string;
  let service: CatalogueImportService;
  beforeAll(async () => {
    db = await open();
  });
  beforeEach(async () => {
    await db.pool.query("TRUNCATE users, items, blobs, import_runs RESTART IDENTITY CASCADE");
    home = mkdtempSync(join(tmpdir(), "vitrine-import-"));
    folder = join(home, "source");
    mkdirSync(folder);
    service = new CatalogueImportService({
      prisma: db.prisma,
      blobs: new BlobStore(new FolderArtefactStore(home)),
      store: new FolderArtefactStore(home),
    });
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  describe("of MovieLens", () => {
    const template = mkdtempSync(join(tmpdir(), "vitrine-movielens-"));
    beforeAll(() => writeMovieLens(template));
    afterAll(() => {
      rmSync(template, { recursive: true });
    });
    beforeEach(() => {
      cpSync(template, folder, { recursive: true });
    });

    it("stores movies, posters, ratings and captions, and reports rejected rows", async () => {
      const result = await service.run(new MovieLensSource(folder));
      expect(result.counts).toEqual(movieLensCounts);
      expect(await db.prisma.user.count()).toBe(NUM_USERS);
      expect(
        await db.prisma.item.findUnique({ where: { id: "1" }, include: { caption: true } }),
      ).toMatchObject({
        title: "Movie, the 1",
        category: "Drama",
        keywords: ["Drama", "War"],
        description: "A first sentence. A second one.",
        caption: { text: "Movie, the 1, drama, war: A first sentence.", source: "IMPORTED" },
      });
      expect(await db.prisma.caption.count()).toBe(1);
      const [first] = await new RankingQueries(db.pool).historyOf("1", 1_000);
      expect(first).toMatchObject({
        itemId: "1",
        kind: "RATING",
        weight: 0.5,
        occurredAt: new Date(1_000_000_000_000),
      });
      expect(rejectsOf(result).map(({ part, line, reason }) => [part, line, reason])).toEqual([
        ["items", 102, "movieId: must be a whole number"],
        ["items", 103, "must have 3 fields, but got 1"],
        ["images", 223, expect.stringMatching(/cannot be decoded/)],
        ["images", 270, "No item with id '7002'"],
        ["interactions", 1502, "No item with id '999999'"],
        ["interactions", 1503, expect.stringMatching(/^rating: .*5/)],
      ]);
    });

    it("does nothing the second time, and reports the same counts", async () => {
      const first = await service.run(new MovieLensSource(folder));
      const before = await contentOf(db);
      const second = await service.run(new MovieLensSource(folder));
      expect(second).toEqual({ ...first, wasComplete: true });
      expect(await contentOf(db)).toBe(before);
    });

    it("updates no item when it repeats the same files", async () => {
      await service.run(new MovieLensSource(folder));
      const before = await db.prisma.item.findMany({ orderBy: { id: "asc" } });
      const again = await service.run(new MovieLensSource(folder), { restart: true });
      expect(again).toMatchObject({ wasComplete: false, counts: movieLensCounts });
      expect(await db.prisma.item.findMany({ orderBy: { id: "asc" } })).toEqual(before);
      expect(await db.prisma.interaction.count()).toBe(movieLensCounts.interactions.accepted);
    });

    it("resumes after the last committed batch, wherever it was stopped", async () => {
      await service.run(new MovieLensSource(folder));
      const expected = await contentOf(db);
      await db.pool.query("TRUNCATE users, items, blobs, import_runs RESTART IDENTITY CASCADE");

      const stops = [
        ({ part, done }: ImportProgress) => part === "items" && done > 0,
        ({ part, done }: ImportProgress) => part === "images" && done === 250,
        ({ part, done }: ImportProgress) => part === "interactions" && done === 1_000,
        ({ part, done }: ImportProgress) => part === "interactions" && done === 3_000,
      ];
      for (const isTime of stops) {
        const stopping = new AbortController();
        const run = service.run(new MovieLensSource(folder), {
          signal: stopping.signal,
          onProgress: progress => {
            if (isTime(progress)) {
              stopping.abort(new Error("stopped by the test"));
            }
          },
        });
        await expect(run).rejects.toThrow("stopped by the test");
      }
      const result = await service.run(new MovieLensSource(folder));
      expect(result.counts).toEqual(movieLensCounts);
      expect(rejectsOf(result)).toHaveLength(6);
      expect(await contentOf(db)).toBe(expected);
    });

    it("drops rejects of a batch that was not committed", async () => {
      const stopping = new AbortController();
      const run = service.run(new MovieLensSource(folder), {
        signal: stopping.signal,
        onProgress: ({ part }) => {
          if (part === "images") {
            stopping.abort(new Error("stopped by the test"));
          }
        },
      });
      await expect(run).rejects.toThrow("stopped by the test");
      const { id } = await db.prisma.importRun.findFirstOrThrow();
      mkdirSync(join(home, "rejects", id), { recursive: true });
      writeFileSync(join(home, "rejects", id, "9.jsonl"), '{"part":"images","line":1}\n{"half');
      const result = await service.run(new MovieLensSource(folder));
      expect(rejectsOf(result)).toHaveLength(6);
    });

    it("refuses to resume with changed files, unless restarted", async () => {
      const stopping = new AbortController();
      const options = {
        signal: stopping.signal,
        onProgress: ({ part }: ImportProgress) => {
          if (part === "images") {
            stopping.abort(new Error("stopped by the test"));
          }
        },
      };
      const run = service.run(new MovieLensSource(folder), options);
      await expect(run).rejects.toThrow("stopped by the test");
      appendFileSync(join(folder, "ratings.csv"), "1,2,5.0,1100000000\r\n");
      await expect(service.run(new MovieLensSource(folder))).rejects.toMatchObject({
        code: "IMPORT_SOURCE_CHANGED",
        details: { path: "ratings.csv" },
      });
      const { counts } = await service.run(new MovieLensSource(folder), { restart: true });
      expect(counts.interactions.accepted).toBe(movieLensCounts.interactions.accepted + 1);
      expect(await db.prisma.importRun.count()).toBe(1);
    });

    it("detects a file that changes while it is read", async () => {
      const run = service.run(new MovieLensSource(folder), {
        onProgress: ({ part, done }) => {
          if (part === "interactions" && done === 1_000) {
            appendFileSync(join(folder, "movies.csv"), "9000,New,Drama\r\n");
          }
        },
      });
      await expect(run).rejects.toMatchObject({ code: "IMPORT_SOURCE_CHANGED" });
    });

    it("reports a missing file, and imports nothing from a faulty one", async () => {
      rmSync(join(folder, "ratings.csv"));
      await expect(service.run(new MovieLensSource(folder))).rejects.toMatchObject({
        code: "FILE_NOT_FOUND",
      });
      write("ratings.csv", "user,movieId,rating\r\n");
      await expect(service.run(new MovieLensSource(folder))).rejects.toMatchObject({
        code: "FILE_MALFORMED",
        message: expect.stringContaining(
          "'userId' is missing; the column 'timestamp' is missing",
        ) as unknown,
      });
      expect(await db.prisma.item.count()).toBe(0);
    });
  });

  describe("of a shop's catalogue", () => {
    it("imports the same from CSV and from JSON Lines", async () => {
      const csv = {
        items: write(
          "items.csv",
          '\ufeffid,title,keywords,available,category,color\r\na,"Lamp, red",light|red,no,,x\r\nb,Chair,,,Seats,\r\n',
        ),
        interactions: write(
          "interactions.csv",
          "userId,itemId,kind,occurredAt,weight\nu1,a,like,2026-01-02T03:04:05Z,\nu1,b,PURCHASE,1767323045,2.5\n",
        ),
      };
      const first = await service.run(new CatalogueSource(csv));
      const fromCsv = await db.pool.query(
        "SELECT id, title, keywords, is_available, category FROM items ORDER BY id",
      );
      const likes = await db.pool.query(
        "SELECT user_id, item_id, kind, weight, occurred_at FROM interactions ORDER BY id",
      );
      expect(fromCsv.rows).toEqual([
        {
          id: "a",
          title: "Lamp, red",
          keywords: ["light", "red"],
          is_available: false,
          category: null,
        },
        { id: "b", title: "Chair", keywords: [], is_available: true, category: "Seats" },
      ]);
      expect(likes.rows).toEqual([
        {
          user_id: "u1",
          item_id: "a",
          kind: "LIKE",
          weight: 1,
          occurred_at: new Date("2026-01-02T03:04:05Z"),
        },
        {
          user_id: "u1",
          item_id: "b",
          kind: "PURCHASE",
          weight: 2.5,
          occurred_at: new Date("2026-01-02T03:04:05Z"),
        },
      ]);

      const { updatedAt } = await db.prisma.item.findUniqueOrThrow({ where: { id: "a" } });
      const jsonl = {
        items: write(
          "items.jsonl",
          '{"id":"a","title":"Lamp, red","keywords":["light","red"],"available":false}\n{"id":"b","title":"Chair","category":"Seats"}\n',
        ),
        interactions: write(
          "interactions.jsonl",
          '{"userId":"u1","itemId":"a","kind":"LIKE","occurredAt":"2026-01-02 03:04:05"}\n{"userId":"u1","itemId":"b","kind":"purchase","occurredAt":1767323045,"weight":2.5}\n',
        ),
      };
      const second = await service.run(new CatalogueSource(jsonl));
      expect(second.counts).toEqual(first.counts);
      expect((await db.prisma.item.findUniqueOrThrow({ where: { id: "a" } })).updatedAt).toEqual(
        updatedAt,
      );
      expect(await db.prisma.interaction.count()).toBe(2);
    });

    it("rejects rows that the database cannot store, each with its reason", async () => {
      const items = [
        { id: "good", title: "Good" },
        { id: "", title: "No id" },
        { id: "x".repeat(201), title: "Long id" },
        { id: "zero", title: "a\u0000b" },
        { id: "untitled", title: "  " },
        { title: "nothing else" },
        { id: "list", title: ["a"] },
        [],
        "text",
        null,
      ];
      const likes = [
        { kind: "LIKE", occurredAt: "2026-01-01T00:00:00Z" },
        { kind: "HATE", occurredAt: "2026-01-01T00:00:00Z" },
        { kind: "LIKE", occurredAt: "yesterday" },
        { kind: "LIKE", occurredAt: "9999-01-01T00:00:00Z" },
        { kind: "LIKE", occurredAt: "2026-01-01T00:00:01Z", weight: -1 },
        { kind: "LIKE", occurredAt: "2026-01-01T00:00:02Z", weight: "NaN" },
        { kind: "LIKE", occurredAt: "2026-01-01T00:00:03Z", itemId: "unknown" },
      ].map(like => ({ userId: "u", itemId: "good", ...like }));
      const lines = (rows: readonly unknown[]) =>
        rows.map(row => `${JSON.stringify(row)}\n`).join("");
      const result = await service.run(
        new CatalogueSource({
          items: write("items.jsonl", lines(items)),
          interactions: write("interactions.jsonl", lines(likes)),
        }),
      );
      expect(result.counts).toEqual({
        items: { accepted: 1, rejected: 9 },
        images: { accepted: 0, rejected: 0 },
        interactions: { accepted: 1, rejected: 6 },
      });
      const rejects = rejectsOf(result);
      expect(rejects.every(({ reason }) => reason !== "")).toBe(true);
      expect(rejects[2]).toEqual({
        part: "items",
        file: "items.jsonl",
        line: 4,
        reason:
          "title: must not hold the character U+0000 or half a character (a lone surrogate), which Postgres cannot store",
        row: items[3],
      });
    });

    it("finds pictures only by path, item id or URL", async () => {
      const images = join(home, "pictures");
      mkdirSync(join(images, "deep"), { recursive: true });
      writeFileSync(join(images, "deep", "lamp.png"), await pngFile(1));
      writeFileSync(join(images, "by-id.webp"), await pngFile(2)); // the content counts, not the name
      writeFileSync(join(images, "broken.png"), "no picture");
      writeFileSync(join(home, "secret.png"), await pngFile(9));
      symlinkSync(join(home, "secret.png"), join(images, "link.png"));
      const remote = await pngFile(3);
      const server = createServer((_, response) => response.end(remote));
      await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/chair.png`;
      const rows = [
        ["by-path", "deep/lamp.png"],
        ["by-id", ""],
        ["by-url", url],
        ["none", ""],
        ["broken", ""],
        ["missing", "nowhere.png"],
        ["above", "../secret.png"],
        ["root", join(home, "secret.png")],
        ["linked", "link.png"],
        ["scheme", "file:///etc/hostname"],
      ];
      const items = write(
        "items.csv",
        `id,title,image\n${rows.map(([id, image]) => `${id},T,${image}\n`).join("")}`,
      );
      const options = { items, images, remote: { allowPrivate: true } };
      const result = await service.run(new CatalogueSource(options));
      const found = await db.prisma.itemImage.findMany({ orderBy: { itemId: "asc" } });
      expect(found.map(({ itemId, source }) => [itemId, source])).toEqual([
        ["by-id", "by-id.webp"],
        ["by-path", "deep/lamp.png"],
        ["by-url", url],
      ]);
      const stored = await new BlobStore(new FolderArtefactStore(home)).get(found[2].blobHash);
      expect(Buffer.from(stored).equals(remote)).toBe(true);
      expect(
        rejectsOf(result).map(({ line, reason }) => [line, reason.replace(/^'.*?' /, "")]),
      ).toEqual([
        [6, "The picture is of no known type; JPEG, PNG, WebP, AVIF, GIF or SVG is needed"],
        [7, expect.stringMatching(/^No file '.*nowhere.png'$/)],
        [8, "may not be fetched: it leads outside the image folder"],
        [9, "may not be fetched: it leads outside the image folder"],
        [10, "may not be fetched: it leads outside the image folder"],
        [11, "may not be fetched: it does not lead to an http or https address"],
      ]);

      // Without permission, the same address is not even connected to.
      const strict = await service.run(new CatalogueSource({ items, refetchImages: true }), {
        restart: true,
      });
      expect(
        rejectsOf(strict).some(({ reason }) => reason.includes("its address is not public")),
      ).toBe(true);
      server.closeAllConnections();
      server.close();
    });

    it("replaces a captioner's caption by the catalogue's, and an old picture by the new one", async () => {
      const items = write(
        "items.jsonl",
        '{"id":"a","title":"A","caption":"a red lamp","image":"a.png"}',
      );
      write("a.png", await pngFile(1));
      await new ItemsRepository(db.prisma).upsertMany([
        {
          id: "a",
          title: "A",
          description: "",
          category: null,
          keywords: [],
          isAvailable: true,
          attribution: null,
          caption: null,
        },
      ]);
      await db.prisma.caption.create({
        data: {
          itemId: "a",
          text: "guess",
          source: "MODEL",
          model: "m@1",
          blobHash: "0".repeat(64),
        },
      });
      await service.run(new CatalogueSource({ items }));
      expect(await db.prisma.caption.findUnique({ where: { itemId: "a" } })).toMatchObject({
        text: "a red lamp",
        source: "IMPORTED",
        model: null,
        blobHash: null,
      });
      const before = await db.prisma.itemImage.findUniqueOrThrow({ where: { itemId: "a" } });
      write("a.png", await pngFile(2));
      await service.run(new CatalogueSource({ items }), { restart: true });
      const after = await db.prisma.itemImage.findUniqueOrThrow({ where: { itemId: "a" } });
      expect(after.blobHash).not.toBe(before.blobHash);
    });

    it("requires at least one file, of a known kind", async () => {
      expect(() => new CatalogueSource({})).toThrow("--items or --interactions must be given");
      const xls = new CatalogueSource({ items: write("items.xlsx", "PK\u0003\u0004") });
      await expect(service.run(xls)).rejects.toMatchObject({ code: "FILE_MALFORMED" });
      const lost = new CatalogueSource({
        items: write("i.csv", "id,title\n"),
        images: join(home, "no"),
      });
      await expect(service.run(lost)).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    });
  });

  describe("of the stickers", () => {
    const options = { limitConcepts: 6, users: { numUsers: 5, minLikes: 3, maxLikes: 4 } };

    it("creates items of four styles with attribution, and simulated users", async () => {
      const { counts } = await service.run(new StickersSource(options));
      expect(counts.items).toEqual({ accepted: 24, rejected: 0 });
      expect(counts.interactions.rejected).toBe(0);
      const items = await db.prisma.item.findMany({
        include: { caption: true, image: { include: { blob: true } } },
      });
      for (const item of items) {
        expect(item.id).toMatch(/^(fluent-3d|fluent-flat|noto|twemoji):[a-z0-9_-]+$/);
        expect(item.attribution).toMatch(/MIT|Apache-2.0|CC BY 4.0/);
        expect(item.caption?.text).toMatch(/, in (glossy|flat|noto|twemoji) /);
        expect(item.image?.blob).toMatchObject({
          mediaType: "image/png",
          widthPixels: 128,
          heightPixels: 128,
        });
      }
      const users = await db.prisma.user.findMany({ orderBy: { id: "asc" } });
      expect(users.map(({ id }) => id)).toEqual([
        "sim-0001",
        "sim-0002",
        "sim-0003",
        "sim-0004",
        "sim-0005",
      ]);
      expect(users.every(({ isSimulated }) => isSimulated)).toBe(true);
    });

    it("names only the object in captions if asked to, for the same users and likes", async () => {
      await service.run(new StickersSource(options));
      const likes = () =>
        db.prisma.interaction.findMany({
          orderBy: [{ userId: "asc" }, { occurredAt: "asc" }],
          select: { userId: true, itemId: true, occurredAt: true },
        });
      const expected = await likes();
      await db.pool.query("TRUNCATE users, items, blobs, import_runs RESTART IDENTITY CASCADE");
      await service.run(new StickersSource({ ...options, captions: "titles" }));
      const items = await db.prisma.item.findMany({ include: { caption: true } });
      for (const { caption, title } of items) {
        expect(caption?.text).toMatch(new RegExp(`^(an? )?${title}$`));
      }
      expect(await likes()).toEqual(expected);
    });

    it("gives the same users when stopped between stickers and likes", async () => {
      await service.run(new StickersSource(options));
      const expected = await contentOf(db);
      await db.pool.query("TRUNCATE users, items, blobs, import_runs RESTART IDENTITY CASCADE");
      const stopping = new AbortController();
      const run = service.run(new StickersSource(options), {
        signal: stopping.signal,
        onProgress: ({ part }) => {
          if (part === "interactions") {
            stopping.abort(new Error("stopped by the test"));
          }
        },
      });
      await expect(run).rejects.toThrow("stopped by the test");
      await service.run(new StickersSource(options));
      expect(await contentOf(db)).toBe(expected);
    });
  });
});
