/**
 * @file `manifest.json` of a fetched pack: the usual one, and of each file where it came from and what vouches for it.
 *
 * It is written once, when the pack is complete, and then is what every later check compares with.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { manifestSchema } from "../runtime/pack-manifest.js";
import type { CataloguePack } from "./pack-catalogue.js";

const sourceSchema = z.object({
  repository: z.string(),
  /** Null where the hub names none. */
  commit: z.string().nullable(),
  file: z.string(),
  license: z.string(),
  /** What the hub knew the bytes by. */
  identity: z.string().nullable(),
  /**
   * Where the checksum came from before the bytes did: the catalogue, or the hub's own answer. `none`: neither knew it, and
   * it is that of the bytes that came.
   */
  vouchedBy: z.enum(["catalogue", "hub", "none"]),
});

export const pulledFileSchema = z.object({
  path: z.string(),
  sizeBytes: z.number().int().nonnegative(),
  sha256: z.string(),
  source: sourceSchema,
});

export type PulledFile = z.infer<typeof pulledFileSchema>;

const pulledManifestSchema = manifestSchema.extend({
  /** Of the catalogue's entry: a changed entry is fetched anew. */
  entryHash: z.string(),
  files: z.array(z.union([pulledFileSchema, manifestSchema.shape.files.element])),
});

export type PulledManifest = z.infer<typeof pulledManifestSchema>;

/** SHA-256 of what the catalogue says of a pack. */
export function entryHash(pack: CataloguePack): string {
  return createHash("sha256").update(JSON.stringify(pack)).digest("hex");
}

/** The manifest of a pack in the cache; null when it is not there or is not one of a fetched pack. */
export async function findPulledManifest(folder: string): Promise<PulledManifest | null> {
  const text = await readFile(join(folder, "manifest.json"), "utf8").catch(() => "null");
  try {
    return pulledManifestSchema.nullable().parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The files that came from a hub. */
export function filesFromHub(manifest: PulledManifest): PulledFile[] {
  return manifest.files.flatMap(file => pulledFileSchema.safeParse(file).data ?? []);
}

/** Whether every file is there at its size. */
export async function isWhole(folder: string, manifest: PulledManifest): Promise<boolean> {
  for (const { path, sizeBytes } of manifest.files) {
    if ((await sizeOnDisk(join(folder, path))) !== sizeBytes) {
      return false;
    }
  }
  return true;
}

/** Of a file, in bytes; null when it is not there. */
export function sizeOnDisk(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    () => null,
  );
}

/** Both hashes that a hub may know a file by, from one read. */
export async function fileDigests(
  path: string,
): Promise<{ sizeBytes: number; sha256: string; gitSha1: string }> {
  const { size: sizeBytes } = await stat(path);
  const sha256 = createHash("sha256");
  const gitSha1 = createHash("sha1").update(`blob ${sizeBytes}\0`);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    sha256.update(chunk);
    gitSha1.update(chunk);
  }
  return { sizeBytes, sha256: sha256.digest("hex"), gitSha1: gitSha1.digest("hex") };
}

/** Writes a text file so that it is there whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
