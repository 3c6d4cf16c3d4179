/**
 * @file The surrogate: what CLIP would see in an image that is not drawn. One ridge map for all users,
 *
 * ```
 * v̂_ui = n(A v_i + B P^ret_ui + c),   n(x) = x / ||x||
 * ```
 *
 * fitted on drawn images of users' train parts. P^ret is a weighted sum of catalogue images (Eq. 5), so A v_i and B v_j are
 * computed once for an item, and an image for a pair is a sum of k + 1 vectors.
 *
 * Shapes: N items, E size of CLIP's embedding.
 */
import { AppError } from "../../../errors/app-error.js";
import { addScaled, dot, type Matrix, matrix, row } from "../../../ml/nn/matrix.js";
import { ridgeByGroups } from "../../../ml/reflection/ridge.js";

/** What a surrogate belongs to: with another pack, method or ranking model, images or pairs are others. */
export interface SurrogateStamp {
  /** Name and version of the generator's model pack. */
  generator: string;
  /** Of the personalization method. */
  method: string;
  rankingModelVersionId: string;
}

/** A drawn image, and what it was drawn from; `[E]` each. */
export interface DrawnExample {
  userIndex: number;
  /** v_i. */
  own: Float32Array;
  /** P^ret. */
  preference: Float32Array;
  drawn: Float32Array;
}

/** Errors on images of users that the map was not fitted on. A type and not an interface, so that it passes as JSON. */
export type SurrogateError = Readonly<{
  numFitted: number;
  numHeldOut: number;
  /** Share of the variance that is explained, at most 1. */
  rSquared: number;
  /** 1 - cosine to the drawn image, mean. */
  cosineError: number;
  /** The same for the catalogue image in place of the prediction. */
  cosineErrorOfOriginal: number;
}>;

export interface ImageSurrogate {
  stamp: SurrogateStamp;
  /** `[2 E, E]`: A above B, transposed. */
  weights: Matrix;
  /** c `[E]`. */
  offset: Float32Array;
  heldOut: SurrogateError;
}

/** Fewer users cannot be divided into a fitted and a held-out part that says something. */
const MIN_USERS = 5;
/** Every fifth user is held out. */
const HELD_OUT = 5;

/** @throws AppError TOO_FEW_PAIRS */
export function fitSurrogate(
  examples: readonly DrawnExample[],
  stamp: SurrogateStamp,
): ImageSurrogate {
  const users = [...new Set(examples.map(({ userIndex }) => userIndex))].sort((a, b) => a - b);
  if (users.length < MIN_USERS) {
    throw new AppError("TOO_FEW_PAIRS", { needed: MIN_USERS, got: users.length });
  }
  const placeOf = new Map(users.map((user, place) => [user, place]));
  const isHeldOut = ({ userIndex }: DrawnExample) =>
    placeOf.get(userIndex)! % HELD_OUT === HELD_OUT - 1;
  const fitted = examples.filter(example => !isHeldOut(example));
  const left = examples.filter(isHeldOut);
  const heldOut = { numFitted: fitted.length, ...errorOf(fittedMap(fitted), left) };
  return { stamp, ...fittedMap(examples), heldOut };
}

/** @throws AppError SURROGATE_MISMATCH when the surrogate belongs to something else. */
export function assertBelongs({ stamp }: ImageSurrogate, expected: SurrogateStamp): void {
  const describe = ({ generator, method, rankingModelVersionId }: SurrogateStamp) =>
    `pack ${generator}, method ${method}, ranking model ${rankingModelVersionId}`;
  if (describe(stamp) !== describe(expected)) {
    throw new AppError("SURROGATE_MISMATCH", {
      fittedFor: describe(stamp),
      current: describe(expected),
    });
  }
}

/** A history item with its share in P^ret. */
export interface PreferredItem {
  itemIndex: number;
  weight: number;
}

/** The predictions for one catalogue. */
export class PredictedImages {
  private readonly own: Matrix;
  private readonly preferred: Matrix;

