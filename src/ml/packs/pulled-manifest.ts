/**
 * @file `manifest.json` of a fetched pack: the usual one, plus the source and the checksum's origin of each file.
 *
 * It is written once, when the pack is complete; later checks compare with it.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { contentHash } from "../content-hash.js";
import { manifestSchema } from "../runtime/pack-manifest.js";
import type { CataloguePack } from "./pack-catalogue.js";

const sourceSchema = z.object({
  repository: z.string(),
  /** Null where the hub names none. */
  commit: z.string().nullable(),
  file: z.string(),
  license: z.string(),
  /** The hub's identity of the bytes. */
  identity: z.string().nullable(),
  /**
   * Origin of the checksum before the download: the catalogue or the hub. `none`: neither knew it, and it was computed
   * from the bytes received.
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
  /** Hash of the catalogue's entry: a changed entry is fetched again. */
  entryHash: z.string(),
  files: z.array(z.union([pulledFileSchema, manifestSchema.shape.files.element])),
});

export type PulledManifest = z.infer<typeof pulledManifestSchema>;

/** SHA-256 of a pack's catalogue entry. */
export function entryHash(pack: CataloguePack): string {
  return contentHash(pack);
}

/** The manifest of a pack in the cache; null when it is absent or not of a fetched pack. */
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

/** Whether every file is present with its size. */
export async function isWhole(folder: string, manifest: PulledManifest): Promise<boolean> {
  for (const { path, sizeBytes } of manifest.files) {
    if ((await sizeOnDisk(join(folder, path))) !== sizeBytes) {
      return false;
    }
  }
  return true;
}

/** Size of a file in bytes; null when it is absent. */
export function sizeOnDisk(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    () => null,
  );
}

/** Both hashes by which a hub may identify a file, in one read. */
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

/** Replaces a text file completely or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
