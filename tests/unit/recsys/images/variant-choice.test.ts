import type { PersonalizedImageRow } from "../../../../src/db/rows.js";
import { generationDefaults } from "../../../../src/recsys/images/generation-options.js";
import type { GenerationPlan } from "../../../../src/recsys/images/generation-plan.js";
import { plainMethod } from "../../../../src/recsys/images/personalization-method.js";
import { VariantChoice } from "../../../../src/recsys/images/variant-choice.js";
import type { WhatIf } from "../../../../src/recsys/ranking/picture-ranker.js";

const unit = (degrees: number) =>
  new Float32Array([Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]);

/** A plan of an item whose variants' images lie at these angles from the shopper's preference; its own lies at `own`. */
function planOf(own: number, angles: readonly number[]): GenerationPlan {
  return {
    userId: "u1",
    itemId: "i1",
    sourceBlobHash: "ab",
    retrieval: {
      userId: "u1",
      itemId: "i1",
      sourceBlobHash: "ab",
      historyItemIds: ["i2"],
      retrieved: [],
      preferenceEmbedding: unit(0),
      weightEntropy: 0,
      referenceCaptionEmbedding: unit(0),
      referenceImageEmbedding: unit(own),
      keywordExtractor: "",
      referenceKeywords: [],
      preferenceKeywords: [],
      prompt: "",
      referencePrompt: "",
    },
    variants: angles.map((angle, n) => ({
      variantId: `v${n}`,
      blobHash: `v${n}`,
      embedding: unit(angle),
    })),
    options: generationDefaults(null),
    rankingModelVersionId: null,
    method: plainMethod,
    requestKey: "key",
    imageStamp: null,
  };
}

/** Scores of the variants' images, with `scoreBefore` of the catalogue image. */
const whatIfOf = (scoreBefore: number, scores: readonly number[]): WhatIf => ({
  rankingModelVersionId: null,
  scoreBefore,
  rankBefore: 5,
  numRanked: 10,
  scoreDeviation: 1,
  candidates: scores.map(score => ({ score, rank: 5, deltaR: 0 })),
});

/** The variant that is stored for the plan; null where the catalogue image stays. */
async function chosen(plan: GenerationPlan, whatIf: WhatIf | null): Promise<string | null> {
  let variantId: string | null = null;
  const choice = new VariantChoice({
    ranker: { whatIf: async () => whatIf },
    images: {
      saveVariants: async ([{ image }]) => {
        variantId = image.variantId ?? null;
        return [image as unknown as PersonalizedImageRow];
      },
    },
    promptVersion: "1",
  });
  await choice.choose([plan]);
  return variantId;
}

describe("VariantChoice", () => {
  const plan = planOf(90, [90, 90, 90]);

  it("takes the image with the highest score", async () => {
    expect(await chosen(plan, whatIfOf(1, [1.5, 3, 2]))).toBe("v1");
  });

  it("takes the first of equals", async () => {
    expect(await chosen(plan, whatIfOf(1, [2, 3, 3]))).toBe("v1");
  });

  it("keeps the catalogue image at an equal score", async () => {
    expect(await chosen(plan, whatIfOf(3, [2, 3, 3]))).toBeNull();
  });

  it("does the same by the distance from the preference where no ranking model decides", async () => {
    expect(await chosen(planOf(50, [60, 20, 20]), null)).toBe("v1");
    expect(await chosen(planOf(20, [60, 20, 20]), null)).toBeNull();
  });
});
