import { type ChildProcess, spawn } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createInMemoryStore } from "../../../docs/examples/in-memory-store.js";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { describeArtefactStore } from "../../contracts/artefact-store.contract.js";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "artefacts-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

describeArtefactStore("a folder", () => new FolderArtefactStore(root));
describeArtefactStore("the example of docs/", createInMemoryStore);

describe("FolderArtefactStore", () => {
  it("has a key at its path", async () => {
    await new FolderArtefactStore(root).put("rankers/v1/config.json", Buffer.from("{}"));
    expect(readFileSync(join(root, "rankers", "v1", "config.json"), "utf8")).toBe("{}");
  });

  it.each([
    "../secret",
    "/etc/passwd",
    "a/../../secret",
    "a//b",
    "a/",
    "",
    ".",
    "a/.tmp/b",
    "a\\b",
    "a\0",
  ])("takes %j for no key", async key => {
    const store = new FolderArtefactStore(join(root, "home"));
    writeFileSync(join(root, "secret"), "");
    const expected = "expected a key such as";
    await expect(store.get(key)).rejects.toThrow(expected);
    await expect(store.put(key, Buffer.from("x"))).rejects.toThrow(expected);
    await expect(store.delete(key)).rejects.toThrow(expected);
    await expect(store.list(key)).rejects.toThrow(expected);
    await expect(store.openLocal(key)).rejects.toThrow(expected);
    expect(readdirSync(root)).toEqual(["secret"]);
  });

  it("removes what killed processes were writing, and nothing that may still be written", async () => {
    const writing = join(root, "blobs", ".tmp");
    mkdirSync(writing, { recursive: true });
    for (const name of ["old", "new"]) {
      writeFileSync(join(writing, name), "half");
    }
    const longAgo = new Date(Date.now() - 11 * 60_000);
    utimesSync(join(writing, "old"), longAgo, longAgo);
    const store = new FolderArtefactStore(root);
    await store.put("blobs/ab/abc", Buffer.from("abc"));
    expect(readdirSync(writing)).toEqual(["new"]);
    expect(await store.list("blobs")).toMatchObject([{ key: "blobs/ab/abc" }]);
  });

  it("leaves the old bytes when a put fails", async () => {
    const store = new FolderArtefactStore(root);
    await store.put("a/b", Buffer.from("old"));
    mkdirSync(join(root, "a", "folder", "x"), { recursive: true });
    await expect(store.put("a/folder", Buffer.from("new"))).rejects.toThrow();
    expect(readFileSync(join(root, "a", "b"), "utf8")).toBe("old");
    expect(readdirSync(join(root, "a", ".tmp"))).toEqual([]);
  });

  it("has whole files after a process that puts was killed", async () => {
    for (const delayMs of [0, 3, 17, 60]) {
      const child = putForever(root);
      await new Promise(resolve => child.stdout!.once("data", resolve));
      await sleep(delayMs);
      child.kill("SIGKILL");
      await new Promise(resolve => child.once("exit", resolve));
      const entries = await new FolderArtefactStore(root).list("a");
      expect(entries.length).toBeGreaterThan(0);
      for (const { key, sizeBytes } of entries) {
        const bytes = readFileSync(join(root, key));
        expect(sizeBytes).toBe(1_000_000);
        expect(bytes.every(value => value === bytes[0])).toBe(true);
      }
    }
  });
});

/** A process that puts files of a million equal bytes, and says when the first is there. */
function putForever(folder: string): ChildProcess {
  const script = `
    import { FolderArtefactStore } from "./dist/db/artefact-store.js";
    const store = new FolderArtefactStore(${JSON.stringify(folder)});
    for (let n = 0; ; n++) {
      await store.put("a/" + (n % 3), new Uint8Array(1_000_000).fill(n));
      if (n === 0) console.log("put");
    }`;
  return spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}
