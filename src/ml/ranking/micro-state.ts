/**
 * @file The state of MICRO after training: the vectors of the scores, and the inputs of `what-if.ts`. In memory and as
 * safetensors.
 *
 * Shapes: M users, N items, D embedding size, F length of a modality's raw feature.
 */
import { z } from "zod";
import { parseJson } from "../../errors/parse-options.js";
import { type Matrix, matrix } from "../nn/matrix.js";
import {
  configTextOf,
  encodeModel,
  malformedConfig,
  malformedWeights,
  type ModelFiles,
  weightsOf,
} from "../nn/model-files.js";
import type { StoredTensor } from "../nn/safetensors.js";
import { headStateOf, headTensors } from "./feature-head.js";
import { ItemItemPart } from "./item-item.js";
import type { MicroConfig } from "./micro-config.js";
import type { MicroHeadState } from "./micro-head.js";
import type { FusionParameters } from "./modality-fusion.js";
import { VISUAL_MODALITY } from "./recommender.js";

export interface ModalityState {
  name: string;
  /** The raw features `[N, F]`. */
  features: Matrix;
  /** E_m `[N, D]`. */
  views: Matrix;
  /** Degrees of the raw features' graph `[N]`. */
  rawDegrees: Float32Array;
  /** The graph of the learned features; null when item graphs are frozen. */
  learned: {
    /** The learned features `[N, D]`. */
    features: Matrix;
    /** Degrees of their graph `[N]`. */
    degrees: Float32Array;
    /** W `[F, D]`. */
    weight: Matrix;
    /** b `[D]`. */
    bias: Float32Array;
  } | null;
}

export interface MicroState {
  /** Ū `[M, D]`; with a visual head [ū; θ; 1] `[M, D + d + 1]`. */
  userVectors: Matrix;
  /** Ī + h / ||h|| `[N, D]`; with a visual head [i; E v; β · v] `[N, D + d + 1]`. */
  itemVectors: Matrix;
  /** Ī `[N, D]`. */
  baseItems: Matrix;
  /** X `[N, D]`. */
  items: Matrix;
  fusion: FusionParameters;
  modalities: readonly ModalityState[];
  /** Null without a visual head. */
  head: MicroHeadState | null;
  /** Null without an item-item part. */
  itemItem: ItemItemPart | null;
}

export function encodeMicroState(state: MicroState, config: MicroConfig): ModelFiles {
  const tensors: Record<string, StoredTensor> = {
    userVectors: state.userVectors,
    itemVectors: state.itemVectors,
    baseItems: state.baseItems,
    items: state.items,
    "fusion.weight": state.fusion.weight,
    "fusion.bias": vector(state.fusion.bias),
    "fusion.query": vector(state.fusion.query),
  };
  for (const { name, features, views, rawDegrees, learned } of state.modalities) {
    tensors[`${name}.features`] = features;
    tensors[`${name}.views`] = views;
    tensors[`${name}.rawDegrees`] = vector(rawDegrees);
    if (learned) {
      tensors[`${name}.learned.features`] = learned.features;
      tensors[`${name}.learned.degrees`] = vector(learned.degrees);
      tensors[`${name}.learned.weight`] = learned.weight;
      tensors[`${name}.learned.bias`] = vector(learned.bias);
    }
  }
  if (state.head) {
    tensors["head.sources"] = state.head.sources;
    Object.assign(tensors, headTensors([state.head]));
  }
  const metadata = { algorithm: "MICRO", seed: String(config.seed) };
  const modalities = state.modalities.map(({ name }) => name);
  return {
    ...encodeModel({ tensors, metadata }, { algorithm: "MICRO", modalities, config }),
    ...state.itemItem?.toFiles(),
  };
}

/** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export function decodeMicroState(files: ModelFiles): { state: MicroState; config: MicroConfig } {
  const { modalities, config } = parseJson(configTextOf(files), configSchema, reason =>
    malformedConfig("MICRO's configuration", reason),
  );
  const complete: MicroConfig = { ...withoutExtras, ...config };
  const { tensors } = weightsOf(files);
  const tensor = (name: string) => {
    const found = tensors[name] as StoredTensor | undefined;
    if (!(found?.values instanceof Float32Array)) {
      throw malformedWeights("a MICRO model", `it has no tensor '${name}'`);
    }
    return { shape: found.shape, values: found.values };
  };
  const values = (name: string): Float32Array => tensor(name).values;
  const read = (name: string): Matrix => {
    const { shape, values: content } = tensor(name);
    return matrix([shape[0], shape[1]], content);
  };
  const state: MicroState = {
    userVectors: read("userVectors"),
    itemVectors: read("itemVectors"),
    baseItems: read("baseItems"),
    items: read("items"),
    fusion: {
      weight: read("fusion.weight"),
      bias: values("fusion.bias"),
      query: values("fusion.query"),
    },
    modalities: modalities.map(name => ({
      name,
      features: read(`${name}.features`),
      views: read(`${name}.views`),
      rawDegrees: values(`${name}.rawDegrees`),
      learned:
        config.graphs === "frozen"
          ? null
          : {
              features: read(`${name}.learned.features`),
              degrees: values(`${name}.learned.degrees`),
              weight: read(`${name}.learned.weight`),
              bias: values(`${name}.learned.bias`),
            },
    })),
    head:
      "head.sources" in tensors
        ? { ...headStateOf(VISUAL_MODALITY, tensor), sources: read("head.sources") }
        : null,
    itemItem: complete.itemItem && ItemItemPart.fromFiles(files, complete.itemItem),
  };
  return { state, config: complete };
}

/** What models saved before these options are without. */
const withoutExtras = { visualHead: null, itemItem: null };

const configSchema = z.looseObject({
  algorithm: z.literal("MICRO"),
  modalities: z.array(z.string()),
  config: z.custom<MicroConfig>(config => typeof config === "object" && config !== null), // written by encodeMicroState
});

const vector = (values: Float32Array): StoredTensor => ({ shape: [values.length], values });
