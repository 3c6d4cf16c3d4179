/**
 * @file The rewards of a bank's images: how far each raises the item's score above that of the catalogue image, in standard
 * deviations of the viewer's scores, so that they are comparable between users.
 */
import { row } from "../../ml/nn/matrix.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import type { BankEntry } from "./kept-bank.js";
import { trainItemIds } from "./pairs.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

export interface MarginRow {
  entry: BankEntry;
  /** Of each image, in the entry's order; finite. */
  margins: readonly number[];
}

/** Pairs that teach nothing. A type and not an interface, so that it passes as JSON. */
export type LeftOut = Readonly<{
  /** No image could be drawn of the item. */
  noImage: number;
  /** The user's score is the same with every image, as of one who likes everything. */
  noMargin: number;
  /** A score is not a number. */
  notFinite: number;
}>;

/** Each entry as seen by its own user; no other user is asked. */
export async function bankMargins(
  parts: { ranker: PictureRanker; shop: ShopSnapshot },
  entries: readonly BankEntry[],
): Promise<{ rows: MarginRow[]; leftOut: LeftOut }> {
  const rows: MarginRow[] = [];
  const leftOut = { noImage: 0, noMargin: 0, notFinite: 0 };
  for (const entry of entries) {
    if (entry.features.shape[0] === 0) {
      leftOut.noImage++;
      continue;
    }
    const margins = await marginsOf(parts, entry);
    if (!margins?.every(Number.isFinite)) {
      leftOut.notFinite++;
    } else if (margins.every(margin => margin === margins[0])) {
      leftOut.noMargin++;
    } else {
      rows.push({ entry, margins });
    }
  }
  return { rows, leftOut };
}

/** Null where the ranking model knows nothing of the user or the item. */
async function marginsOf(
  { ranker, shop }: { ranker: PictureRanker; shop: ShopSnapshot },
  { features, pair }: BankEntry,
): Promise<number[] | null> {
  const images = Array.from({ length: features.shape[0] }, (_, n) => row(features, n));
  const viewer = { userId: pair.userId, seenItemIds: trainItemIds(shop, pair) };
  const whatIf = await ranker.whatIf(viewer, pair.itemId, images);
  if (!whatIf) {
    return null;
  }
  const { candidates, scoreBefore, scoreDeviation } = whatIf;
  return candidates.map(({ score }) => (score - scoreBefore) / scoreDeviation);
}
