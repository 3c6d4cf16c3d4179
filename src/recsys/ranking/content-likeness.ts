/** @file What is like the items someone chose, by their captions: for those of whom no ranking model knows anything. */
import { addScaled } from "../../ml/nn/matrix.js";
import type { CaptionIndex } from "../retrieval/caption-index.js";

/** The newest choices are enough to tell a taste. */
const MAX_CHOSEN = 50;

export class ContentLikeness {
  constructor(
    private readonly index: { readonly isBuilt: boolean; readonly current: CaptionIndex },
  ) {}

  /**
   * Up to `k` items nearest to the mean of the captions' CLIP embeddings of the given ones, each of which counts as its
   * strength says; most like first, with the cosine to it. None when no index is built or none of them is in it.
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
