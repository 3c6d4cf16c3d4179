/** A `PersonalizationMethod` that adds a season to the user's preference. Give it to `createPlugin` as `method`. */
import type { PersonalizationMethod } from "vitrine";

export function createSeasonalMethod(season: string): PersonalizationMethod {
  return {
    id: `seasonal@${season}`,
    condition: async contexts =>
      contexts.map(({ preferenceEmbedding, prompt }) => ({
        prompt: `${prompt}, ${season}`,
        imageEmbedding: preferenceEmbedding ?? undefined,
      })),
  };
}
