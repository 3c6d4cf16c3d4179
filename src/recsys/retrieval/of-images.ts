/** @file Reads items' images a few at a time and applies a model to them. */
import { isTransient } from "../../db/environment-fault.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";

/** Images decoded in parallel: each may take tens of megabytes. */
const PICTURES = 8;

interface Reading<Item> {
  imageFiles: { loadRgb(blobHash: string): Promise<RgbImage> };
  hashOf: (item: Item) => string;
  run: { unreadable: Map<string, string>; signal?: AbortSignal };
}

/** A model's output for the items' images; records and leaves out items with unreadable images. */
export async function ofImages<Item extends { itemId: string }, Output>(
  items: readonly Item[],
  { hashOf, imageFiles, run }: Reading<Item>,
  apply: (images: RgbImage[]) => Promise<Output[]>,
): Promise<Map<Item, Output>> {
  const outputs = new Map<Item, Output>();
  for (let start = 0; start < items.length; start += PICTURES) {
    run.signal?.throwIfAborted();
    const loaded = await Promise.all(
      items.slice(start, start + PICTURES).map(async item => {
        try {
          return [{ item, image: await imageFiles.loadRgb(hashOf(item)) }];
        } catch (error) {
          if (isTransient(error)) {
            throw error; // the disk is at fault, not the image
          }
          const reason = error instanceof Error ? error.message : String(error);
          run.unreadable.set(item.itemId, reason);
          return [];
        }
      }),
    );
    const readable = loaded.flat();
    if (readable.length > 0) {
      const seen = await apply(readable.map(({ image }) => image));
      readable.forEach(({ item }, n) => outputs.set(item, seen[n]));
    }
  }
  return outputs;
}
