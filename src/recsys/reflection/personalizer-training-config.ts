/** @file How a version of the personalizer is trained: what may be set, its default and the reason for it. */
import { z } from "zod";
import { parseOptions } from "../../errors/parse-options.js";
import {
  defaultPersonalizerConfig,
  modelFields,
  personalizerConfigSchema as modelSchema,
} from "../../ml/personalizer/personalizer-config.js";
import { rewardModes } from "../../ml/reflection/rank-reward.js";

const count = z.int().min(1);

export const rewardTrainings = ["reinforce", "critic", "distill", "surrogate"] as const;

export type RewardTraining = (typeof rewardTrainings)[number];

export const personalizerConfigSchema = z.strictObject({
  /** (user, reference) pairs learned from; default 1,000, the scale at which two cores need an hour or so. */
  numPairs: count.default(1_000),
  /** Passes over the pairs; default 1: a new pair is worth more than a repeated one. */
  numEpochs: count.default(1),
  /** Pairs of a gradient step; default 8: fewer make the leave-one-out advantages too noisy. */
  batchSize: count.default(8),
  /** Pictures of a pair and step, r; default 3, the paper's. The advantage needs at least two. */
  numRollouts: z.int().min(2).max(16).default(3),
  /**
   * Principal directions of the catalogue's image tokens that rollouts explore, K; default 32. r pictures a pair tell more of
   * each direction where there are few of them.
   */
  numDirections: count.max(512).default(32),
  /** Items retrieved, k; default 5, the best of the paper's Fig. 4. 0: without retrieval. */
  k: z.int().min(0).max(100).default(5),
  /** Latest items of a history that are looked at; default 20, the paper's. */
  historyLimit: count.default(20),
  /**
   * How the reward teaches P^gen; default `reinforce`, for photographs `surrogate`. By rollouts and the policy gradient (Eq. 15), or toward conditions that are
   * chosen with the help of a bank of drawn images (`chosen-conditions.ts`): `critic`, `distill`, `surrogate`. A policy over the
   * settings of photographs (`fit-settings.ts`) is trained by `critic` or `surrogate`.
   */
  rewardTraining: z.enum(rewardTrainings).optional(),
  /** Pairs of the bank; default 150: with the menu's 16 conditions (`condition-menu.ts`), 2,400 images. */
  numBankPairs: z.int().min(2).default(150),
  /** What a picture earns; default `marginCost`, which stops paying once both others are beaten. */
  rewardMode: z.enum(rewardModes).default("marginCost"),
  /** δ, the margin, in standard deviations of the user's scores over all items; default 0.05. */
  delta: z.number().min(0).default(0.05),
  /** How rollouts are drawn: by default as pictures are served, as the pack says. Steps over the whole schedule. */
  numSteps: count.max(100).optional(),
  strength: z.number().gt(0).max(1).optional(),
  guidanceScale: z.number().min(1).optional(),
  /** Pairs of other users that decide when to stop; default 64, each with one picture. */
  numValidationPairs: z.int().min(0).default(64),
  /** Gradient steps between two looks at them, which are also the checkpoints; default 20. */
  validateEvery: count.default(20),
  /** Looks without a greater mean gain of the score until training stops; default 4. */
  patience: count.default(4),
  /** A version must keep this part of the keyword pictures' mean CS; default 0.9: taste may not cost the item. */
  captionFloorShare: z.number().min(0).max(1).default(0.9),
  /** Changes to the model's own configuration (α, β, γ, σ, L, LoRA, learning rate, …). */
  model: z
    .record(z.string(), z.unknown())
    .superRefine((changes, context) => {
      const sizes = { conditionSize: 1, embeddingSize: 1 }; // the pack's, where they are not changed
      const checked = modelSchema.safeParse({ ...defaultPersonalizerConfig, ...sizes, ...changes });
      checked.error?.issues.forEach(issue => {
        context.addIssue({ code: "custom", path: issue.path, message: issue.message });
      });
    })
    .default({}),
});

export type PersonalizerTrainingConfig = z.infer<typeof personalizerConfigSchema>;

/** A complete configuration. @throws AppError INVALID_ARGUMENT, naming every fault. */
export function personalizerConfig(
  given: Readonly<Record<string, unknown>>,
): PersonalizerTrainingConfig {
  return parseOptions(personalizerConfigSchema, given, "config");
}

/** That of a version that an older release may have begun, without the fields that no longer exist. */
export function storedPersonalizerConfig(
  stored: Readonly<Record<string, unknown>>,
): PersonalizerTrainingConfig {
  const config: Record<string, unknown> = { ...stored, model: modelFields(stored.model) };
  delete config.gains;
  delete config.numGainPairs;
  return personalizerConfig(config);
}

/** What a `TRAIN_PERSONALIZER` job trains. */
export const trainPersonalizerPayload = z.strictObject({
  versionId: z.uuid(),
  seed: z.int(),
  config: z.record(z.string(), z.unknown()).transform(personalizerConfig),
  activate: z.boolean(),
});
