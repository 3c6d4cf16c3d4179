import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { BlobStore } from "../../../src/db/blob-store.js";

// SHA-256 of "abc": FIPS 180-2, appendix B.1.
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("BlobStore", () => {
  let home: string;
  let blobs: BlobStore;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "vitrine-blobs-"));
    blobs = new BlobStore(new FolderArtefactStore(home));
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  it("names a file by its content", async () => {
    expect(await blobs.put(Buffer.from("abc"))).toBe(ABC);
    expect(readFileSync(join(home, "blobs", "ba", ABC), "utf8")).toBe("abc");
    expect(Buffer.from(await blobs.get(ABC)).toString()).toBe("abc");
    expect(await blobs.stat(ABC)).toEqual({ sizeBytes: 3 });
  });

  it("stores one file for many equal ones, written concurrently", async () => {
    const hashes = await Promise.all(
      Array.from({ length: 20 }, () => blobs.put(Buffer.from("abc"))),
    );
    expect(new Set(hashes)).toEqual(new Set([ABC]));
    expect(readdirSync(join(home, "blobs", "ba"))).toEqual([ABC]);
    expect(readdirSync(join(home, "blobs", ".tmp"))).toEqual([]);
  });

  it("replaces a truncated file", async () => {
    await blobs.put(Buffer.from("abc"));
    truncateSync(join(home, "blobs", "ba", ABC), 1);
    await blobs.put(Buffer.from("abc"));
    expect(Buffer.from(await blobs.get(ABC)).toString()).toBe("abc");
  });

  it("never gives a damaged file, and replaces it by the next put", async () => {
    for (const bytes of [Buffer.from("abc"), Buffer.alloc(300_000, 7)]) {
      const hash = await blobs.put(bytes);
      const path = join(home, "blobs", hash.slice(0, 2), hash);
      const changed = Buffer.from(bytes);
      changed[1] ^= 1;
      writeFileSync(path, changed);
      await expect(blobs.get(hash)).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
      expect([...blobs.damaged]).toEqual([hash]);
      expect(await blobs.put(bytes)).toBe(hash);
      expect(bytes.equals(await blobs.get(hash))).toBe(true);
      expect([...blobs.damaged]).toEqual([]);
    }
  });

  it("reports a missing file", async () => {
    const missing = "0".repeat(64);
    expect(await blobs.stat(missing)).toBeNull();
    await expect(blobs.get(missing)).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
  });

  it.each(["../../etc/passwd", `${"a".repeat(63)}/`, ABC.toUpperCase(), ""])(
    "accepts %j as no hash",
    async hash => {
      await expect(blobs.get(hash)).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
    },
  );
});
