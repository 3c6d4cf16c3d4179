/** @file What serves while the stored caption index is damaged, or cannot be stored. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import type { NewEmbedding } from "../../../../src/db/embeddings.repository.js";
import { AppError } from "../../../../src/errors/app-error.js";
import { LiveCaptionIndex } from "../../../../src/recsys/retrieval/live-caption-index.js";

const items = ["a", "b", "c"];
const vectors = [
  [1, 0],
  [0.8, 0.6],
  [0, 1],
];
const embeddings = {
  captionMark: async () => "mark",
  captionHashes: async () => new Map(items.map(itemId => [itemId, `hash of ${itemId}`])),
  findCaptionEmbeddings: async (_encoder: string, itemIds: readonly string[]) =>
    itemIds.map((itemId): NewEmbedding => ({
      itemId,
      vector: Float32Array.from(vectors[items.indexOf(itemId)]),
      sourceHash: `hash of ${itemId}`,
    })),
};

describe("LiveCaptionIndex", () => {
  let home: string;
  let store: FolderArtefactStore;
  const faults: string[] = [];
  const open = () =>
    new LiveCaptionIndex({
      encoder: "test@1",
      dimension: 2,
      store,
      embeddings,
      onFault: ({ code }) => faults.push(code),
    });
  const nearest = (index: LiveCaptionIndex) =>
    index.current.search(Float32Array.from([1, 0]), 3).map(({ itemId }) => itemId);

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "vitrine-live-index-"));
    store = new FolderArtefactStore(home);
    faults.length = 0;
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  it("searches exactly in the place of a damaged index, and builds it again with the next sync", async () => {
    const first = await open().sync();
    const metadata = JSON.parse(readFileSync(join(home, "index/metadata.json"), "utf8")) as {
      graph: { name: string };
    };
    const path = join(home, "index", metadata.graph.name);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(path, bytes);

    const index = open();
    expect(await index.sync({ fillIn: true })).toMatchObject({ search: "exact", numItems: 3 });
    expect(nearest(index)).toEqual(items);
    expect(index.fault).toMatchObject({ code: "INDEX_DAMAGED" });
    expect(faults).toEqual(["INDEX_DAMAGED"]);
    expect(await index.sync()).toMatchObject({ search: first.search, numItems: 3 });
    expect(index.fault).toBeNull();
    expect(nearest(index)).toEqual(items);

    const next = open();
    await next.sync({ fillIn: true });
    expect(next.fault).toBeNull();
  });

  it("serves an index that cannot be stored, and stores it with a later sync", async () => {
    const put = store.put.bind(store);
    store.put = async () => {
      throw new AppError("DISK_FULL", { path: "index" });
    };
    const index = open();
    await index.sync();
    await index.sync();
    expect(nearest(index)).toEqual(items);
    expect(index.fault).toMatchObject({ code: "DISK_FULL" });
    expect(faults).toEqual(["DISK_FULL"]);
    await expect(index.sync({ mustStore: true })).rejects.toMatchObject({ code: "DISK_FULL" });
    store.put = put;
    await index.sync();
    expect(index.fault).toBeNull();
    await expect(store.list("index")).resolves.toHaveLength(3);
  });
});
