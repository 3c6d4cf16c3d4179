/** @file The shop's own backdrops for settings of the kind SCENE: all images of a folder, read and checked once at the start. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeRgb } from "../db/image-codec.js";
import { AppError } from "../errors/app-error.js";
import type { RgbImage } from "../ml/nn/rgb-image.js";

const IMAGE_NAME = /\.(avif|jpe?g|png|webp)$/i;
/** Longest side in pixels: a backdrop is painted out of focus. */
const SIDE = 256;
const MOST_BACKDROPS = 64;

/**
 * The backdrops in the order of their file names; none without a folder.
 *
 * @param folder absolute path; null: there are none.
 * @throws AppError `CONFIG_INVALID`, with every fault, when the folder cannot be read, has no image or more than 64, or an image
 *   cannot be decoded.
 */
export async function loadBackdrops(folder: string | null): Promise<RgbImage[]> {
  if (folder === null) {
    return [];
  }
  const names = await imageNames(folder);
  const images: RgbImage[] = [];
  const faults: string[] = [];
  for (const name of names) {
    try {
      const bytes = await readFile(join(folder, name));
      const fit = { widthPixels: SIDE, heightPixels: SIDE, fit: "inside" } as const;
      images.push(await decodeRgb(bytes, fit));
    } catch (error) {
      faults.push(`'${join(folder, name)}': ${messageOf(error)}`);
    }
  }
  if (faults.length > 0) {
    throw invalid(faults);
  }
  return images;
}

async function imageNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: unknown) => {
    throw invalid([`the folder '${folder}' cannot be read: ${messageOf(error)}`]);
  });
  const names = entries.filter(name => IMAGE_NAME.test(name)).sort();
  if (names.length === 0) {
    throw invalid([`'${folder}' has no image; JPEG, PNG, WebP or AVIF is needed`]);
  }
  if (names.length > MOST_BACKDROPS) {
    throw invalid([
      `'${folder}' has ${names.length} images; at most ${MOST_BACKDROPS} are allowed`,
    ]);
  }
  return names;
}

function invalid(faults: readonly string[]): AppError {
  const lines = faults.map(fault => `VITRINE_BACKDROPS: ${fault}`);
  return new AppError("CONFIG_INVALID", { faults: lines.join("\n") });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
