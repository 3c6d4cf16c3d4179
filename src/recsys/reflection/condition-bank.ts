/**
 * @file A bank of drawn conditions: training pairs, each with the conditions of the menu (`condition-menu.ts`), drawn once on the
 * image path and kept as CLIP features. Critic, distillation and surrogate learn from it; arms and seeds share it.
 *
 * Kept under `banks/<key>/`, a file for every few pairs, so that a killed run goes on where it stood. The key has the generator,
 * the ranking model, the pairs with their features, and how images are drawn: a bank of another pack or ranker is another bank.
 *
 * Shapes: N conditions of a pair, E width of CLIP's features.
 */
import pLimit from "p-limit";
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
import { drawCandidates } from "../images/image-path.js";
import { type PersonalizerInput, personalizerInputs } from "../images/personalizer-model.js";
import { conditionMenu } from "./condition-menu.js";
import { choicePairs, type Pair } from "./pairs.js";
import { rolloutRequest, type RolloutParts } from "./rollouts.js";

/** The images of one pair. */
export interface BankEntry {
  pair: Pair;
  /** Names of the conditions, in their order. */
  names: readonly string[];
  /** What each image attends to; the first is P^ret. `[N, E]`. */
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

/** What of a training's parts the bank depends on. */
export type BankParts = Omit<RolloutParts, "seed">;

export interface BankHooks {
  store: ArtefactStore;
  onPairs?: (done: number, total: number) => void;
}

/** Increase when the same key would give other images. */
const BANK_VERSION = 1;
/** Pairs between two files. */
const CHUNK_PAIRS = 8;
/** Pairs at a time: the render pool takes turns. */
const AT_ONCE = 4;
/** Of the pairs, their conditions and their noise: one bank for all seeds of training. */
const BANK_SEED = 0;

/**
 * The bank of a shop, drawn as far as it is not kept.
 *
 * @throws AppError FILE_MALFORMED for a kept file of another bank; as the image path.
 */
export async function conditionBank(
  parts: BankParts,
  { onPairs, store }: BankHooks,
): Promise<ConditionBank> {
  const { config, shop, signal } = parts;
  const pairs = choicePairs(shop, { numPairs: config.numBankPairs, seed: BANK_SEED });
  const key = bankKey(parts, pairs);
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
      const drawn = await drawEntries(parts, own);
      await store.put(path, encodeEntries(drawn, key));
      entries.push(...drawn);
      numDrawn += drawn.reduce((sum, { names }) => sum + names.length, 0);
    }
    onPairs?.(entries.length, pairs.length);
  }
  return { key, entries, numDrawn };
}

/** Everything that the images and their ranking depend on. */
function bankKey({ config, path, shop }: BankParts, pairs: readonly Pair[]): string {
  const { guidanceScale, historyLimit, k, numSteps, strength } = config;
  const itemIds = [...new Set(pairs.flatMap(pair => [pair.itemId, ...pair.historyItemIds]))];
  const items = itemIds.map(id => {
    const { captionEmbedding, imageEmbedding, ...described } = shop.items.get(id)!; // of a pair
    return [described, digits(captionEmbedding), digits(imageEmbedding)];
  });
  return contentHash([
    BANK_VERSION,
    path.generator.version,
    shop.ranker.versionId,
    { guidanceScale, historyLimit, k, numSteps, strength },
    pairs,
    items,
  ]);
}

/** Enough of the values to tell two arrays apart, and the same on every machine. */
function digits(values: Float32Array | null): string[] {
  return Array.from(values ?? [], value => value.toPrecision(4));
}

async function drawEntries(parts: BankParts, pairs: readonly Pair[]): Promise<BankEntry[]> {
  const { config, encoder, path, shop, signal } = parts;
  const requests = pairs.map(pair => rolloutRequest({ ...parts, seed: BANK_SEED }, pair));
  const contexts = requests.map(({ context }) => context);
  const inputs = await personalizerInputs({ promptIds: () => [] }, encoder, contexts);
  const limit = pLimit(AT_ONCE);
  return Promise.all(
    pairs.map((pair, at) =>
      limit(async (): Promise<BankEntry> => {
        const { retrieved } = inputs[at];
        const menu = conditionMenu(shop, pair, { ...config, retrieved });
        const conditions: Float32Array[] = [];
        for (const { embedding } of menu) {
          conditions.push(conditionOf(await tokensOf(encoder, embedding), inputs[at]));
        }
        const request = { ...requests[at], sharesNoise: true, numImages: conditions.length };
        const unranked = { ...path, ranker: null };
        const options = { cache: false, signal };
        const attended = { prompt: "", conditions };
        const { embeddings } = await drawCandidates(unranked, request, attended, options);
        return {
          pair,
          names: menu.map(({ name }) => name),
          conditions: rowsOf(menu.map(({ embedding }) => embedding)),
          features: rowsOf(embeddings),
        };
      }),
    ),
  );
}

/** The generator's image tokens of an embedding; `[Q D]`. */
export async function tokensOf(
  encoder: BankParts["encoder"],
  embedding: Float32Array,
): Promise<Float32Array> {
  const image = await encoder.projectImage(embedding);
  if (!image) {
    throw new Error("tokensOf: expected a model pack that takes image embeddings");
  }
  return image.tokens;
}

/** What an untrained personalizer of the form `slots` gives for these image tokens: they, then E^key. */
function conditionOf(tokens: Float32Array, { keyStates }: PersonalizerInput): Float32Array {
  const condition = new Float32Array(tokens.length + keyStates.values.length);
  condition.set(tokens);
  condition.set(keyStates.values, tokens.length);
  return condition;
}

function rowsOf(vectors: readonly Float32Array[]): Matrix {
  const rows = matrix([vectors.length, vectors[0].length]);
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
