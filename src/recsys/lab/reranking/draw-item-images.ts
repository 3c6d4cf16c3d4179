/** @file Draws the planned images of items and gives their embeddings. */
import { seedFrom } from "../../../ml/nn/random.js";
import type { WorkHooks } from "../../../ml/progress.js";
import { selectCandidate } from "../../images/candidate-selection.js";
import { type CandidateRequest, type ImagePath, makeCandidates } from "../../images/image-path.js";
import type { PersonalizationMethod } from "../../images/personalization-method.js";
import { type Pair, pairRequest } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { RerankConfig } from "./rerank-config.js";

/** Pairs asked for at once: the generator has its next request before the last is encoded. */
const AT_ONCE = 4;

export interface ItemDrawing {
  shop: ShopSnapshot;
  path: ImagePath;
  method: PersonalizationMethod;
  config: RerankConfig;
}

/** CLIP embeddings of each item's images, in the order planned: of each pair's candidates the best. */
export async function drawItemImages(
  drawing: ItemDrawing,
  planned: ReadonlyMap<number, readonly Pair[]>,
  hooks: WorkHooks,
): Promise<Map<number, Float32Array[]>> {
  const pairs = [...planned.values()].flat();
  const drawn = await drawPairs(drawing, pairs, hooks);
  const embeddings = new Map<number, Float32Array[]>();
  for (const [place, { itemIndex }] of pairs.entries()) {
    embeddings.set(itemIndex, [...(embeddings.get(itemIndex) ?? []), drawn[place]]);
  }
  return embeddings;
}

/** The CLIP embedding of each pair's image, the best of its candidates. */
export async function drawPairs(
  drawing: ItemDrawing,
  pairs: readonly Pair[],
  { onProgress, signal }: WorkHooks,
): Promise<Float32Array[]> {
  const { method, path } = drawing;
  const embeddings: Float32Array[] = [];
  for (let start = 0; start < pairs.length; start += AT_ONCE) {
    signal?.throwIfAborted();
    const batch = pairs.slice(start, start + AT_ONCE);
    const requests = batch.map(pair => requestOf(drawing, pair));
    const made = await makeCandidates(path, method, requests, { signal });
    for (const [place, { context }] of requests.entries()) {
      const { chosen } = await selectCandidate(context, made[place], null);
      // Without rules there is always one, unless nothing may be drawn of the catalogue image.
      embeddings.push(
        chosen === null ? context.referenceImageEmbedding : made[place].embeddings[chosen],
      );
    }
    const done = Math.min(start + AT_ONCE, pairs.length);
    onProgress?.({ fraction: done / pairs.length, stage: `image ${done} of ${pairs.length}` });
  }
  return embeddings;
}

function requestOf({ config, shop }: ItemDrawing, pair: Pair): CandidateRequest {
  const { fidelity, guidanceScale, numCandidates, numSteps, strength } = config;
  return pairRequest(shop, pair, config, {
    fidelity,
    guidanceScale,
    numSteps,
    strength,
    seed: seedFrom("rerank", config.seed, pair.userId, pair.itemId),
    numImages: numCandidates,
  });
}
