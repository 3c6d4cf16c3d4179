/** @file Reads a source's files without a database: the rows that the import would store, and the rejected ones. */
import type { NewInteraction } from "../../src/db/interactions.repository.js";
import type { NewItem } from "../../src/db/items.repository.js";
import { AppError } from "../../src/errors/app-error.js";
import type { CatalogueSource } from "../../src/recsys/import/catalogue.js";
import { RowFault } from "../../src/recsys/import/import-source.js";

export interface ReadSource {
  items: NewItem[];
  interactions: NewInteraction[];
  /** Item id -> its candidate images, best first. */
  images: Record<string, readonly string[]>;
  /** Of each image of variants: the item, the variants that share it, and its candidates. */
  variantImages: unknown[];
  /** `[line, reason]` of rejected rows of items and interactions. */
  rejected: [number, string][];
}

export async function readSource(source: CatalogueSource): Promise<ReadSource> {
  const read: ReadSource = {
    items: [],
    interactions: [],
    images: {},
    variantImages: [],
    rejected: [],
  };
  const context = { blobs: null as never, signal: new AbortController().signal };
  for (const part of await source.parts()) {
    for await (const row of part.read()) {
      if (part.name === "images") {
        const { itemId, candidates } = row.value as { itemId: string; candidates: string[] };
        read.images[itemId] = candidates;
        continue;
      }
      if (part.name === "variant images") {
        read.variantImages.push(row.value);
        continue;
      }
      try {
        if (row.fault !== null) {
          throw new RowFault(row.fault);
        }
        const stored = await part.prepare(row.value, context);
        if (part.name === "items") {
          read.items.push(stored as NewItem);
        } else {
          read.interactions.push(stored as NewInteraction);
        }
      } catch (error) {
        if (!(error instanceof RowFault || error instanceof AppError)) {
          throw error;
        }
        read.rejected.push([row.line, error.message]);
      }
    }
  }
  return read;
}
