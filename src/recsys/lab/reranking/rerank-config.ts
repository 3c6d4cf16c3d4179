/** @file The configuration of a re-ranking, with defaults and their reasons. */
import { z } from "zod";
import { AppError } from "../../../errors/app-error.js";
import { parseOptions } from "../../../errors/parse-options.js";
import { fidelityPolicies } from "../../images/fidelity-policy.js";
import { modelChangesSchema } from "../../ranking/ranker-config.js";

const count = z.int().min(1);

export const protocols = ["leakFree", "paper"] as const;
export const rerankModes = ["retrain", "augment", "perUser", "tastes"] as const;

export const rerankConfigSchema = z.strictObject({
  /**
   * `retrain` (default): the images become item features, and the ranking model is trained again. The others re-rank each user's
   * first items by images (`per-user-rerank.ts`). `perUser`: by those made for the user; the model stays. `augment`: the model's
   * visual head is also trained on them. `tastes`: the same with one image for an item and a cluster of users.
   */
  mode: z.enum(rerankModes).default("retrain"),
  /** Items of a user that are re-ranked, the first by the ranking model; default 100, at least 20. Not for `retrain`. */
  depth: count.min(20).max(1000).default(100),
  /** Drawn images that the surrogate of the others is fitted on; default 400. Not for `retrain`. */
  numBankImages: count.default(400),
  /** `tastes`: clusters of users; default 4. */
  numTastes: count.max(100).default(4),
  /** `augment`, `tastes`: share of the training's triples that show both items by such images; default a half. */
  viewShare: z.number().gt(0).max(1).default(0.5),
  /** For a test: each user has another one's held-out items, and nothing of the run serves. What is gained then is leaked, or chance. */
  permuteLabels: z.boolean().default(false),
  /**
   * `leakFree` (default): an item's feature is the mean of its picture's and of those made of it for users who have it in the
   * *train* part. `paper`: pictures made for a user and an item of their *test* part take the item's place, so the feature
   * tells the label; for comparison with the paper's Table 4 only, and never activated.
   */
  protocol: z.enum(protocols).default("leakFree"),
  /** Users that images are made for, the longest histories first; default: all. */
  numUsers: count.nullable().default(null),
  /** Items that are drawn, the most chosen first; default: all. Fewer than all is said in the report. */
  numItems: count.nullable().default(null),
  /** Images of an item, each for another of its users; default 1. */
  imagesPerItem: count.default(1),
  /** Seeds of each arm, one ranking model each; default 5, enough for an interval over seeds. */
  seeds: z.array(z.int()).min(1).default([1, 2, 3, 4, 5]),
  /** Hyper-parameters to change of the active version's, such as `{"numEpochs": 20}`. */
  ranker: modelChangesSchema.default({}),
  /**
   * What the images are made with: `RAGAR`, the active personalizer; `host`, the method that the host gave; `plain`, neither.
   * Default null: as images are served.
   */
  condition: z.enum(["RAGAR", "host", "plain"]).nullable().default(null),
  /** Images drawn for a pair, of which the ranking model's choice counts; default 1, no choice. */
  numCandidates: count.max(16).default(1),
  k: z.int().min(0).max(100).default(5),
  historyLimit: count.default(20),
  /**
   * How true the images must be to the catalogue image; `AUTO`: as images are served. Default `FREE`: the paper's Table 4
   * replaces images by whatever is drawn.
   */
  fidelity: z.enum([...fidelityPolicies, "AUTO"]).default("FREE"),
  /** Default: as images are served. */
  numSteps: count.max(100).optional(),
  strength: z.number().gt(0).max(1).optional(),
  guidanceScale: z.number().min(1).optional(),
  /** Seed of the images. */
  seed: z.int().default(1),
});

export type RerankConfig = z.infer<typeof rerankConfigSchema>;

/** A complete configuration. @throws AppError INVALID_ARGUMENT, naming every fault. */
export function rerankConfig(given: Readonly<Record<string, unknown>>): RerankConfig {
  const config = parseOptions(rerankConfigSchema, given, "config");
  if (config.mode !== "retrain" && config.protocol === "paper") {
    const problem = `must not be 'paper' with the mode '${config.mode}', which has no such protocol`;
    throw new AppError("INVALID_ARGUMENT", { argument: "config.protocol", problem });
  }
  return config;
}

/** @throws AppError INVALID_ARGUMENT when a version that has seen the test items, or one of a test, would serve. */
export function assertMayActivate(
  { permuteLabels, protocol }: Pick<RerankConfig, "permuteLabels" | "protocol">,
  activate: boolean,
) {
  if (activate && permuteLabels) {
    const problem = "must not be asked for with permuted labels, which are a test";
    throw new AppError("INVALID_ARGUMENT", { argument: "activate", problem });
  }
  if (activate && protocol === "paper") {
    const problem =
      "must not be asked for with the paper's protocol, whose features tell the test items";
    throw new AppError("INVALID_ARGUMENT", { argument: "activate", problem });
  }
}

/** What a `RERANK` job does. */
export const rerankPayload = z
  .strictObject({
    runId: z.uuid(),
    config: z.record(z.string(), z.unknown()).transform(rerankConfig),
    activate: z.boolean(),
  })
  .transform(payload => {
    assertMayActivate(payload.config, payload.activate);
    return payload;
  });
