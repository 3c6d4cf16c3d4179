/** @file `manifest.json` of a pack: its description and licence, and the size and SHA-256 of each file. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";

export const manifestSchema = z.looseObject({
  name: z.string().min(1),
  version: z.string().min(1),
  license: z.string(),
  files: z
    .array(
      z.looseObject({
        path: z.string().refine(isInside, "must be a relative path inside the pack"),
        sizeBytes: z.number().int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1),
  /**
   * Minimum CLIP cosine, -1..1, of the captioner's sentence and the item's title for the sentence to become the item's
   * caption. Absent: the captioner suits any image.
   */
  captionAgreement: z.number().min(-1).max(1).optional(),
  /** Sources of the weights and their training data; displayed only. */
  attribution: z.unknown().optional(),
});

export type PackManifest = z.infer<typeof manifestSchema>;

/** True for a relative path that stays inside its folder. */
export function isInside(path: string): boolean {
  return path !== "" && !isAbsolute(path) && !path.split(/[/\\]/).includes("..");
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** Writes a text file of a pack, and its size and checksum into the manifest if there is one. */
export async function writePackFile(dir: string, path: string, text: string): Promise<void> {
  await replaceFile(join(dir, path), text);
  const manifestPath = join(dir, "manifest.json");
  const kept = await readFile(manifestPath, "utf8").catch(() => null); // a pack without manifest
  if (kept !== null) {
    const manifest = manifestSchema.parse(JSON.parse(kept));
    const entry = {
      path,
      sizeBytes: Buffer.byteLength(text),
      sha256: createHash("sha256").update(text).digest("hex"),
    };
    const others = manifest.files.filter(file => file.path !== path);
    const files = [...others, entry].sort((a, b) => (a.path < b.path ? -1 : 1));
    await replaceFile(manifestPath, `${JSON.stringify({ ...manifest, files }, null, 2)}\n`);
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}
