import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { BlobStore } from "../../../../src/db/blob-store.js";
import { CatalogueImages } from "../../../../src/recsys/import/catalogue-images.js";
import { CatalogueSource } from "../../../../src/recsys/import/catalogue.js";
import { readSource } from "../../../helpers/read-source.js";

const composed = "Stühle.png".normalize("NFC");
const decomposed = "Stühle.png".normalize("NFD");

function pngFile(shade: number): Promise<Buffer> {
  const background = { r: shade, g: 0, b: 0 };
  return sharp({ create: { width: 6, height: 8, channels: 3, background } })
    .png()
    .toBuffer();
}

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "vitrine-images-"));
  folder = join(home, "images");
  mkdirSync(join(folder, "deep"), { recursive: true });
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

const put = async (name: string) => {
  writeFileSync(join(folder, name), await pngFile(1));
};
const stored = async (itemId: string, image: string) => {
  const images = await CatalogueImages.open(folder, folder);
  const candidates = images.candidates({ itemId, images: image === "" ? [] : [image] });
  const context = {
    blobs: new BlobStore(new FolderArtefactStore(home)),
    signal: new AbortController().signal,
  };
  return images.store(itemId, candidates, context);
};

describe("CatalogueImages", () => {
  it.each([
    ["a name in the other Unicode form", decomposed, composed, decomposed],
    ["a name in the other Unicode form", composed, decomposed, composed],
    ["backslashes", "deep/lamp.png", "deep\\lamp.png", "deep/lamp.png"],
    ["a leading ./", "lamp.png", "./lamp.png", "lamp.png"],
    ["another folder", "deep/lamp.png", "uploads/2024/lamp.png", "deep/lamp.png"],
    ["no ending", "lamp.png", "lamp", "lamp.png"],
  ])("finds a file with %s", async (_, name, image, source) => {
    await put(name);
    expect(await stored("x", image)).toMatchObject({ itemId: "x", source });
  });

  it("finds a file whose name contains a backslash, by path and by item id", async () => {
    await put("deep\\lamp.png");
    const source = "deep\\lamp.png";
    expect(await stored("x", "deep/lamp.png")).toMatchObject({ source });
    expect(await stored("lamp", "")).toMatchObject({ source });
  });

  it("finds a file by an item id in the other Unicode form", async () => {
    await put(decomposed);
    expect(await stored(composed.replace(".png", ""), "")).toMatchObject({ source: decomposed });
  });

  it.each([
    ["composed", composed, decomposed],
    ["decomposed", decomposed, composed],
  ])("finds a %s name beside the items' file, where no folder is given", async (_, name, image) => {
    await put(name);
    const images = await CatalogueImages.open(folder, undefined);
    const context = {
      blobs: new BlobStore(new FolderArtefactStore(home)),
      signal: new AbortController().signal,
    };
    const candidates = images.candidates({ itemId: "x", images: [image] });
    expect(await images.store("x", candidates, context)).toMatchObject({ itemId: "x" });
  });

  it("refuses ambiguous file names", async () => {
    await put("lamp.png");
    await put("deep/lamp.png");
    await expect(stored("x", "uploads/lamp.png")).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    expect(await stored("x", "deep/lamp.png")).toMatchObject({ source: "deep/lamp.png" });
  });

  it.each(["../secret.png", "..\\secret.png", "deep/../../secret.png", "/etc/hostname"])(
    "stays inside the folder for %s",
    async image => {
      writeFileSync(join(home, "secret.png"), await pngFile(2));
      await expect(stored("x", image)).rejects.toMatchObject({ code: "FETCH_REFUSED" });
    },
  );

  it.each(["data:image/png;base64,iVBORw0KGgo=", "ftp://example.com/a.jpg", "javascript:alert(1)"])(
    "refuses the URL %s",
    async image => {
      await expect(stored("x", image)).rejects.toMatchObject({ code: "FETCH_REFUSED" });
    },
  );

  it("stores the first readable image, and otherwise reports the first fault", async () => {
    await put("b.png");
    writeFileSync(join(folder, "broken.png"), "no picture");
    const images = await CatalogueImages.open(folder, folder);
    const context = {
      blobs: new BlobStore(new FolderArtefactStore(home)),
      signal: new AbortController().signal,
    };
    const found = await images.store("x", ["missing.png", "broken.png", "b.png"], context);
    expect(found.source).toBe("b.png");
    await expect(images.store("x", ["missing.png", "broken.png"], context)).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });
});

it("stores the second of two URLs where the first has no image", async () => {
  const bytes = await pngFile(3);
  const server = createServer(({ url }, response) => {
    response.statusCode = url === "/b.png" ? 200 : 404;
    response.setHeader("content-type", "binary/octet-stream").end(bytes);
  });
  await new Promise<void>(listening => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const images = await CatalogueImages.open(folder, folder, { allowPrivate: true });
  const context = {
    blobs: new BlobStore(new FolderArtefactStore(home)),
    signal: new AbortController().signal,
  };
  const both = [`${origin}/a.png`, `${origin}/b.png`];
  const candidates = images.candidates({ itemId: "x", images: both });
  expect(await images.store("x", candidates, context)).toMatchObject({ source: both[1] });
  await expect(images.store("x", both.slice(0, 1), context)).rejects.toMatchObject({
    code: "FETCH_FAILED",
    details: { reason: "HTTP 404" },
  });
  server.closeAllConnections();
  server.close();
});

it("continues the import after a broken link, a circle of links and a NUL", async () => {
  await put("good.png");
  symlinkSync(join(folder, "gone.png"), join(folder, "dangling.png"));
  symlinkSync(join(folder, "circle.png"), join(folder, "circle.png"));
  const names = ["good.png", "dangling.png", "circle.png", "a\0b.png", "x".repeat(300)];
  const lines = names.map((image, id) => JSON.stringify({ id: `i${id}`, title: "x", image }));
  const items = join(home, "items.jsonl");
  writeFileSync(items, lines.join("\n"));
  const source = new CatalogueSource({ items, images: folder });
  expect(Object.keys(await source.files())).toEqual([items, folder]);
  const { images } = await readSource(source);
  const found = await source.findImages();
  const context = {
    blobs: new BlobStore(new FolderArtefactStore(home)),
    signal: new AbortController().signal,
  };
  const results = await Promise.allSettled(
    Object.entries(images).map(([id, candidates]) => found.store(id, candidates, context)),
  );
  expect(results.map(({ status }) => status)).toEqual([
    "fulfilled",
    ...Array.from({ length: Object.keys(images).length - 1 }, () => "rejected"),
  ]);
  for (const result of results.slice(1)) {
    expect((result as PromiseRejectedResult).reason).toHaveProperty("code");
  }
});
