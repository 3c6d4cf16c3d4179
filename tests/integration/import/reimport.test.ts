/** @file Repeated imports: part of the columns, repeated ids, failed images, files without a valid row. */
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { BlobStore } from "../../../src/db/blob-store.js";
import type { Database } from "../../../src/db/database.js";
import { CatalogueImportService } from "../../../src/recsys/import/catalogue-import.service.js";
import { CatalogueSource } from "../../../src/recsys/import/catalogue.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { pngFile } from "./sources.js";

const input = (name: string) => resolve(import.meta.dirname, "../../fixtures/inputs/shop", name);

/** A shop's image server that records the requested paths. */
async function serve(servedFiles: Record<string, Buffer>, port = 0) {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const found = servedFiles[request.url ?? ""] as Buffer | undefined;
    response.writeHead(found ? 200 : 404, { "content-type": "image/png" }).end(found);
  });
  await new Promise<void>(ready => server.listen(port, "127.0.0.1", ready));
  return {
    asked,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>(closed => {
        server.closeAllConnections();
        server.close(() => {
          closed();
        });
      }),
  };
}

describeOnEveryDatabase("importing again", open => {
  let db: Database;
  let home: string;
  let folder: string;
  let service: CatalogueImportService;
  beforeAll(async () => {
    db = await open();
  });
  beforeEach(async () => {
    await db.pool.query("TRUNCATE users, items, blobs, import_runs RESTART IDENTITY CASCADE");
    home = mkdtempSync(join(tmpdir(), "vitrine-reimport-"));
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
  const importItems = (items: string, options = {}) =>
    service.run(
      new CatalogueSource({ items, remote: { allowPrivate: true, numRetries: 0 }, ...options }),
    );
  const itemsNow = async () => {
    const rows = await db.prisma.item.findMany({
      orderBy: { id: "asc" },
      include: { caption: true },
    });
    return rows.map(({ id, title, description, category, keywords, isAvailable, caption }) => ({
      id,
      title,
      description,
      category,
      keywords,
      isAvailable,
      caption: caption?.text ?? null,
    }));
  };

  describe("part of the columns", () => {
    it("changes only the title when the file has only ids and titles", async () => {
      await importItems(input("full.csv"));
      await importItems(input("delta.csv"));
      const shirt = { description: "", category: null, caption: null };
      expect(await itemsNow()).toEqual([
        {
          ...shirt,
          id: "1",
          title: "Red shirt NEW",
          keywords: ["red", "shirt"],
          isAvailable: false,
        },
        {
          ...shirt,
          id: "2",
          title: "Blue shirt",
          keywords: ["blue", "shirt"],
          isAvailable: true,
        },
      ]);
    });

    it("keeps columns that a file lacks, and clears those with empty cells", async () => {
      await importItems(
        write(
          "all.jsonl",
          '{"id":"a","title":"A","description":"long","category":"c","keywords":["k"],"available":false,"attribution":"me","caption":"a red lamp"}',
        ),
      );
      const before = { description: "long", category: "c", keywords: ["k"], isAvailable: false };
      const stored = { id: "a", title: "A", ...before, caption: "a red lamp" };
      await importItems(write("title.csv", "id,title\na,B\n"));
      expect(await itemsNow()).toEqual([{ ...stored, title: "B" }]);
      await importItems(write("text.csv", "id,title,description,category\na,B,short,\n"));
      expect(await itemsNow()).toEqual([
        { ...stored, title: "B", description: "short", category: null },
      ]);
      await importItems(write("words.csv", "id,title,keywords,available\na,B,,yes\n"));
      expect(await itemsNow()).toEqual([
        {
          ...stored,
          title: "B",
          description: "short",
          category: null,
          keywords: [],
          isAvailable: true,
        },
      ]);
      await importItems(write("caption.csv", "id,title,caption\na,B,\n"));
      expect(await itemsNow()).toMatchObject([{ description: "short", caption: null }]);
      expect(await db.prisma.item.findUnique({ where: { id: "a" } })).toMatchObject({
        attribution: "me",
      });
    });

    it("keeps pictures and interactions", async () => {
      write("a.png", await pngFile(1));
      await service.run(
        new CatalogueSource({
          items: write("items.csv", "id,title,image\na,A,a.png\n"),
          interactions: write(
            "likes.csv",
            "userId,itemId,kind,occurredAt\nu,a,like,2026-01-01T00:00:00Z\n",
          ),
        }),
      );
      await importItems(write("delta.csv", "id,title\na,B\n"));
      expect(await db.prisma.itemImage.count()).toBe(1);
      expect(await db.prisma.interaction.count()).toBe(1);
    });
  });

  describe("repeated ids", () => {
    it("keeps the last row of each, and counts the replaced ones", async () => {
      const { counts } = await importItems(input("dup.csv"));
      expect(counts.items).toEqual({ accepted: 4, rejected: 0, replaced: 2 });
      expect((await itemsNow()).map(({ id, title }) => [id, title])).toEqual([
        ["1", "Second"],
        ["2", "Spaces"],
      ]);
    });

    it("counts them across batches and a stop", async () => {
      const rows = Array.from({ length: 2_500 }, (_, n) => `i${n % 1_300},Item ${n}\n`);
      const items = write("many.csv", `id,title\n${rows.join("")}`);
      const stopping = new AbortController();
      const stopped = service.run(new CatalogueSource({ items }), {
        signal: stopping.signal,
        onProgress: ({ done }) => {
          if (done === 1_000) {
            stopping.abort(new Error("stopped by the test"));
          }
        },
      });
      await expect(stopped).rejects.toThrow("stopped by the test");
      const { counts } = await importItems(items);
      expect(counts.items).toEqual({ accepted: 2_500, rejected: 0, replaced: 1_200 });
      expect(await db.prisma.item.count()).toBe(1_300);
    });
  });

  describe("pictures that failed", () => {
    it("fetches only those again", async () => {
      const good = await pngFile(1);
      const late = await pngFile(2);
      const servedFiles: Record<string, Buffer> = { "/good.png": good };
      const shop = await serve(servedFiles);
      const at = (name: string) => `http://127.0.0.1:${shop.port}/${name}`;
      const rows = [`1,A,${at("good.png")}`, `2,B,${at("late.png")}`, `3,C,${at("never.png")}`];
      const items = write("items.csv", `id,title,image\n${rows.join("\n")}\n,no id,\n`);
      const first = await importItems(items);
      expect(first).toMatchObject({
        retried: [],
        counts: { items: { accepted: 3, rejected: 1 }, images: { accepted: 1, rejected: 2 } },
      });

      servedFiles["/late.png"] = late;
      shop.asked.length = 0;
      const second = await importItems(items);
      expect(shop.asked.sort()).toEqual(["/late.png", "/never.png"]);
      expect(second).toMatchObject({
        retried: ["images"],
        wasComplete: false,
        counts: { items: { accepted: 3, rejected: 1 }, images: { accepted: 2, rejected: 1 } },
      });
      const log = readFileSync(second.rejectsPath ?? "", "utf8");
      const rejects = log
        .trim()
        .split("\n")
        .map(line => (JSON.parse(line) as { part: string }).part);
      expect(rejects).toEqual(["items", "images"]);

      servedFiles["/never.png"] = good;
      expect((await importItems(items)).counts.images).toEqual({ accepted: 3, rejected: 0 });
      shop.asked.length = 0;
      expect(await importItems(items)).toMatchObject({ wasComplete: true, retried: [] });
      expect(shop.asked).toEqual([]);
      await shop.close();
    });

    it("retries both of a server that was down", async () => {
      const probe = await serve({});
      await probe.close();
      const text = readFileSync(input("retry.csv"), "utf8").replaceAll("4199", `${probe.port}`);
      const items = write("retry.csv", text);
      expect((await importItems(items)).counts.images).toEqual({ accepted: 0, rejected: 2 });
      const shop = await serve({ "/ok.jpg": await pngFile(1) }, probe.port);
      expect((await importItems(items)).counts.images).toEqual({ accepted: 2, rejected: 0 });
      expect(await db.prisma.itemImage.count()).toBe(2);
      await shop.close();
    });

    it("fetches no URL again for another file, unless told to or the file is gone", async () => {
      const shop = await serve({ "/a.png": await pngFile(1) });
      const row = `1,A,http://127.0.0.1:${shop.port}/a.png\n`;
      await importItems(write("monday.csv", `id,title,image\n${row}`));
      const tuesday = write("tuesday.csv", `id,title,image\n${row}2,B,\n`);
      expect((await importItems(tuesday)).counts.images).toEqual({ accepted: 1, rejected: 0 });
      expect(shop.asked).toHaveLength(1);

      const wednesday = write("wednesday.csv", `id,title,image\n${row}3,C,\n`);
      await importItems(wednesday, { refetchImages: true });
      expect(shop.asked).toHaveLength(2);

      const { blobHash } = await db.prisma.itemImage.findFirstOrThrow();
      await new BlobStore(new FolderArtefactStore(home)).remove(blobHash);
      await importItems(write("thursday.csv", `id,title,image\n${row}4,D,\n`));
      expect(shop.asked).toHaveLength(3);
      expect(await new BlobStore(new FolderArtefactStore(home)).stat(blobHash)).not.toBeNull();
      await shop.close();
    });

    it("reads a changed file in the folder again", async () => {
      write("a.png", await pngFile(1));
      const items = write("items.csv", "id,title,image\na,A,a.png\n");
      await importItems(items);
      const before = await db.prisma.itemImage.findFirstOrThrow();
      const another = await pngFile(2);
      write("a.png", Buffer.concat([another]));
      appendFileSync(items, "b,B,\n");
      await importItems(items);
      const after = await db.prisma.itemImage.findFirstOrThrow();
      expect(after.blobHash).not.toBe(before.blobHash);
    });
  });

  describe("a file without a usable row", () => {
    it("reports the reason, again the second time", async () => {
      copyFileSync(input("all-rejected.csv"), join(folder, "likes.csv"));
      const run = () =>
        service.run(new CatalogueSource({ interactions: join(folder, "likes.csv") }));
      for (const attempt of [run, run]) {
        await expect(attempt()).rejects.toMatchObject({
          code: "IMPORT_NOTHING_TAKEN",
          message: expect.stringMatching(
            /interactions was taken: all 1 rows .* likes\.csv:2: No item with id 'nosuch'/,
          ) as unknown,
        });
      }
    });

    it("reports missing rows, but not failed pictures", async () => {
      await expect(importItems(write("empty.csv", "id,title\n"))).rejects.toMatchObject({
        code: "IMPORT_NOTHING_TAKEN",
      });
      const items = write("items.csv", "id,title,image\na,A,missing.png\n");
      expect((await importItems(items)).counts).toEqual({
        items: { accepted: 1, rejected: 0 },
        images: { accepted: 0, rejected: 1 },
      });
    });
  });

  it("reads a file's times as UTC, by Prisma and by SQL, whatever the database's zone", async () => {
    const bug = (name: string) => input(`../bugs/${name}`);
    const source = { items: bug("three.jsonl"), interactions: bug("hist.csv") };
    await service.run(new CatalogueSource(source));
    const last = await db.prisma.interaction.findFirstOrThrow({ orderBy: { occurredAt: "desc" } });
    expect(last.occurredAt.toISOString()).toBe("2024-03-01T17:00:00.000Z");
    const { rows } = await db.pool.query<{ at: Date; hours: string }>(
      "SELECT max(occurred_at) AS at, string_agg(to_char(occurred_at, 'HH24'), ' ' ORDER BY occurred_at) AS hours FROM interactions",
    );
    expect(rows).toEqual([{ at: new Date("2024-03-01T17:00:00Z"), hours: "12 13 14 15 16 17" }]);
  });
});
