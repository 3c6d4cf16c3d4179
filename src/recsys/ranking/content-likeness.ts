/** @file What is like the items someone chose, by their captions: for those of whom no ranking model knows anything. */
import { addScaled } from "../../ml/nn/shape.js";
import type { CaptionIndex } from "../retrieval/caption-index.js";

/** The newest choices are enough to tell a taste. */
const MAX_CHOSEN = 50;

export class ContentLikeness {
  constructor(
    private readonly index: { readonly isBuilt: boolean; readonly current: CaptionIndex },
  ) {}

  /**
   * Up to `k` items nearest to the mean of the captions' CLIP embeddings of the given ones, newest first, most like first
   * with the cosine to it; none when no index is built or none of them is in it.
   */
  likeThese(itemIds: readonly string[], k: number): { itemId: string; score: number }[] {
    if (!this.index.isBuilt) {
      return [];
    }
    const index = this.index.current;
    const vectors = itemIds.slice(0, MAX_CHOSEN).flatMap(id => index.vectorOf(id) ?? []);
    if (vectors.length === 0) {
      return [];
    }
    const mean = new Float32Array(vectors[0].length);
    vectors.forEach(vector => addScaled(mean, vector, 1 / vectors.length));
    return index.search(mean, k).map(({ itemId, similarity }) => ({ itemId, score: similarity }));
  }
}
