/**
 * @file P^rk: the preference that the ranking model itself has, in the space of images. It is the mean CLIP feature of the items that
 * the model puts first for a user, whether they were chosen before or not.
 *
 * Shapes: E width of CLIP's features.
 */
import { addScaled } from "../../ml/nn/matrix.js";
import type { RecommendOptions, Recommendations } from "./recommendation.service.js";

/** Enough to say what they share. */
export const NUM_TOP_ITEMS = 20;

interface Dependencies {
  recommendations: {
    recommend(userId: string, k: number, options: RecommendOptions): Promise<Recommendations>;
  };
  items: {
    find(
      itemIds: readonly string[],
    ): Promise<readonly { itemId: string; imageEmbedding: Float32Array | null }[]>;
  };
}

/** P^rk of served users, by the active ranking model. */
export class TopFeatures {
  constructor(private readonly deps: Dependencies) {}

  /** For references of a user, in their order; null where no ranking model knows the user, or nothing is indexed. */
  async of(userId: string, references: readonly string[]): Promise<(Float32Array | null)[]> {
    // One more, because a reference is left out.
    const { items, source } = await this.deps.recommendations.recommend(userId, NUM_TOP_ITEMS + 1, {
      excludeSeen: false,
      onlyAvailable: false,
    });
    if (source !== "RANKER" && source !== "FOLD_IN") {
      return references.map(() => null);
    }
    const found = await this.deps.items.find(items.map(({ itemId }) => itemId));
    const features = new Map(found.map(item => [item.itemId, item.imageEmbedding]));
    return references.map(reference => {
      const others = items.filter(({ itemId }) => itemId !== reference).slice(0, NUM_TOP_ITEMS);
      return meanFeature(others.flatMap(({ itemId }) => features.get(itemId) ?? []));
    });
  }
}

/** Of unit length; null for none. `[n][E] -> [E]` */
export function meanFeature(embeddings: readonly Float32Array[]): Float32Array | null {
  if (embeddings.length === 0) {
    return null;
  }
  const sum = new Float32Array(embeddings[0].length);
  for (const embedding of embeddings) {
    addScaled(sum, embedding, 1);
  }
  const length = Math.hypot(...sum);
  return length > 0 ? sum.map(value => value / length) : sum;
}
