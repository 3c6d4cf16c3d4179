/** @file Variants in the database: imported, imported again, changed through the API, and deleted with their files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { BlobStore } from "../../../src/db/blob-store.js";
import type { Database } from "../../../src/db/database.js";
import { ErasureRepository } from "../../../src/db/erasure.repository.js";
import { VariantImagesRepository } from "../../../src/db/variant-images.repository.js";
import { AppError } from "../../../src/errors/app-error.js";
import {
  CatalogueChangesService,
  type ItemChange,
} from "../../../src/recsys/catalogue/catalogue-changes.service.js";
import { CatalogueImportService } from "../../../src/recsys/import/catalogue-import.service.js";
import { CatalogueSource } from "../../../src/recsys/import/catalogue.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { pngFile } from "./sources.js";

const encoder = "test/clip@1";

describeOnEveryDatabase("variants of items", open => {
  let db: Database;
  let home: string;
  let folder: string;
  let blobs: BlobStore;
  let service: CatalogueImportService;
  beforeAll(async () => {
    db = await open();
  });
  beforeEach(async () => {
    await db.pool.query("TRUNCATE users, items, blobs, import_runs RESTART IDENTITY CASCADE");
    home = mkdtempSync(join(tmpdir(), "vitrine-variants-"));
    folder = join(home, "source");
    mkdirSync(folder);
    const store = new FolderArtefactStore(home);
    blobs = new BlobStore(store);
    service = new CatalogueImportService({ prisma: db.prisma, blobs, store });
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const lines = (items: readonly object[]) => items.map(item => JSON.stringify(item)).join("\n");
  const importItems = (name: string, items: readonly object[]) =>
    service.run(
      new CatalogueSource({
        items: write(name, lines(items)),
        remote: { allowPrivate: true, numRetries: 0 },
      }),
    );
  const variantsNow = async () => {
    const rows = await db.prisma.itemVariant.findMany({
      orderBy: [{ itemId: "asc" }, { position: "asc" }],
    });
    return rows.map(({ itemId, id, isAvailable, blobHash }) => [
      ...[itemId, id, isAvailable, blobHash],
    ]);
  };
  /** Content hash of the n-th picture. */
  const hashOf = async (n: number) => blobs.put(await pngFile(n));
  const isStored = async (hash: string) => (await blobs.stat(hash)) !== null;

  it("are imported with their images, which sizes of one colour share", async () => {
    for (const [n, name] of ["tee.png", "red.png", "blue.png"].entries()) {
      write(name, await pngFile(n));
    }
    write("broken.png", (await pngFile(9)).subarray(0, 40));
    const variants = [
      { id: "r-s", options: { Colour: "Red", Size: "S" }, image: "red.png" },
      { id: "r-m", options: { Colour: "Red", Size: "M" }, image: "red.png", available: false },
      { id: "b-s", options: { Colour: "Blue", Size: "S" }, image: "blue.png" },
      { id: "own", image: "tee.png" },
      { id: "bare" },
      { id: "lost", image: "lost.png" },
      { id: "broken", image: "broken.png" },
    ];
    const { counts } = await importItems("items.jsonl", [
      { id: "tee", title: "Tee", image: "tee.png", variants },
      { id: "cap", title: "Cap" },
    ]);
    expect(counts).toEqual({
      items: { accepted: 2, rejected: 0 },
      images: { accepted: 1, rejected: 0 },
      "variant images": { accepted: 3, rejected: 2 },
    });
    const [tee, red, blue] = await Promise.all([0, 1, 2].map(hashOf));
    expect(await variantsNow()).toEqual([
      ["tee", "r-s", true, red],
      ["tee", "r-m", false, red],
      ["tee", "b-s", true, blue],
      ["tee", "own", true, tee],
      ["tee", "bare", true, null],
      ["tee", "lost", true, null],
      ["tee", "broken", true, null],
    ]);
    const row = await db.prisma.itemVariant.findFirstOrThrow({ where: { id: "r-m" } });
    expect(row.options).toEqual([
      { name: "Colour", value: "Red" },
      { name: "Size", value: "M" },
    ]);
  });

  it("stay, change, go and come by another import; a file without variants changes none", async () => {
    write("a.png", await pngFile(1));
    write("b.png", await pngFile(2));
    const [a, b] = await Promise.all([1, 2].map(hashOf));
    const both = [
      { id: "x", image: "a.png" },
      { id: "y", image: "a.png" },
    ];
    await importItems("1.jsonl", [{ id: "tee", title: "Tee", variants: both }]);
    await importItems("2.jsonl", [{ id: "tee", title: "T-shirt" }]);
    expect(await variantsNow()).toEqual([
      ["tee", "x", true, a],
      ["tee", "y", true, a],
    ]);
    const later = [
      ...[{ id: "z", image: "b.png" }, { id: "y" }],
      { id: "x", image: "b.png", available: "sold out" },
    ];
    await importItems("3.jsonl", [{ id: "tee", title: "Tee", variants: later }]);
    expect(await variantsNow()).toEqual([
      ["tee", "z", true, b],
      ["tee", "y", true, null], // it names no image any more
      ["tee", "x", false, b],
    ]);
    await importItems("4.jsonl", [{ id: "tee", title: "Tee", variants: [] }]);
    expect(await variantsNow()).toEqual([]);
  });

  it("fetch each address once, not at all if the item has it, and later those that failed", async () => {
    const served: Record<string, Buffer> = {
      ...{ "/a.png": await pngFile(1), "/b.png": await pngFile(2) },
    };
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      const found = served[request.url ?? ""] as Buffer | undefined;
      response.writeHead(found ? 200 : 404, { "content-type": "image/png" }).end(found);
    });
    await new Promise<void>(ready => server.listen(0, "127.0.0.1", ready));
    const at = (name: string) =>
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}.png`;
    const variants = [
      ...[
        { id: "a", image: at("a") },
        { id: "b1", image: at("b") },
      ],
      ...[
        { id: "b2", image: at("b") },
        { id: "c", image: at("c") },
      ],
    ];
    const items = [{ id: "tee", title: "Tee", image: at("a"), variants }];
    await importItems("items.jsonl", items);
    expect(asked.sort()).toEqual(["/a.png", "/b.png", "/c.png"]);
    served["/c.png"] = await pngFile(3);
    asked.length = 0;
    const { counts, retried } = await importItems("items.jsonl", items);
    expect(asked).toEqual(["/c.png"]);
    expect(retried).toEqual(["variant images"]);
    expect(counts["variant images"]).toEqual({ accepted: 3, rejected: 0 });
    asked.length = 0;
    await importItems("again.jsonl", [...items, { id: "cap", title: "Cap" }]);
    expect(asked).toEqual([]);
    server.closeAllConnections();
    await new Promise(closed => server.close(closed));
  });

  it("take interactions that name a variant, unless two items have it", async () => {
    const items = write(
      "items.jsonl",
      lines([
        { id: "tee", title: "Tee", variants: [{ id: "tee-red" }, { id: "S" }] },
        { id: "cap", title: "Cap", variants: [{ id: "S" }, { id: "tee" }] },
      ]),
    );
    const rows = ["tee-red", "S", "tee"].map(
      id => `u,${id},like,2026-01-01T00:00:0${id.length}Z\n`,
    );
    const interactions = write("likes.csv", `userId,itemId,kind,occurredAt\n${rows.join("")}`);
    const { counts } = await service.run(new CatalogueSource({ items, interactions }));
    expect(counts.interactions).toEqual({ accepted: 2, rejected: 1 });
    const stored = await db.prisma.interaction.findMany();
    expect(stored.map(({ itemId }) => itemId)).toEqual(["tee", "tee"]); // an item goes before a variant
  });

  describe("through the API", () => {
    const fetched: string[] = [];
    const files: Record<string, Buffer | undefined> = {};
    beforeEach(async () => {
      fetched.length = 0;
      files["https://cdn/a"] = await pngFile(1);
      files["https://cdn/b"] = await pngFile(2);
    });
    const changes = () =>
      new CatalogueChangesService({
        ...{ prisma: db.prisma, blobs, erasure: new ErasureRepository(db.prisma) },
        fetchImage: async url => {
          fetched.push(url);
          const file = files[url];
          if (!file) {
            throw new AppError("FETCH_FAILED", { url, reason: "HTTP 404" });
          }
          return file;
        },
        stopJobs: () => undefined,
        index: { sync: async () => undefined },
        requestIndexing: async () => ({ id: "job" }) as never,
      });
    const tee = (variants: ItemChange["variants"]): ItemChange => ({
      ...{ id: "tee", title: "Tee", imageUrl: "https://cdn/a", variants },
    });

    it("are set, replaced and removed, and files that nothing uses are deleted", async () => {
      const first = await changes().upsert([
        tee([
          { id: "x", imageUrl: "https://cdn/a" },
          { id: "y", options: [{ name: "Colour", value: "Blue" }], imageUrl: "https://cdn/b" },
          { id: "z", isAvailable: false, imageUrl: "https://cdn/b" },
          { id: "w", imageUrl: "https://cdn/gone" },
        ]),
      ]);
      const [a, b] = await Promise.all([1, 2].map(hashOf));
      expect(first).toMatchObject({ accepted: 1, rejected: [], imagesFailed: [{ index: 0 }] });
      expect(fetched.sort()).toEqual(["https://cdn/a", "https://cdn/b", "https://cdn/gone"]);
      expect(await variantsNow()).toEqual([
        ["tee", "x", true, a],
        ["tee", "y", true, b],
        ["tee", "z", false, b],
        ["tee", "w", true, null],
      ]);
      fetched.length = 0;
      const onlyY = [tee([{ id: "y", imageUrl: "https://cdn/b" }])];
      expect(await changes().upsert(onlyY)).toMatchObject({ changed: 1, imagesFailed: [] });
      expect(fetched).toEqual([]);
      expect(await isStored(b)).toBe(true);
      expect(await changes().upsert(onlyY)).toMatchObject({ changed: 0, job: null });
      await changes().upsert([{ id: "tee", variants: null }]);
      expect(await variantsNow()).toEqual([]);
      expect(await isStored(b)).toBe(false);
      expect(await isStored(a)).toBe(true); // the item has it
      expect(await db.prisma.blob.count()).toBe(1);
    });

    it("are refused with their row if they are wrong, and stay where they are not named", async () => {
      await changes().upsert([tee([{ id: "x" }])]);
      const bad: ItemChange["variants"][] = [
        ...[[{ id: "" }], [{ id: "x" }, { id: "x" }]],
        [{ id: "x", options: [{ name: "", value: "Red" }] }],
        Array.from({ length: 2_049 }, (_, n) => ({ id: `${n}` })),
      ];
      const { accepted, rejected } = await changes().upsert(bad.map(tee));
      expect(accepted).toBe(0);
      expect(rejected.map(({ code, message }) => [code, message.includes("variants")])).toEqual(
        Array(4).fill(["INVALID_ARGUMENT", true]),
      );
      await changes().upsert([{ id: "tee", title: "T-shirt" }]);
      expect(await variantsNow()).toEqual([["tee", "x", true, null]]);
    });

    it("are deleted with their item, and so are their embeddings and files", async () => {
      await changes().upsert([tee([{ id: "y", imageUrl: "https://cdn/b" }])]);
      const b = await hashOf(2);
      const images = new VariantImagesRepository(db.pool);
      expect(await images.findUnencoded(encoder, { limit: 9 })).toEqual([
        { sourceHash: b, itemId: "tee" },
      ]);
      await images.saveMany(encoder, [{ sourceHash: b, vector: Float32Array.of(1, 0) }]);
      expect(await images.countUnencoded(encoder)).toBe(0);
      expect(await images.countUnencoded("test/clip@2")).toBe(1); // stale for another encoder
      expect((await images.findChoices(encoder, ["tee"], 9)).get("tee")).toEqual([
        { variantId: "y", blobHash: b, embedding: Float32Array.of(1, 0) },
      ]);
      await changes().remove(["tee"]);
      const counts = await Promise.all([
        ...[db.prisma.itemVariant.count(), db.prisma.variantEmbedding.count()],
        db.prisma.blob.count(),
      ]);
      expect(counts).toEqual([0, 0, 0]);
      expect(await isStored(b)).toBe(false);
    });
  });
});
