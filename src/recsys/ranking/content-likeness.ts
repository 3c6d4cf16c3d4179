/** @file Content-based recommendations by caption, for users whose items no ranking model knows. */
import { addScaled } from "../../ml/nn/matrix.js";
import type { CaptionIndex } from "../retrieval/caption-index.js";

/** The newest choices suffice to represent a taste. */
const MAX_CHOSEN = 50;

export class ContentLikeness {
  constructor(
    private readonly index: { readonly isBuilt: boolean; readonly current: CaptionIndex },
  ) {}

  /**
   * Up to `k` items nearest to the strength-weighted mean of the given items' caption embeddings, most similar first,
   * with their cosine. Empty without an index, or if it has none of them.
   *
   * @param choices newest first.
   */
  likeThese(
    choices: readonly { itemId: string; strength: number }[],
    k: number,
  ): { itemId: string; score: number }[] {
    if (!this.index.isBuilt) {
      return [];
    }
    const index = this.index.current;
    const found = choices.slice(0, MAX_CHOSEN).flatMap(({ itemId, strength }) => {
      const vector = index.vectorOf(itemId);
      return vector ? [{ vector, strength }] : [];
    });
    if (found.length === 0) {
      return [];
    }
    const mean = new Float32Array(found[0].vector.length);
    const total = found.reduce((sum, { strength }) => sum + strength, 0);
    for (const { strength, vector } of found) {
      addScaled(mean, vector, strength / total);
    }
    return index.search(mean, k).map(({ itemId, similarity }) => ({ itemId, score: similarity }));
  }
}
