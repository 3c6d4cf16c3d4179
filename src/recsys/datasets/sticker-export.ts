/**
 * @file Exports the stickers of all styles to a folder, from which `pretrain/` builds the base models: `catalog.jsonl`,
 * one sticker per line, and its images `images/<style>/<slug>.png`.
 */
import { join } from "node:path";
import pLimit from "p-limit";
import { appendLocal, writeLocal } from "../../db/local-files.js";
import { drawSticker, stickerCaption } from "./sticker-art.js";
import { stickerConcepts } from "./sticker-concepts.js";
import { allStyles } from "./sticker-styles.js";

/** One more than sharp's threads, so that none waits for the event loop. */
const DRAWN_AT_ONCE = 5;

export interface ExportOptions {
  /** Export only this many concepts; default all. */
  limitConcepts?: number;
  signal?: AbortSignal;
  /** @param done fraction, 0..1 */
  onProgress?: (done: number, numStickers: number) => void;
}

/** Writes the folder. @returns the number of stickers. */
export async function exportStickers(folder: string, options: ExportOptions = {}): Promise<number> {
  const { limitConcepts, signal, onProgress } = options;
  const concepts = stickerConcepts(limitConcepts);
  const catalog = join(folder, "catalog.jsonl");
  await writeLocal(catalog, "");
  const limit = pLimit(DRAWN_AT_ONCE);
  let numStickers = 0;
  for (const [index, concept] of concepts.entries()) {
    signal?.throwIfAborted();
    const { slug, title, keywords, group } = concept;
    const lines = await Promise.all(
      allStyles.map(style =>
        limit(async () => {
          const art = concept.art[style];
          if (!art) {
            return [];
          }
          const { png, colors } = await drawSticker(art);
          const file = `images/${style}/${slug}.png`;
          await writeLocal(join(folder, file), png);
          const id = `${style}:${slug}`;
          const caption = stickerCaption(concept, style, colors);
          const row = { id, concept: slug, style, title, caption, keywords, group, colors, file };
          return [`${JSON.stringify(row)}\n`];
        }),
      ),
    );
    await appendLocal(catalog, lines.flat().join(""));
    numStickers += lines.flat().length;
    onProgress?.((index + 1) / concepts.length, numStickers);
  }
  return numStickers;
}
