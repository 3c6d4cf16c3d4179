/** @file The drawn images that the surrogate is fitted on: of users and of items that a ranking model puts first for them. */
import { putJson } from "../../../db/artefact-files.js";
import { AppError } from "../../../errors/app-error.js";
import { Random, seedFrom } from "../../../ml/nn/random.js";
import type { WorkHooks } from "../../../ml/progress.js";
import type { PersonalizationMethod } from "../../images/personalization-method.js";
import { type Pair, pairContext, pairOf, trainTimeline } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { drawPairs, type ItemDrawing } from "./draw-item-images.js";
import {
  type DrawnExample,
  fitSurrogate,
  type ImageSurrogate,
  type SurrogateStamp,
} from "./image-surrogate.js";
import type { SeedRun, SeedRunParts } from "./seed-runs.js";
import type { Candidates } from "./user-signals.js";

/**
 * The surrogate of this pack, method and ranking models: fitted on `numBankImages` drawn images of users and of items that the
 * first model puts first for them.
 *
 * @throws AppError TOO_FEW_PAIRS
 */
export async function surrogateOf(
  { drawing, given: { config, shop }, store }: SeedRunParts & { drawing: ItemDrawing },
  run: SeedRun,
  hooks: WorkHooks,
): Promise<{ surrogate: ImageSurrogate; numDrawn: number }> {
  const pairs = bankPairs(shop, run.candidates, config);
  if (pairs.length === 0) {
    throw new AppError("TOO_FEW_PAIRS", { needed: 1, got: 0 });
  }
  const drawn = await drawPairs(drawing, pairs, hooks);
  const examples = pairs.flatMap((pair, place): DrawnExample[] => {
    const { preferenceEmbedding, referenceImageEmbedding } = pairContext(shop, pair, config);
    return preferenceEmbedding
      ? [
          {
            userIndex: pair.userIndex,
            own: referenceImageEmbedding,
            preference: preferenceEmbedding,
            drawn: drawn[place],
          },
        ]
      : [];
  });
  const stamp = stampOf(drawing.path.generator.version, drawing.method, shop);
  const surrogate = fitSurrogate(examples, stamp);
  await putJson(store, `reranks/runs/${run.key}-surrogate.json`, { stamp, ...surrogate.heldOut });
  return { surrogate, numDrawn: pairs.length };
}

export function stampOf(
  generator: string,
  method: Pick<PersonalizationMethod, "id">,
  { ranker }: Pick<ShopSnapshot, "ranker">,
): SurrogateStamp {
  return { generator, method: method.id, rankingModelVersionId: ranker.versionId };
}

/** Random users and items among the first for them; the test items are not read. */
export function bankPairs(
  shop: ShopSnapshot,
  candidates: readonly Candidates[],
  { numBankImages, seed }: { numBankImages: number; seed: number },
): Pair[] {
  const random = new Random(seedFrom("images of the surrogate", seed));
  const users = [...shop.userIds.keys()];
  const pairs: Pair[] = [];
  const seen = new Set<string>();
  // Users with a short history have no pair, so more are tried than needed.
  for (let tries = 0; tries < 4 * numBankImages && pairs.length < numBankImages; tries++) {
    const user = users[random.int(users.length)];
    const { items } = candidates[user];
    const item = items[random.int(items.length)];
    const name = `${user}:${item}`;
    const pair = seen.has(name) ? null : pairOf(shop, user, item, trainTimeline(shop, user));
    seen.add(name);
    if (pair) {
      pairs.push(pair);
    }
  }
  return pairs;
}
