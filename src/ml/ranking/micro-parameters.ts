/**
 * @file The parameters of MICRO by name: initial values, and views as matrices.
 *
 * - `users` [M, D], `items` [N, D]: Xavier-uniform
 * - `fusion.weight` [D, D], `fusion.bias` [D], `fusion.query` [D]: the attention over modalities
 * - `<modality>.features` [N, F]: the raw features, trained; `<modality>.weight` [F, D], `<modality>.bias` [D]: their
 *   projection. Absent when item graphs are frozen.
 * - `head.users`, `head.sources`, `visual.head`: the visual head (`micro-head.ts`). Absent without one.
 */
import type { NamedArrays } from "../nn/adam.js";
import { type Matrix, matrix, stackedMatrices } from "../nn/matrix.js";
import type { Random } from "../nn/random.js";
import type { MicroConfig } from "./micro-config.js";
import { microHeadParameters } from "./micro-head.js";
import type { FusionParameters } from "./modality-fusion.js";
import type { Modality, RankingData } from "./recommender.js";

export interface ModalityShape {
  name: string;
  /** Length of a raw feature, F. */
  featureLength: number;
  /** Whether each item's raw feature is not all zeros. */
  isPresent: readonly boolean[];
}

export interface MicroShape {
  numUsers: number;
  numItems: number;
  embeddingSize: number;
  modalities: readonly ModalityShape[];
}

export function microShape(
  { numUsers, numItems, modalities = [] }: RankingData,
  embeddingSize: number,
): MicroShape {
  return {
    numUsers,
    numItems,
    embeddingSize,
    modalities: modalities.map(({ name, features: { shape, values } }) => ({
      name,
      featureLength: shape[1],
      isPresent: Array.from({ length: numItems }, (_, item) =>
        values.subarray(item * shape[1], (item + 1) * shape[1]).some(value => value !== 0),
      ),
    })),
  };
}

/** Initial parameters of MICRO. */
export function initialParameters(
  shape: MicroShape,
  { graphs, visualHead }: MicroConfig,
  data: RankingData,
  random: Random,
): NamedArrays {
  const D = shape.embeddingSize;
  const { modalities = [] } = data;
  return {
    ...embeddingParameters(shape, random),
    "fusion.weight": uniform(D * D, linear(D), random.fork("fusion.weight")),
    "fusion.bias": uniform(D, linear(D), random.fork("fusion.bias")),
    "fusion.query": uniform(D, linear(D), random.fork("fusion.query")),
    ...(graphs === "rebuilt" ? projectionParameters(modalities, D, random) : {}),
    ...(visualHead ? microHeadParameters(data, visualHead, random) : {}),
  };
}

/** Initial `users` and `items`. */
export function embeddingParameters(
  { numUsers, numItems, embeddingSize: D }: MicroShape,
  random: Random,
): NamedArrays {
  const xavier = (rows: number) => Math.sqrt(6 / (rows + D));
  const [users, items] = stackedMatrices([numUsers, numItems], D);
  users.values.set(uniform(numUsers * D, xavier(numUsers), random.fork("users")));
  items.values.set(uniform(numItems * D, xavier(numItems), random.fork("items")));
  return { users: users.values, items: items.values };
}

/** The modalities' features, unchanged, and their initial projections. */
export function projectionParameters(
  modalities: readonly Modality[],
  embeddingSize: number,
  random: Random,
): NamedArrays {
  const parameters: NamedArrays = {};
  for (const { name, features } of modalities) {
    const F = features.shape[1];
    parameters[`${name}.features`] = features.values.slice();
    parameters[`${name}.weight`] = uniform(
      F * embeddingSize,
      linear(F),
      random.fork(`${name}.weight`),
    );
    parameters[`${name}.bias`] = uniform(embeddingSize, linear(F), random.fork(`${name}.bias`));
  }
  return parameters;
}

/** PyTorch's default for linear layers: uniform within 1 / sqrt(inputs), for weights and biases. */
function linear(inputs: number): number {
  return 1 / Math.sqrt(inputs);
}

function uniform(length: number, bound: number, random: Random): Float32Array {
  return Float32Array.from({ length }, () => bound * (2 * random.uniform() - 1));
}

/** U or X. */
export function parameter(
  { numUsers, numItems, embeddingSize }: MicroShape,
  parameters: NamedArrays,
  name: "users" | "items",
): Matrix {
  return matrix([name === "users" ? numUsers : numItems, embeddingSize], parameters[name]);
}

export function fusionParameters(
  { embeddingSize: D }: MicroShape,
  parameters: NamedArrays,
): FusionParameters {
  return {
    weight: matrix([D, D], parameters["fusion.weight"]),
    bias: parameters["fusion.bias"],
    query: parameters["fusion.query"],
  };
}

/** The trained features of a modality `[N, F]` and their projection for the learned graph. */
export function featureProjection(
  { numItems, embeddingSize, modalities }: MicroShape,
  parameters: NamedArrays,
  modality: number,
): { features: Matrix; weight: Matrix; bias: Float32Array } {
  const { name, featureLength } = modalities[modality];
  return {
    features: matrix([numItems, featureLength], parameters[`${name}.features`]),
    weight: matrix([featureLength, embeddingSize], parameters[`${name}.weight`]),
    bias: parameters[`${name}.bias`],
  };
}
