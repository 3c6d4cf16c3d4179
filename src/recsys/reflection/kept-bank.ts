/**
 * @file A bank of drawn images as it is kept: training pairs, each with the conditions that were drawn for it and the CLIP features of
 * the images. Under `banks/<key>/`, a file for every few pairs, so that a killed run goes on where it stood.
 *
 * Shapes: N conditions of a pair, C numbers of a condition, E width of CLIP's features.
 */
import { z } from "zod";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import { parseJson } from "../../errors/parse-options.js";
import { contentHash } from "../../ml/content-hash.js";
import { type Matrix, matrix, row } from "../../ml/nn/matrix.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  type StoredTensor,
} from "../../ml/nn/safetensors.js";
import type { Pair } from "./pairs.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

/** The images of one pair. */
export interface BankEntry {
  pair: Pair;
  /** Names of the conditions, in their order; the same for all pairs. */
  names: readonly string[];
  /** What each image attends to; the first is that of an untrained method. `[N, C]`, or no row where nothing could be drawn. */
  conditions: Matrix;
  /** CLIP features of the images; `[N, E]`. */
  features: Matrix;
}

export interface ConditionBank {
  key: string;
  entries: readonly BankEntry[];
  /** Images that this process drew; the others were there. */
  numDrawn: number;
}

export interface BankHooks {
  store: ArtefactStore;
  onPairs?: (done: number, total: number) => void;
}

interface KeptBank {
  /** Has everything that the images depend on. */
  key: string;
  pairs: readonly Pair[];
  /** The entries of some of the pairs, in their order. */
  draw: (pairs: readonly Pair[]) => Promise<BankEntry[]>;
  signal?: AbortSignal;
}

/** Pairs between two files. */
const CHUNK_PAIRS = 8;

/** The bank, drawn as far as it is not kept. @throws AppError FILE_MALFORMED for a kept file of another bank; as `draw`. */
export async function keptBank(
  { draw, key, pairs, signal }: KeptBank,
  { onPairs, store }: BankHooks,
): Promise<ConditionBank> {
  const entries: BankEntry[] = [];
  let numDrawn = 0;
  for (let start = 0; start < pairs.length; start += CHUNK_PAIRS) {
    signal?.throwIfAborted();
    const own = pairs.slice(start, start + CHUNK_PAIRS);
    const path = `banks/${key}/pairs-${String(start).padStart(5, "0")}.safetensors`;
    const kept = await store.get(path);
    if (kept) {
      entries.push(...decodeEntries(kept, { key, pairs: own, path }));
    } else {
      const drawn = await draw(own);
      await store.put(path, encodeEntries(drawn, key));
      entries.push(...drawn);
      numDrawn += drawn.reduce((sum, { features }) => sum + features.shape[0], 0);
    }
    onPairs?.(entries.length, pairs.length);
  }
  return { key, entries, numDrawn };
}

/** Of pairs with all that is known of their items. @param about What else the images depend on; its first part names the bank's version. */
export function bankKey(
  shop: ShopSnapshot,
  pairs: readonly Pair[],
  about: readonly unknown[],
): string {
  const itemIds = [...new Set(pairs.flatMap(pair => [pair.itemId, ...pair.historyItemIds]))];
  const items = itemIds.map(id => {
    const { captionEmbedding, imageEmbedding, ...described } = shop.items.get(id)!; // of a pair
    return [described, digits(captionEmbedding), digits(imageEmbedding)];
  });
  return contentHash([...about, pairs, items]);
}

/** Enough of the values to tell two arrays apart, and the same on every machine. */
function digits(values: Float32Array | null): string[] {
  return Array.from(values ?? [], value => value.toPrecision(4));
}

/** Vectors as rows; of none, `[0, 0]`. */
export function rowsOf(vectors: readonly Float32Array[]): Matrix {
  const rows = matrix([vectors.length, vectors[0]?.length ?? 0]);
  vectors.forEach((values, n) => row(rows, n).set(values));
  return rows;
}

function encodeEntries(entries: readonly BankEntry[], key: string): Uint8Array {
  const tensors = Object.fromEntries(
    entries.flatMap(({ conditions, features }, at) => [
      [`${at}.conditions`, conditions],
      [`${at}.features`, features],
    ]),
  );
  return encodeSafetensors({
    tensors,
    metadata: {
      format: "vitrine-bank",
      bank: key,
      names: JSON.stringify(entries[0].names),
    },
  });
}

function decodeEntries(
  bytes: Uint8Array,
  { key, pairs, path }: { key: string; pairs: readonly Pair[]; path: string },
): BankEntry[] {
  const expected = "images of this bank of conditions";
  const { metadata, tensors } = decodeSafetensors(bytes, path);
  if (metadata.bank !== key || Object.keys(tensors).length !== 2 * pairs.length) {
    const reason = "it is of another pack, ranking model or set of pairs";
    throw new AppError("FILE_MALFORMED", { path, expected, reason });
  }
  const names = parseJson(
    metadata.names ?? "",
    z.array(z.string()),
    reason => new AppError("FILE_MALFORMED", { path, expected, reason }),
  );
  return pairs.map((pair, at) => {
    const { [`${at}.conditions`]: conditions, [`${at}.features`]: features } = tensors;
    return { pair, names, conditions: asMatrix(conditions), features: asMatrix(features) };
  });
}

const asMatrix = ({ shape, values }: StoredTensor) =>
  matrix([shape[0], shape[1]], Float32Array.from(values));
