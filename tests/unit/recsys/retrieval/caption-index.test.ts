import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  loadCaptionIndex,
  saveCaptionIndex,
} from "../../../../src/recsys/retrieval/caption-index-files.js";
import { CaptionIndex, type IndexedItem } from "../../../../src/recsys/retrieval/caption-index.js";
import {
  defaultEngine,
  type Engine,
  engines,
} from "../../../../src/recsys/retrieval/nearest-graph.js";

const D = 32;

/** Items in clusters, as captions are: uniform vectors would be equidistant. */
function clustered(numItems: number, seed = 1): IndexedItem[] {
  const random = new Random(seed);
  const centres = Array.from({ length: 20 }, () => random.normals(D));
  return Array.from({ length: numItems }, (_, n) => ({
    itemId: `item ${n}`,
    sourceHash: `hash ${n}`,
    vector: centres[random.int(centres.length)].map(value => value + 0.3 * random.normal()),
  }));
}

/** The exact answer, in double precision. */
function exactly(items: readonly IndexedItem[], vector: Float32Array, k: number) {
  const norm = (v: Float32Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  return items
    .map(item => ({
      itemId: item.itemId,
      similarity:
        item.vector.reduce((sum, x, d) => sum + x * vector[d], 0) /
        (norm(item.vector) * norm(vector)),
    }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, k);
}

/** hnswlib is optional: without it only exact search is tested. */
const testedEngines = engines.filter(engine => engine === "exact" || defaultEngine === "hnsw");

async function indexOf(
  items: readonly IndexedItem[],
  engine: Engine = defaultEngine,
): Promise<CaptionIndex> {
  const index = new CaptionIndex(D, undefined, engine);
  await index.add(items);
  return index;
}

describe.each(testedEngines)("CaptionIndex (%s)", engine => {
  it("finds what the exact search finds", async () => {
    const items = clustered(2_000); // more than the first capacity
    const index = await indexOf(items, engine);
    let numFound = 0;
    for (const { vector } of clustered(50, 2)) {
      const exact = exactly(items, vector, 10);
      const found = index.search(vector, 10);
      const ids = new Set(exact.map(({ itemId }) => itemId));
      numFound += found.filter(({ itemId }) => ids.has(itemId)).length;
      expect(found[0].similarity).toBeCloseTo(exact[0].similarity, 5);
    }
    expect(numFound / 500).toBeGreaterThan(0.99);
  });

  it("returns similarities, best first, 1 for the item itself", async () => {
    const items = clustered(100);
    const found = (await indexOf(items, engine)).search(items[7].vector, 100);
    expect(found).toHaveLength(100);
    expect(found[0].itemId).toBe("item 7");
    expect(found[0].similarity).toBeCloseTo(1, 5);
    const similarities = found.map(({ similarity }) => similarity);
    expect(similarities).toEqual([...similarities].sort((a, b) => b - a));
  });

  it("never returns a removed item, and returns a changed one only at its new place", async () => {
    const items = clustered(300);
    const index = await indexOf(items, engine);
    index.remove(["item 3", "item 4", "nothing"]);
    await index.add([{ itemId: "item 5", sourceHash: "new", vector: items[6].vector }]);
    const ids = index.search(items[6].vector, 300).map(({ itemId }) => itemId);
    expect(ids).toHaveLength(298);
    expect(new Set(ids).size).toBe(298);
    expect(ids).not.toContain("item 3");
    expect(new Set(ids.slice(0, 2))).toEqual(new Set(["item 5", "item 6"]));
    expect(index.sourceHashOf("item 5")).toBe("new");
    expect(index.vectorOf("item 3")).toBeNull();
  });

  it("leaves out excluded items, and serves a narrow filter", async () => {
    const items = clustered(2_000);
    const index = await indexOf(items, engine);
    const wanted = new Set(["item 17", "item 1200", "item 1999"]);
    const found = index.search(items[0].vector, 3, { filter: itemId => wanted.has(itemId) });
    expect(new Set(found.map(({ itemId }) => itemId))).toEqual(wanted);
    const [nearest] = index.search(items[0].vector, 1, { exclude: new Set(["item 0"]) });
    expect(nearest.itemId).toBe(exactly(items, items[0].vector, 2)[1].itemId);
  });

  it("keeps working after most of it has changed many times", async () => {
    const index = await indexOf(clustered(400));
    for (let round = 2; round < 8; round++) {
      await index.add(clustered(400, round));
    }
    const items = clustered(400, 7);
    expect(index.numItems).toBe(400);
    expect(index.parts().labels.length).toBeLessThan(2_000);
    const ids = index.search(items[9].vector, 400).map(({ itemId }) => itemId);
    expect(new Set(ids).size).toBe(400);
    expect(ids[0]).toBe("item 9");
  });

  it("starts empty, and refuses invalid embeddings", async () => {
    const index = new CaptionIndex(D, undefined, engine);
    expect(index.search(new Float32Array(D).fill(1), 5)).toEqual([]);
    const bad = { itemId: "bad", sourceHash: "", vector: new Float32Array(D).fill(NaN) };
    await expect(index.add([bad])).rejects.toThrow("'bad' must have 32 finite values");
    expect(() => index.search(new Float32Array(3), 1)).toThrow("must have 32 values, but got 3");
  });

  it("yields to the event loop while it is built", async () => {
    const items = clustered(3_000);
    let numTicks = 0;
    const timer = setInterval(() => numTicks++, 1);
    await indexOf(items, engine);
    clearInterval(timer);
    // Built in one piece, nothing would tick. The exact engine only copies the vectors.
    expect(numTicks).toBeGreaterThan(engine === "exact" ? 0 : 5);
  });
});

/** Many items with one vector, then some of their own in a ring of clusters far from it. */
function shadowed(numEqual: number, noise = 0): { equal: IndexedItem[]; distinct: IndexedItem[] } {
  const random = new Random(5);
  const common = random.normals(D);
  const equal = Array.from({ length: numEqual }, (_, n) => ({
    itemId: `mug ${String(n).padStart(4, "0")}`,
    sourceHash: "",
    vector: common.map(value => value + noise * random.normal()),
  }));
  const distinct = clustered(295, 6).map(item => ({ ...item, vector: item.vector.map(Math.abs) }));
  return { equal, distinct };
}

describe.each(testedEngines)("many items with one caption (%s)", engine => {
  it.each([0, 1e-7])("hide no other item, with noise of %d", async noise => {
    const { equal, distinct } = shadowed(600, noise);
    const index = await indexOf([...equal.slice(0, 300), ...distinct, ...equal.slice(300)], engine);
    for (const { itemId, vector } of distinct) {
      expect(index.search(vector, 1)[0].itemId).toBe(itemId);
    }
    expect(index.numItems).toBe(895);
    if (engine === "hnsw") {
      expect(index.numPoints).toBe(296);
    }
  });

  it("are found together, in the order of their ids", async () => {
    const { equal, distinct } = shadowed(300);
    const index = await indexOf([...distinct, ...[...equal].reverse()], engine);
    const found = index.search(equal[0].vector, 301);
    expect(found.slice(0, 300).map(({ itemId }) => itemId)).toEqual(
      equal.map(({ itemId }) => itemId),
    );
    expect(found[300].itemId).toBe(exactly(distinct, equal[0].vector, 1)[0].itemId);
    const others = index.search(equal[0].vector, 3, { exclude: new Set(["mug 0000", "mug 0002"]) });
    expect(others.map(({ itemId }) => itemId)).toEqual(["mug 0001", "mug 0003", "mug 0004"]);
  });

  it("can be removed and added one by one", async () => {
    const { equal, distinct } = shadowed(300);
    const index = await indexOf([...equal, ...distinct], engine);
    index.remove(equal.slice(1).map(({ itemId }) => itemId));
    expect(index.search(equal[0].vector, 1)[0].itemId).toBe("mug 0000");
    index.remove(["mug 0000"]);
    expect(index.search(equal[0].vector, 1)[0].itemId).toBe(
      exactly(distinct, equal[0].vector, 1)[0].itemId,
    );
    await index.add(equal.slice(7, 9));
    const found = index.search(equal[0].vector, 2).map(({ itemId }) => itemId);
    expect(found).toEqual(["mug 0007", "mug 0008"]);
    expect(index.numItems).toBe(297);
  });
});

describe("checkRecall()", () => {
  const itHnsw = defaultEngine === "hnsw" ? it : it.skip;

  /** Uniform directions in many dimensions: all are nearly equidistant, and HNSW misses some neighbours. */
  async function uniformIndex(numItems: number) {
    const random = new Random(9);
    const items = Array.from({ length: numItems }, (_, n) => ({
      itemId: `item ${n}`,
      sourceHash: "",
      vector: random.normals(256),
    }));
    const index = new CaptionIndex(256);
    await index.add(items);
    return { items, index };
  }

  itHnsw("measures HNSW's recall against the exact answer", async () => {
    const index = await indexOf(clustered(2_000));
    expect(index.quality).toEqual({ engine: "hnsw", efSearch: 100, hnswRecallAt10: null });
    await index.checkRecall();
    expect(index.quality).toMatchObject({ engine: "hnsw", efSearch: 100 });
    expect(index.quality.hnswRecallAt10).toBeGreaterThan(0.99);
  });

  itHnsw("raises the number of candidates where the recall is too low", async () => {
    const { index } = await uniformIndex(3_000);
    await index.checkRecall(undefined, 0.999);
    expect(index.quality).toMatchObject({ engine: "hnsw", efSearch: 400 });
    expect(index.quality.hnswRecallAt10).toBeGreaterThanOrEqual(0.999);
  });

  itHnsw("searches exactly where that is not enough", async () => {
    const { items, index } = await uniformIndex(500);
    await index.checkRecall(undefined, 1.01); // above any graph's recall
    expect(index.quality.engine).toBe("exact");
    const query = new Random(10).normals(256);
    const ids = (found: readonly { itemId: string }[]) => found.map(({ itemId }) => itemId);
    expect(ids(index.search(query, 10))).toEqual(ids(exactly(items, query, 10)));

    const folder = await mkdtemp(join(tmpdir(), "vitrine-index-"));
    await saveCaptionIndex(new FolderArtefactStore(folder), index, { encoder: "e@1", mark: "m" });
    const loaded = await loadCaptionIndex(new FolderArtefactStore(folder), {
      encoder: "e@1",
      dimension: 256,
    });
    await rm(folder, { recursive: true });
    expect(loaded.index.quality).toEqual(index.quality);
    expect(loaded.index.search(query, 10)).toEqual(index.search(query, 10));
    await loaded.index.add([{ itemId: "new", sourceHash: "", vector: query }]);
    expect(loaded.index.search(query, 1)[0].itemId).toBe("new");
  });

  itHnsw("measures again when a tenth of the points is new", async () => {
    const index = await indexOf(clustered(1_000));
    await index.checkRecall();
    const before = index.quality;
    await index.add(clustered(50, 2).map(item => ({ ...item, itemId: `${item.itemId}+` })));
    await index.checkRecall();
    expect(index.quality).toBe(before);
    await index.add(clustered(100, 3).map(item => ({ ...item, itemId: `${item.itemId}++` })));
    await index.checkRecall();
    expect(index.quality).not.toBe(before);
  });
});

(defaultEngine === "hnsw" ? describe : describe.skip)("points that HNSW cannot reach", () => {
  /** Hundreds of nearly equal points, too far apart to be one, and others. */
  async function crowded() {
    const width = 128;
    const random = new Random(3);
    const common = random.normals(width);
    const crowd = Array.from({ length: 1_600 }, (_, n) => ({
      itemId: `mug ${n}`,
      sourceHash: "",
      vector: common.map(value => value + 0.002 * random.normal()),
    }));
    const centres = Array.from({ length: 20 }, () => random.normals(width));
    const others = Array.from({ length: 295 }, (_, n) => ({
      itemId: `other ${n}`,
      sourceHash: "",
      vector: centres[n % 20].map(value => value + 0.3 * random.normal()),
    }));
    const index = new CaptionIndex(width);
    await index.add([...crowd.slice(0, 800), ...others, ...crowd.slice(800)]);
    return { index, items: [...crowd, ...others], width };
  }

  const missedBy = (index: CaptionIndex, items: readonly IndexedItem[]) =>
    items.filter(({ itemId, vector }) => index.search(vector, 1)[0].itemId !== itemId);

  it("are found after the check, also in a stored index", async () => {
    const { index, items, width } = await crowded();
    expect(missedBy(index, items).length).toBeGreaterThan(0);
    await index.checkRecall();
    expect(index.engine).toBe("hnsw");
    expect(missedBy(index, items)).toEqual([]);

    const folder = await mkdtemp(join(tmpdir(), "vitrine-index-"));
    await saveCaptionIndex(new FolderArtefactStore(folder), index, { encoder: "e@1", mark: "m" });
    const loaded = await loadCaptionIndex(new FolderArtefactStore(folder), {
      encoder: "e@1",
      dimension: width,
    });
    await rm(folder, { recursive: true });
    expect(missedBy(loaded.index, items)).toEqual([]);
  });

  it("are never returned after removal", async () => {
    const { index, items } = await crowded();
    const missed = missedBy(index, items);
    await index.checkRecall();
    index.remove(missed.map(({ itemId }) => itemId));
    for (const { itemId, vector } of missed) {
      const found = index.search(vector, 20).map(item => item.itemId);
      expect(found).toHaveLength(20);
      expect(found).not.toContain(itemId);
    }
  });
});

describe("the index on disk", () => {
  const encoder = "mini/clip@1";
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrine-index-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it.each(testedEngines)("is the same when loaded, and can grow (%s)", async engine => {
    const items = clustered(1_500);
    const index = await indexOf(items, engine);
    index.remove(["item 1", "item 2"]);
    await saveCaptionIndex(new FolderArtefactStore(folder), index, { encoder, mark: "m" });
    const loaded = await loadCaptionIndex(
      new FolderArtefactStore(folder),
      { encoder, dimension: D },
      engine,
    );
    expect(loaded.mark).toBe("m");
    expect(loaded.index.numItems).toBe(1_498);
    for (const { vector } of clustered(20, 3)) {
      expect(loaded.index.search(vector, 10)).toEqual(index.search(vector, 10));
    }
    await loaded.index.add(clustered(4_000, 4).slice(1_500));
    expect(loaded.index.numItems).toBe(3_998);
  });

  it("keeps which items share a point", async () => {
    const { equal, distinct } = shadowed(300);
    const index = await indexOf([...equal, ...distinct]);
    await index.checkRecall();
    await saveCaptionIndex(new FolderArtefactStore(folder), index, { encoder, mark: "m" });
    const loaded = await loadCaptionIndex(new FolderArtefactStore(folder), {
      encoder,
      dimension: D,
    });
    expect(loaded.index.quality).toEqual(index.quality);
    expect(loaded.index.numPoints).toBe(index.numPoints);
    expect(loaded.index.search(equal[0].vector, 400)).toEqual(index.search(equal[0].vector, 400));
    loaded.index.remove(["mug 0000"]);
    expect(loaded.index.numItems).toBe(594);
  });

  it("is rebuilt from a format in which equal captions did not share a point", async () => {
    await saveCaptionIndex(new FolderArtefactStore(folder), await indexOf(clustered(5)), {
      encoder,
      mark: "m",
    });
    const path = join(folder, "index", "metadata.json");
    const metadata = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    delete metadata.format;
    await writeFile(path, JSON.stringify(metadata));
    await expect(
      loadCaptionIndex(new FolderArtefactStore(folder), { encoder, dimension: D }),
    ).rejects.toMatchObject({
      code: "INDEX_NOT_BUILT",
    });
  });

  it("is refused from another engine", async () => {
    const index = await indexOf(clustered(5), "exact");
    await saveCaptionIndex(new FolderArtefactStore(folder), index, { encoder, mark: "m" });
    await expect(
      loadCaptionIndex(new FolderArtefactStore(folder), { encoder, dimension: D }, "hnsw"),
    ).rejects.toMatchObject({ code: "INDEX_STALE" });
  });

  it("is refused from another encoder", async () => {
    await saveCaptionIndex(new FolderArtefactStore(folder), await indexOf(clustered(5)), {
      encoder,
      mark: "m",
    });
    for (const other of [
      { encoder: "mini/clip@2", dimension: D },
      { encoder, dimension: 2 * D },
    ]) {
      await expect(loadCaptionIndex(new FolderArtefactStore(folder), other)).rejects.toMatchObject({
        code: "INDEX_STALE",
      });
    }
  });

  it.each([`.${defaultEngine}`, ".labels.json", "metadata.json"])(
    "is refused when its %s is damaged or missing",
    async ending => {
      await saveCaptionIndex(new FolderArtefactStore(folder), await indexOf(clustered(50)), {
        encoder,
        mark: "m",
      });
      const name = (await readdir(join(folder, "index"))).find(file => file.endsWith(ending))!;
      const bytes = await readFile(join(folder, "index", name));
      bytes[bytes.length >> 1] ^= 0xff;
      await writeFile(join(folder, "index", name), bytes);
      const load = () =>
        loadCaptionIndex(new FolderArtefactStore(folder), { encoder, dimension: D });
      await expect(load()).rejects.toMatchObject({ code: "INDEX_DAMAGED" });
      await rm(join(folder, "index", name));
      const code = name === "metadata.json" ? "INDEX_NOT_BUILT" : "INDEX_DAMAGED";
      await expect(load()).rejects.toMatchObject({ code });
    },
  );
});
