/** @file The training configuration of a ranking model: a client's settings, and the defaults of the rest. */
import { z } from "zod";
import { type FeedbackRules, feedbackRulesSchema } from "../../config/feedback-rules.js";
import { parseOptions } from "../../errors/parse-options.js";
import { defaultEaseConfig, Ease, EASE_ALGORITHM, type EaseConfig } from "../../ml/ranking/ease.js";
import { defaultFreedomConfig, type FreedomConfig } from "../../ml/ranking/freedom-config.js";
import { Freedom, FREEDOM_ALGORITHM } from "../../ml/ranking/freedom.js";
import { defaultIalsConfig, Ials, IALS_ALGORITHM, type IalsConfig } from "../../ml/ranking/ials.js";
import {
  defaultItemKnnConfig,
  ItemKnn,
  ITEM_KNN_ALGORITHM,
  type ItemKnnConfig,
} from "../../ml/ranking/item-knn.js";
import {
  BPR_MF_ALGORITHM,
  defaultLightGcnConfig,
  LIGHT_GCN_ALGORITHM,
  LightGcn,
  type LightGcnConfig,
} from "../../ml/ranking/light-gcn.js";
import { defaultMicroConfig, type MicroConfig } from "../../ml/ranking/micro-config.js";
import { Micro, MICRO_ALGORITHM } from "../../ml/ranking/micro.js";
import { Popularity, POPULARITY_ALGORITHM } from "../../ml/ranking/popularity.js";
import type { Recommender } from "../../ml/ranking/recommender.js";
import { defaultVbprConfig, type VbprConfig } from "../../ml/ranking/vbpr-config.js";
import { Vbpr, VBPR_ALGORITHM } from "../../ml/ranking/vbpr.js";
import { ownFeaturesSchema } from "./own-features.js";

const algorithms = [
  MICRO_ALGORITHM,
  FREEDOM_ALGORITHM,
  VBPR_ALGORITHM,
  LIGHT_GCN_ALGORITHM,
  BPR_MF_ALGORITHM,
  EASE_ALGORITHM,
  IALS_ALGORITHM,
  ITEM_KNN_ALGORITHM,
  POPULARITY_ALGORITHM,
] as const;

export type RankerAlgorithm = (typeof algorithms)[number];

/** Hyper-parameters by name, without the seed, which belongs to the version. */
type ModelOptions = Omit<
  MicroConfig &
    FreedomConfig &
    VbprConfig &
    LightGcnConfig &
    EaseConfig &
    IalsConfig &
    ItemKnnConfig,
  "seed"
>;

const count = z.int().min(1);

const contrast = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("full") }),
  z.strictObject({ kind: z.literal("anchors"), count }),
  z.strictObject({ kind: z.literal("inBatch") }),
]);

/** Every hyper-parameter of any model; a model takes its own. */
const modelOptions = {
  embeddingSize: count,
  numNeighbours: count,
  rawWeight: z.number().min(0).max(1),
  numLayers: z.int().min(0),
  contrastWeight: z.number().min(0),
  temperature: z.number().positive(),
  l2Weight: z.number().min(0),
  learningRate: z.number().positive(),
  batchSize: count,
  numEpochs: count,
  validateEvery: count,
  patience: count,
  minEpochs: z.int().min(0),
  contrast,
  graphs: z.enum(["rebuilt", "frozen"]),
  adjacency: z.enum(["random-walk", "symmetric"]),
  modalityWeights: z.record(z.string(), z.number().min(0)),
  numItemLayers: count,
  pruning: z.number().min(0).lt(1),
  modalityLossWeight: z.number().min(0),
  visualHead: z
    .strictObject({ size: count, weight: z.number().positive(), l2: z.number().min(0) })
    .nullable(),
  itemItem: z
    .strictObject({
      lambda: z.number().positive(),
      sideWeight: z.number().min(0),
      weight: z.number().min(0),
    })
    .nullable(),
  trainFeatures: z.boolean(),
  featureSize: count,
  featureL2Weight: z.number().min(0),
  lambda: z.number().positive(),
  sideWeight: z.number().min(0),
  maxRegressors: count,
  unobservedWeight: z.number().positive(),
  frequencyExponent: z.number().min(0),
  initialScale: z.number().positive(),
  shrinkage: z.number().min(0),
  weighting: z.enum(["none", "tfIdf", "bm25"]),
} satisfies { [Name in keyof ModelOptions]: z.ZodType<ModelOptions[Name]> };

/** Changes to the hyper-parameters of a model. */
export const modelChangesSchema = z.strictObject(modelOptions).partial();

const schema = z.strictObject({
  /** In upper or lower case (`micro`, `MICRO`). Default: MICRO. */
  algorithm: z.preprocess(inOurCase, z.enum(algorithms)).default(MICRO_ALGORITHM),
  /** Starting hyper-parameters: the authors', or those that train a small shop in half a minute. Default: `authors`. */
  preset: z.enum(["authors", "quick"]).default("authors"),
  /**
   * How items are held out for validation and test: `ratio` by time within each user, 8 : 1 : 1; `time` by two cuts that are
   * the same for all users. Default: `ratio`.
   */
  split: z.enum(["ratio", "time", "leaveLastOne", "random"]).default("ratio"),
  /**
   * Whether the model that serves is trained once more on all interactions, held-out ones included, for the epochs that
   * validation chose. Default: true, and false where experiments train.
   */
  refit: z.boolean().optional(),
  /** The lowest rating that counts as liked, in the shop's scale. Default: the shop's setting. */
  minRating: z.number().positive().optional(),
  /** What counts as chosen; recorded by the version itself. Default: the shop's settings. */
  feedback: feedbackRulesSchema.optional(),
  /** Item features of the shop's own, by modality (`own-features.ts`). Default: the model pack's only. */
  features: z.array(ownFeaturesSchema).min(1).optional(),
  /** Leaves out users and items with fewer choices. Default: 1. */
  coreSize: count.default(1),
  /** Changes to the preset. */
  model: modelChangesSchema.default({}),
});

