/**
 * @file Chooses the image of the variant that a shopper prefers, before anything is generated: it shows what the shop sells.
 *
 * The image with the highest ρ (Eq. 13) is chosen if the item scores higher with it than with its catalogue image. Then its rank
 * is at least as good, so ΔR >= 0; an equal score is no reason for another image. Where no ranking model decides, the image
 * nearest to the retrieved preference P^ret is chosen if it is nearer than the catalogue image. The images are the shop's own, so
 * no quality gate and no moderation applies.
 */
import type {
  NewPersonalizedImage,
  NewRankChange,
} from "../../db/personalized-images.repository.js";
import type { PersonalizedImageRow } from "../../db/rows.js";
import { dot } from "../../ml/nn/cosine.js";
import type { PictureRanker, WhatIf } from "../ranking/picture-ranker.js";
import { rankChangeOf } from "../ranking/what-if.js";
import type { GenerationPlan } from "./generation-plan.js";
import { provenance } from "./provenance.js";
import { VARIANT_CHOICE } from "./variant-images.js";

interface Dependencies {
  ranker: PictureRanker;
  images: {
    saveVariants(
      chosen: readonly { image: NewPersonalizedImage; rankChange: NewRankChange | null }[],
    ): Promise<PersonalizedImageRow[]>;
  };
  promptVersion: string;
}

interface Choice {
  plan: GenerationPlan;
  whatIf: WhatIf | null;
  /** Place in the plan's variants; null where the catalogue image stays. */
  chosen: number | null;
  seconds: number;
}

export class VariantChoice {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Stores the variants' images that are to be shown, of plans of one user, in as many statements as for one.
   *
   * @returns them in any order; none for a plan without variants, or whose catalogue image suits the user better.
   */
  async choose(plans: readonly GenerationPlan[]): Promise<PersonalizedImageRow[]> {
    const open = plans.filter(({ variants }) => variants.length > 0);
    if (open.length === 0) {
      return [];
    }
    const startedAt = performance.now();
    const ranked = await this.whatIfs(open);
    const seconds = (performance.now() - startedAt) / 1_000 / open.length;
    const choices = open.map((plan, n): Choice => ({
      plan,
      whatIf: ranked[n],
      chosen: bestOf(plan, ranked[n]),
      seconds,
    }));
    const rows = choices.flatMap(choice => this.rowOf(choice) ?? []);
    return rows.length > 0 ? this.deps.images.saveVariants(rows) : [];
  }

  private async whatIfs(plans: readonly GenerationPlan[]): Promise<(WhatIf | null)[]> {
    const { ranker } = this.deps;
    const [{ userId }] = plans;
    const requests = plans.map(({ itemId, variants }) => ({
      itemId,
      embeddings: variants.map(({ embedding }) => embedding),
    }));
    if (ranker.whatIfMany) {
      return ranker.whatIfMany({ userId }, requests);
    }
    return Promise.all(
      requests.map(({ itemId, embeddings }) => ranker.whatIf({ userId }, itemId, embeddings)),
    );
  }

  private rowOf({ plan, whatIf, chosen, seconds }: Choice) {
    if (chosen === null) {
      return null;
    }
    const { options, retrieval, variants } = plan;
    const candidates = variants.map(({ embedding, variantId }) => ({
      variantId,
      captionSimilarity: dot(embedding, retrieval.referenceCaptionEmbedding),
      imageSimilarity: dot(embedding, retrieval.referenceImageEmbedding),
      faults: [],
    }));
    const { captionSimilarity, imageSimilarity } = candidates[chosen];
    const image: NewPersonalizedImage = {
      requestKey: plan.requestKey,
      userId: plan.userId,
      itemId: plan.itemId,
      blobHash: variants[chosen].blobHash,
      sourceBlobHash: plan.sourceBlobHash,
      variantId: variants[chosen].variantId,
      seed: options.seed,
      generator: VARIANT_CHOICE,
      promptVersion: this.deps.promptVersion,
      personalizerVersionId: null,
      rankingModelVersionId: plan.rankingModelVersionId,
      isServed: true,
      provenance: provenance(plan, { candidates, captionFloor: 0, chosen, whatIf }),
      captionSimilarity,
      imageSimilarity,
      generationSeconds: seconds,
    };
    return { image, rankChange: whatIf && rankChangeOf(whatIf, chosen) };
  }
}

/** The place of the variant to show; the first of equals. */
function bestOf({ retrieval, variants }: GenerationPlan, whatIf: WhatIf | null): number | null {
  const { preferenceEmbedding, referenceImageEmbedding } = retrieval;
  const nearness = (embedding: Float32Array) =>
    preferenceEmbedding ? dot(embedding, preferenceEmbedding) : 0;
  const merits = whatIf
    ? whatIf.candidates.map(({ score }) => score)
    : variants.map(({ embedding }) => nearness(embedding));
  const own = whatIf ? whatIf.scoreBefore : nearness(referenceImageEmbedding);
  let best: number | null = null;
  merits.forEach((merit, place) => {
    if (merit > (best === null ? own : merits[best])) {
      best = place;
    }
  });
  return best;
}
