/** A `PictureRanker` that ranks items by one CLIP vector for each user. Give it to `createPlugin` as `ranker`. */
import type { PictureRanker } from "vitrine";

type Vectors = ReadonlyMap<string, Float32Array>;

export function createTasteRanker(users: Vectors, items: Vectors): PictureRanker {
  return {
    whatIf: async ({ seenItemIds = [], userId }, itemId, embeddings) => {
      const [taste, own] = [users.get(userId), items.get(itemId)];
      if (!taste || !own) {
        return null;
      }
      const scoreOf = (image: Float32Array) => image.reduce((sum, x, d) => sum + x * taste[d], 0);
      const rivals = [...items].filter(([id]) => id !== itemId && !seenItemIds.includes(id));
      const others = rivals.map(([, image]) => scoreOf(image));
      const rankOf = (score: number) => 1 + others.filter(other => other > score).length;
      const before = { scoreBefore: scoreOf(own), rankBefore: rankOf(scoreOf(own)) };
      const candidates = embeddings.map(scoreOf).map(score => {
        const deltaR = (before.rankBefore - rankOf(score)) / (1 + before.rankBefore);
        return { score, rank: rankOf(score), deltaR };
      });
      const numRanked = others.length + 1;
      const scoreDeviation = Math.hypot(...others) / Math.sqrt(numRanked) || 1;
      return { rankingModelVersionId: null, ...before, numRanked, scoreDeviation, candidates };
    },
  };
}