  /** @param features Catalogue images `[N, E]`, of unit length. @throws AppError SURROGATE_MISMATCH for another size. */
  constructor(features: Matrix, { offset, stamp, weights }: ImageSurrogate) {
    const [N, E] = features.shape;
    if (weights.shape[0] !== 2 * E) {
      throw new AppError("SURROGATE_MISMATCH", {
        fittedFor: `images of ${weights.shape[0] / 2} numbers by ${stamp.generator}`,
        current: `images of ${E}`,
      });
    }
    this.own = matrix([N, E]);
    this.preferred = matrix([N, E]);
    for (let item = 0; item < N; item++) {
      const feature = row(features, item);
      row(this.own, item).set(offset);
      for (let e = 0; e < E; e++) {
        addScaled(row(this.own, item), row(weights, e), feature[e]);
        addScaled(row(this.preferred, item), row(weights, E + e), feature[e]);
      }
    }
  }

  /** v̂ of an item for a user with this P^ret; `[E]`, of unit length. */
  of(itemIndex: number, preference: readonly PreferredItem[]): Float32Array {
    const image = row(this.own, itemIndex).slice();
    for (const { itemIndex: other, weight } of preference) {
      addScaled(image, row(this.preferred, other), weight);
    }
    return unit(image);
  }
}

export function unit(values: Float32Array): Float32Array {
  const length = Math.sqrt(dot(values, values)) || 1;
  return values.map(value => value / length);
}

/** The ridge map of centred inputs and outputs; its strength is chosen by users. */
function fittedMap(examples: readonly DrawnExample[]): Pick<ImageSurrogate, "weights" | "offset"> {
  const inputs = examples.map(inputOf);
  const outputs = examples.map(({ drawn }) => drawn);
  const [inputMean, outputMean] = [meanOf(inputs), meanOf(outputs)];
  const { weights } = ridgeByGroups({
    inputs: centred(inputs, inputMean),
    outputs: centred(outputs, outputMean),
    groups: examples.map(({ userIndex }) => userIndex),
  });
  const offset = outputMean.slice();
  inputMean.forEach((value, at) => addScaled(offset, row(weights, at), -value));
  return { weights, offset };
}

function errorOf(
  { offset, weights }: Pick<ImageSurrogate, "weights" | "offset">,
  examples: readonly DrawnExample[],
): Omit<SurrogateError, "numFitted"> {
  const mean = meanOf(examples.map(({ drawn }) => drawn));
  const sums = { squares: 0, variance: 0, cosine: 0, cosineOfOriginal: 0 };
  for (const example of examples) {
    const { drawn, own } = example;
    const predicted = offset.slice();
    inputOf(example).forEach((value, at) => addScaled(predicted, row(weights, at), value));
    drawn.forEach((value, e) => {
      sums.squares += (value - predicted[e]) ** 2;
      sums.variance += (value - mean[e]) ** 2;
    });
    sums.cosine += dot(unit(predicted), unit(drawn));
    sums.cosineOfOriginal += dot(unit(own), unit(drawn));
  }
  return {
    numHeldOut: examples.length,
    rSquared: 1 - sums.squares / (sums.variance || 1),
    cosineError: 1 - sums.cosine / examples.length,
    cosineErrorOfOriginal: 1 - sums.cosineOfOriginal / examples.length,
  };
}

function inputOf({ own, preference }: DrawnExample): Float32Array {
  const input = new Float32Array(own.length + preference.length);
  input.set(own);
  input.set(preference, own.length);
  return input;
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(vectors[0].length);
  vectors.forEach(vector => addScaled(mean, vector, 1 / vectors.length));
  return mean;
}

function centred(vectors: readonly Float32Array[], mean: Float32Array): Matrix {
  const result = matrix([vectors.length, mean.length]);
  vectors.forEach((vector, at) => {
    row(result, at).set(vector);
    addScaled(row(result, at), mean, -1);
  });
  return result;
}
