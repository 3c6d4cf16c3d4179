/** @file The configuration of a re-ranking, with defaults and their reasons. */
import { z } from "zod";
import { AppError } from "../../../errors/app-error.js";
import { parseOptions } from "../../../errors/parse-options.js";
import { fidelityPolicies } from "../../images/fidelity-policy.js";
import { modelChangesSchema } from "../../ranking/ranker-config.js";

const count = z.int().min(1);

export const protocols = ["leakFree", "paper"] as const;
export const rerankModes = ["retrain", "perUser"] as const;

export const rerankConfigSchema = z.strictObject({
  /**
   * `retrain` (default): the images become item features, and the ranking model is trained again. `perUser`: the model stays,
   * and each user's first items are re-ranked by the images made for that user (`per-user-rerank.ts`).
   */
  mode: z.enum(rerankModes).default("retrain"),
  /** `perUser`: items of a user that are re-ranked, the first by the ranking model; default 100, at least 20. */
  depth: count.min(20).max(1000).default(100),
  /** `perUser`: drawn images that the surrogate of the others is fitted on; default 400. */
  numBankImages: count.default(400),
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
  if (config.mode === "perUser" && config.protocol === "paper") {
    const problem = "must not be 'paper' with the mode 'perUser', which has no such protocol";
    throw new AppError("INVALID_ARGUMENT", { argument: "config.protocol", problem });
  }
  return config;
}

/** @throws AppError INVALID_ARGUMENT when a version that has seen the test items would serve. */
export function assertMayActivate({ protocol }: Pick<RerankConfig, "protocol">, activate: boolean) {
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
