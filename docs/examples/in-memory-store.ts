/** An `ArtefactStore` of one process: the smallest there is. Give it to `createPlugin` as `store`. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArtefactStore } from "vitrine";

export function createInMemoryStore(): ArtefactStore {
  const files = new Map<string, { bytes: Uint8Array; modifiedAt: Date }>();
  return {
    get: async key => files.get(key)?.bytes.slice() ?? null,
    put: async (key, bytes) => {
      files.set(key, { bytes: Uint8Array.from(bytes), modifiedAt: new Date() });
    },
    delete: async key => {
      files.delete(key);
    },
    list: async prefix =>
      [...files]
        .filter(([key]) => key === prefix || key.startsWith(`${prefix}/`))
        .map(([key, { bytes, modifiedAt }]) => ({ key, sizeBytes: bytes.length, modifiedAt }))
        .sort((a, b) => (a.key < b.key ? -1 : 1)),
    openLocal: async key => {
      const path = join(await mkdtemp(join(tmpdir(), "artefact-")), "file");
      await writeFile(path, files.get(key)!.bytes);
      return path;
    },
  };
}
