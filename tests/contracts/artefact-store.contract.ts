/** @file What every {@link ArtefactStore} must do. */
import { readFile } from "node:fs/promises";
import type { ArtefactStore } from "../../src/db/artefact-store.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (found: Uint8Array | null) => found && new TextDecoder().decode(found);

/** @param create A store with nothing in it. */
export function describeArtefactStore(name: string, create: () => ArtefactStore): void {
  describe(`${name} as an artefact store`, () => {
    let store: ArtefactStore;

    beforeEach(() => {
      store = create();
    });

    it("gives back what was put", async () => {
      const all = Uint8Array.from({ length: 256 }, (_, value) => value);
      await store.put("a/b/all.bin", all);
      expect([...(await store.get("a/b/all.bin"))!]).toEqual([...all]);
      await store.put("empty", new Uint8Array(0));
      expect(await store.get("empty")).toHaveLength(0);
    });

    it("keeps what was put when the caller changes its array", async () => {
      const mine = bytes("before");
      await store.put("a", mine);
      mine.fill(0);
      (await store.get("a"))!.fill(1);
      expect(text(await store.get("a"))).toBe("before");
    });

    it("replaces, by longer and shorter bytes", async () => {
      for (const content of ["one", "and a longer one", "x"]) {
        await store.put("a/b", bytes(content));
        expect(text(await store.get("a/b"))).toBe(content);
      }
    });

    it("says of an absent key that it is absent", async () => {
      await store.put("a/b/c", bytes("here"));
      for (const key of ["a", "a/b", "a/b/c/d", "a/b/x", "x"]) {
        expect(await store.get(key)).toBeNull();
        await expect(store.openLocal(key)).rejects.toThrow();
      }
      expect(await store.list("x")).toEqual([]);
      await expect(store.delete("x/y")).resolves.toBeUndefined();
    });

    it("lists a key, and the keys below it, by rising key", async () => {
      const before = Date.now() - 2_000; // a file system's clock may be coarse
      for (const key of ["a/c", "a/b/z", "a/b/y", "ab", "b/a"]) {
        await store.put(key, bytes(key));
      }
      const keys = async (prefix: string) => (await store.list(prefix)).map(({ key }) => key);
      expect(await keys("a")).toEqual(["a/b/y", "a/b/z", "a/c"]);
      expect(await keys("a/b/y")).toEqual(["a/b/y"]);
      const [{ modifiedAt, sizeBytes }] = await store.list("ab");
      expect(sizeBytes).toBe(2);
      expect(modifiedAt.getTime()).toBeGreaterThan(before);
    });

    it("deletes one key", async () => {
      await store.put("a/b", bytes("b"));
      await store.put("a/c", bytes("c"));
      await store.delete("a/b");
      expect(await store.get("a/b")).toBeNull();
      expect(await store.list("a")).toMatchObject([{ key: "a/c" }]);
    });

    it("opens a local file of the bytes", async () => {
      await store.put("index/graph.hnsw", bytes("graph"));
      expect(await readFile(await store.openLocal("index/graph.hnsw"), "utf8")).toBe("graph");
    });

    it("never shows a part of what is put side by side", async () => {
      const contents = Array.from({ length: 8 }, (_, n) => new Uint8Array(200_000).fill(n));
      await store.put("a", contents[0]);
      const puts = Promise.all(contents.map(content => store.put("a", content)));
      for (let reading = 0; reading < 20; reading++) {
        const found = (await store.get("a"))!;
        expect(found).toHaveLength(200_000);
        expect(found.every(value => value === found[0])).toBe(true);
      }
      await puts;
    });
  });
}
