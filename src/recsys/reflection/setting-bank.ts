/**
 * @file A bank of drawn settings of photographs: training pairs, each with settings of its menu (`setting-menu.ts`), drawn on the image
 * path, through the product lock, and kept as CLIP features (`kept-bank.ts`). One bank for all seeds of training.
 */
import pLimit from "p-limit";
import { Random, seedFrom } from "../../ml/nn/random.js";
import { LOOK_VERSION } from "../../ml/studio/backdrop-look.js";
import { settingMenu } from "../../ml/studio/setting-menu.js";
import { encodeSetting } from "../../ml/studio/setting.js";
import { type CandidateRequest, drawCandidates, type ImagePath } from "../images/image-path.js";
import { settingRandom } from "../images/setting-method.js";
import type { SettingTastes } from "../images/setting-tastes.js";
import {
  type BankEntry,
  type BankHooks,
  bankKey,
  type ConditionBank,
  keptBank,
  rowsOf,
} from "./kept-bank.js";
import { choicePairs, type Pair, pairRequest } from "./pairs.js";
import type { PersonalizerTrainingConfig } from "./personalizer-training-config.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

export interface SettingBankParts {
  shop: ShopSnapshot;
  path: ImagePath;
  tastes: Pick<SettingTastes, "of">;
  /** Backdrops of the shop for SCENE. Default: none. */
  numScenes?: number;
  config: PersonalizerTrainingConfig;
  signal?: AbortSignal;
}

/** Increase when the same key would give other images. */
const BANK_VERSION = 1;
/** Settings of a pair: as many as the menu of conditions of drawings has. */
const NUM_SETTINGS = 16;
/** Of the pairs, their settings and their noise. */
const BANK_SEED = 1;
/** Pairs at a time: the render pool takes turns. */
const AT_ONCE = 4;
const names = Array.from({ length: NUM_SETTINGS }, (_, n) => (n === 0 ? "taste" : `setting ${n}`));

/**
 * The bank of a shop, drawn as far as it is not kept. A product that no setting can be drawn for has no row.
 *
 * @throws AppError FILE_MALFORMED for a kept file of another bank; as the image path.
 */
export async function settingBank(
  parts: SettingBankParts,
  hooks: BankHooks,
): Promise<ConditionBank> {
  const { config, numScenes = 0, path, shop, signal } = parts;
  const seed = BANK_SEED;
  const { historyLimit, k, numBankPairs } = config;
  const pairs = choicePairs(shop, { numPairs: numBankPairs, seed });
  const key = bankKey(shop, pairs, [
    "settings",
    BANK_VERSION,
    path.generator.version,
    LOOK_VERSION,
    shop.ranker.versionId,
    { historyLimit, k, numScenes, seed },
  ]);
  return keptBank({ key, pairs, draw: own => drawEntries(parts, own), signal }, hooks);
}

async function drawEntries(parts: SettingBankParts, pairs: readonly Pair[]): Promise<BankEntry[]> {
  const { numScenes, path, signal, tastes } = parts;
  const requests = pairs.map(pair => settingRequest({ ...parts, seed: BANK_SEED }, pair));
  const known = await tastes.of(requests.map(({ context }) => context));
  const limit = pLimit(AT_ONCE);
  return Promise.all(
    pairs.map((pair, at) =>
      limit(async (): Promise<BankEntry> => {
        const { seed } = requests[at];
        const [first, ...others] = settingMenu(known[at], settingRandom(seed), numScenes);
        const tried = new Random(seedFrom("tried settings", seed)).shuffled(others);
        const conditions = [first, ...tried.slice(0, NUM_SETTINGS - 1)].map(encodeSetting);
        const request = { ...requests[at], numImages: conditions.length };
        const { embeddings } = await drawCandidates(
          { ...path, ranker: null },
          request,
          { prompt: "", conditions },
          { cache: false, signal },
        );
        const drawn = conditions.slice(0, embeddings.length); // all, or none
        return { pair, names, conditions: rowsOf(drawn), features: rowsOf(embeddings) };
      }),
    ),
  );
}

/** How a pair's settings are drawn and ranked: as they are served. */
export function settingRequest(
  { config, seed, shop }: Pick<SettingBankParts, "config" | "shop"> & { seed: number },
  pair: Pair,
): Omit<CandidateRequest, "numImages"> {
  const own = seedFrom("pair", seed, pair.userId, pair.itemId);
  return pairRequest(shop, pair, config, { seed: own, fidelity: "AUTO" });
}
