/** @file Every hyper-parameter of the personalizer and its loss, with the reason for each default; the reward is the trainer's. */
import { z } from "zod";
import { type SemanticMode, semanticModes } from "../reflection/semantic-loss.js";
import { type CalibratorMode, calibratorModes } from "./balance-calibrator.js";

/**
 * `slots`: the generator's image tokens of P^ret plus the attention's output for the mapper's tokens, which starts at
 * zero, so an untrained personalizer gives the condition that the generator was trained with. `paper`: the attention's
 * output for all of E^m (Eq. 9). docs/adr/0008 has the figures.
 */
export const preferenceForms = ["slots", "paper"] as const;
/** What the cross-attention reads: E^key alone (Eq. 9), or also the image tokens of P^ret. */
export const memoryKinds = ["keyAndRetrieved", "key"] as const;
/** Which tokens of P^gen the policy perturbs: those before E^key, or all (Eq. 12). */
export const explorations = ["preference", "all"] as const;

export interface PersonalizerConfig {
  // Sizes: the pack's.
  /** D, width of the condition: the U-Net's `cross_attention_dim`. */
  conditionSize: number;
  /** E, width of the CLIP embeddings P^ret and E^sem. */
  embeddingSize: number;
  /** Q, image tokens of P^ret in the condition and queries of the mapper: the generator's. Default: 4. */
  numPreferenceTokens: number;
  /** The Modal Mapper. Default: GILL's, width 512, 4 + 4 layers, 4 heads, feed-forward 2048. Smaller for a small pack. */
  mapper: { width: number; numLayers: number; numHeads: number; feedForwardSize: number };

  // The form.
  /** Default: `slots`: with `paper` the generator receives tokens unlike those it was trained with. */
  form: (typeof preferenceForms)[number];
  /** Default: `keyAndRetrieved`: a correction of the retrieved preference must read it. */
  memory: (typeof memoryKinds)[number];
  /** Default: `preference`: noise on the keywords' states says little about taste, and more dimensions need more samples. */
  exploration: (typeof explorations)[number];
  /**
   * Whether P^gen also reads the preference that the ranking model itself has (the image tokens of the mean feature of its top
   * items), with the form `slots`. Untrained it makes no difference. Default: false, as in the paper.
   */
  rankerPreference: boolean;
  /** Whether an untrained P^gen is that preference in place of P^ret; only where it is read. Default: false, as in the paper. */
  startsAtRanker: boolean;

  // Values from the paper.
  /** n, keywords of w'. Not in the paper. Default: 8, which fit a small text encoder. */
  numKeywords: number;
  /** L, image tokens of LLM_g. Not in the paper. Default: 4, GILL's smallest; it usually has 8. */
  numImageTokens: number;
  /** σ as a fraction of the root mean square of P^gen. Not in the paper. Default: 0.1, a small step. */
  sigma: number;
  /** Divides the advantages of a batch by their root mean square. Default: true: a score's unit is arbitrary. */
  scalesAdvantages: boolean;
  /** α, weight of L_cal. Not in the paper. Default: 0.1: a regularizer, not a goal. */
  alpha: number;
  /** β, weight of L_rank. Not in the paper. Default: 1. 0 is the paper's "w/o". */
  beta: number;
  /** γ, weight of L_sem. Not in the paper. Default: 0.1: it constrains E^m only, far from the condition. */
  gamma: number;
  /** Default: `tokens`: keeps the condition close to what the generator knows. */
  calibrator: CalibratorMode;
  /** Default: `pooled`: the mean of the tokens can match one vector without all tokens becoming equal. */
  semantic: SemanticMode;

  // The optimiser.
  /** Adam's learning rate. The paper's 1e-5 is for an LLM of 7 billion parameters. Default: 3e-4. */
  learningRate: number;
  /** Longer gradients are scaled down to this length. Default: 1. */
  maxGradientNorm: number;
}

export const defaultPersonalizerConfig: Omit<
  PersonalizerConfig,
  "conditionSize" | "embeddingSize"
> = {
  numPreferenceTokens: 4,
  mapper: { width: 512, numLayers: 4, numHeads: 4, feedForwardSize: 2048 },
  form: "slots",
  memory: "keyAndRetrieved",
  exploration: "preference",
  rankerPreference: false,
  startsAtRanker: false,
  numKeywords: 8,
  numImageTokens: 4,
  sigma: 0.1,
  scalesAdvantages: true,
  alpha: 0.1,
  beta: 1,
  gamma: 0.1,
  calibrator: "tokens",
  semantic: "pooled",
  learningRate: 3e-4,
  maxGradientNorm: 1,
};

/** The paper's own choices where it states them, docs/adr/0008's elsewhere. For comparisons. */
export const paperForm = {
  form: "paper",
  memory: "key",
  exploration: "all",
  calibrator: "pooled",
  scalesAdvantages: false,
} as const satisfies Partial<PersonalizerConfig>;

const size = z.number().int().positive();
const weight = z.number().nonnegative();

export const personalizerConfigSchema: z.ZodType<PersonalizerConfig> = z
  .strictObject({
    conditionSize: size,
    embeddingSize: size,
    numPreferenceTokens: size,
    mapper: z.strictObject({
      width: size,
      numLayers: size,
      numHeads: size,
      feedForwardSize: size,
    }),
    form: z.enum(preferenceForms),
    memory: z.enum(memoryKinds),
    exploration: z.enum(explorations),
    rankerPreference: z.boolean(),
    startsAtRanker: z.boolean(),
    numKeywords: size,
    numImageTokens: size,
    sigma: z.number().positive(),
    scalesAdvantages: z.boolean(),
    alpha: weight,
    beta: weight,
    gamma: weight,
    calibrator: z.enum(calibratorModes),
    semantic: z.enum(semanticModes),
    learningRate: z.number().positive(),
    maxGradientNorm: z.number().positive(),
  })
  .refine(({ mapper }) => mapper.width % mapper.numHeads === 0, {
    message: "mapper.width must be a multiple of mapper.numHeads",
  })
  .refine(({ form, rankerPreference }) => form === "slots" || !rankerPreference, {
    message: "the form 'paper' does not read the ranking model's preference",
  })
  .refine(({ rankerPreference, startsAtRanker }) => rankerPreference || !startsAtRanker, {
    message: "startsAtRanker needs rankerPreference",
  })
  .refine(({ form, calibrator }) => form === "slots" || calibrator !== "tokens", {
    message:
      "the calibrator 'tokens' compares the image tokens of P^ret, which the form 'paper' does not have",
  });

/** A stored configuration without the fields that are the trainer's, which older versions also had. */
export function modelFields(stored: unknown): Readonly<Record<string, unknown>> {
  const trainers = ["delta", "numRetrieved", "numRollouts", "rewardMode"];
  return Object.fromEntries(
    Object.entries(stored ?? {}).filter(([name]) => !trainers.includes(name)),
  );
}

/** {@link modelFields} of a whole configuration, with what older versions did not have. */
export function wholeModelFields(stored: unknown): Readonly<Record<string, unknown>> {
  return { rankerPreference: false, startsAtRanker: false, ...modelFields(stored) };
}