function inOurCase(name: unknown): unknown {
  const isSame = (algorithm: string) =>
    typeof name === "string" && algorithm.toLowerCase() === name.toLowerCase();
  return algorithms.find(isSame) ?? name;
}

/** The stored `config` of a version: complete for its algorithm, so that the training can be repeated. */
export type RankerConfig = Omit<z.infer<typeof schema>, "model"> & {
  model: Partial<ModelOptions>;
};

/**
 * For a small shop and a first look: on a synthetic shop of the stickers' shape (4,000 items with two modalities of 128,
 * 400 users, 12,000 choices) validation recall@20 is 0.12 after 5 epochs at this rate and falls from there, 2 to 3 CPU
 * seconds an epoch on a shared machine; the authors' rate needs many times as many.
 */
const quickOptions: Partial<ModelOptions> = {
  learningRate: 1e-2,
  numEpochs: 6,
  validateEvery: 2,
  patience: 1,
  contrast: { kind: "anchors", count: 256 },
  graphs: "frozen",
};

const bprMfOptions: Partial<LightGcnConfig> = { ...defaultLightGcnConfig };
delete bprMfOptions.numLayers;

/**
 * Blended with EASE, MICRO ranks better on validation: NDCG@10 .213 instead of .187 on ml-latest-small, .215 instead of
 * .203 on the sticker shop (docs/results.md, Rankers). The paper's form is `itemItem: null`.
 */
const microOptions: Partial<MicroConfig> = {
  ...defaultMicroConfig,
  itemItem: { lambda: 200, sideWeight: 100, weight: 1 },
};

/** The authors' hyper-parameters by model, under the names that the model takes. */
const authorsOptions: Readonly<Record<RankerAlgorithm, Partial<ModelOptions>>> = {
  [MICRO_ALGORITHM]: microOptions,
  [FREEDOM_ALGORITHM]: defaultFreedomConfig,
  [VBPR_ALGORITHM]: defaultVbprConfig,
  [LIGHT_GCN_ALGORITHM]: defaultLightGcnConfig,
  [BPR_MF_ALGORITHM]: bprMfOptions,
  [EASE_ALGORITHM]: defaultEaseConfig,
  [IALS_ALGORITHM]: defaultIalsConfig,
  [ITEM_KNN_ALGORITHM]: defaultItemKnnConfig,
  [POPULARITY_ALGORITHM]: {},
};

/**
 * A complete configuration. Hyper-parameters may be under `model` or beside `algorithm`; those that the algorithm does
 * not have are ignored.
 *
 * @throws AppError INVALID_ARGUMENT with every fault.
 */
export function rankerConfig(given: Readonly<Record<string, unknown>>): RankerConfig {
  const { outer, inner } = separated(given);
  const parsed = parseOptions(schema, { ...outer, model: inner }, "config");
  const { algorithm, preset, model: changes } = parsed;
  const defaults = authorsOptions[algorithm];
  const all = { ...defaults, ...(preset === "quick" ? quickOptions : {}), ...changes };
  const model = Object.fromEntries(
    Object.entries(all).filter(([name]) => name !== "seed" && hasOption(defaults, name)),
  );
  return { ...parsed, model };
}

/** `minEpochs` is in no defaults, so that configurations of earlier versions stay the same. */
function hasOption(defaults: Partial<ModelOptions>, name: string): boolean {
  return Object.hasOwn(defaults, name === "minEpochs" ? "patience" : name);
}

/** What a `TRAIN_RANKER` job trains. */
export const trainRankerPayload = z.strictObject({
  versionId: z.uuid(),
  seed: z.int(),
  config: z.record(z.string(), z.unknown()).transform(rankerConfig),
  /** Null: unless it is worse on validation than the active version. */
  activate: z.boolean().nullable(),
});

/** The feedback rules of a version with this configuration, in a shop with these rules. */
export function feedbackOf(
  { feedback, minRating }: Pick<RankerConfig, "feedback" | "minRating">,
  ofShop: FeedbackRules,
): FeedbackRules {
  return feedback ?? { ...ofShop, ...(minRating !== undefined && { likedFrom: minRating }) };
}

function separated(given: Readonly<Record<string, unknown>>) {
  const { model = {}, ...rest } = given;
  const outer: Record<string, unknown> = {};
  const inner: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(rest)) {
    (Object.hasOwn(modelOptions, name) ? inner : outer)[name] = value;
  }
  return { outer, inner: typeof model === "object" ? { ...inner, ...model } : model };
}

/** Creates the untrained model of a configuration. */
export function createRanker({ algorithm, model }: RankerConfig, seed: number): Recommender {
  switch (algorithm) {
    case "MICRO":
      return new Micro({ ...model, seed });
    case "FREEDOM":
      return new Freedom({ ...model, seed });
    case "VBPR":
      return new Vbpr({ ...model, seed });
    case "LightGCN":
      return new LightGcn({ ...model, seed });
    case "BPR-MF":
      return new LightGcn({ ...model, numLayers: 0, seed });
    case "EASE":
      return new Ease(model);
    case "iALS":
      return new Ials({ ...model, seed });
    case "ItemKNN":
      return new ItemKnn(model);
    case "popularity":
      return new Popularity();
  }
}
