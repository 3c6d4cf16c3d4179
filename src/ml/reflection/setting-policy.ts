/**
 * @file The trained policy over settings of photographs: which one raises a viewer's score of an item most, before any is drawn. Two
 * kinds, both fitted on a bank of drawn settings:
 *
 * - `surrogate`: predicts the feature of the image that a setting would give, `n(v + Σ_j m_j d_j)` with `n(x) = x / ||x||` and m linear in
 *   the products of what is known of the item and the setting's features. The ranking model scores the predicted images. Settings whose
 *   predicted image fits the caption less than a share of the first one's are left out.
 * - `critic`: predicts the gain of the score, bilinear (`condition-effect.ts`) in the setting's features and a context: what is known of
 *   the item, and what the viewer's ranking makes of the item's image moved along each direction d_j (probes).
 *
 * Shapes: E width of image features, P directions d_j, R components of the item's image, K features of a setting, N settings.
 */
import { AppError } from "../../errors/app-error.js";
import { addScaled, dot, type Matrix, matrix, row } from "../nn/matrix.js";
import { fileOf, type ModelFiles } from "../nn/model-files.js";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../nn/safetensors.js";
import { effectOf } from "./condition-effect.js";
import { componentsOf, type PrincipalComponents } from "./principal-components.js";

export const settingPolicyModes = ["critic", "surrogate"] as const;
export type SettingPolicyMode = (typeof settingPolicyModes)[number];

export interface SettingPolicyParts {
  mode: SettingPolicyMode;
  /** Of catalogue images; `[R, E]`. */
  catalogue: PrincipalComponents;
  /** The directions in which settings move images; `[P, E]`. */
  moves: PrincipalComponents;
  /** `critic`: `[(1 + R + P) K, 1]`; `surrogate`: `[(1 + R) (1 + K), P]`. */
  weights: Matrix;
  /** Of the first setting's caption similarity, what another must keep by prediction; read by `surrogate`. */
  captionShare: number;
}

/** Features of an item's image and caption, of unit length; `[E]`. */
export interface SettingReference {
  image: Float32Array;
  caption: Float32Array;
}

/** Scores of the item with each image in place of its own, and the deviation of the viewer's scores; null: nothing is known. */
export type AskRanking = (
  images: readonly Float32Array[],
) => Promise<{ scores: readonly number[]; deviation: number } | null>;

export const SETTING_POLICY_FILE = "setting-policy.safetensors";
const FORMAT = "vitrine-setting-policy";

export class SettingPolicy {
  constructor(readonly parts: SettingPolicyParts) {}

  /**
   * The expected gain of each setting over the first, in standard deviations of the viewer's scores; `-Infinity` for one that is left
   * out. Null where the ranking knows nothing of the viewer or the item, or a score is not a number. `[N, K] -> [N]`
   */
  async gains(
    reference: SettingReference,
    settings: Matrix,
    ask: AskRanking,
  ): Promise<Float32Array | null> {
    const { captionShare, mode, moves } = this.parts;
    if (mode === "critic") {
      const answer = await ask(probesOf(moves, reference.image));
      const responses = answer && probeResponses(answer.scores, answer.deviation);
      return responses && this.effects(reference.image, responses, settings);
    }
    const images = this.predicted(reference.image, settings);
    const answer = await ask(images);
    const gains = answer && probeResponses([answer.scores[0], ...answer.scores], answer.deviation);
    const [least, ...fits] = images.map(image => dot(image, reference.caption));
    fits.forEach((fit, at) => {
      if (gains && fit < captionShare * least) {
        gains[at + 1] = -Infinity;
      }
    });
    return gains;
  }

  /** The features that images of the settings would have; `[N][E]`. */
  predicted(image: Float32Array, settings: Matrix): Float32Array[] {
    const { catalogue, moves, weights } = this.parts;
    return Array.from({ length: settings.shape[0] }, (_, n) => {
      const input = surrogateInput(catalogue, image, row(settings, n));
      const move = new Float32Array(weights.shape[1]);
      input.forEach((value, at) => addScaled(move, row(weights, at), value));
      const moved = image.slice();
      move.forEach((length, j) => addScaled(moved, row(moves.directions, j), length));
      return unit(moved);
    });
  }

  private effects(image: Float32Array, responses: Float32Array, settings: Matrix): Float32Array {
    const context = criticContext(this.parts.catalogue, image, responses);
    const effect = (n: number) => effectOf(this.parts, context, row(settings, n))[0];
    const first = effect(0);
    return Float32Array.from({ length: settings.shape[0] }, (_, n) => effect(n) - first);
  }

  /** The same without an opinion: all gains are 0. */
  silenced(): SettingPolicy {
    const { weights } = this.parts;
    return new SettingPolicy({ ...this.parts, weights: matrix(weights.shape) });
  }

  toFiles(lineage: Readonly<Record<string, unknown>>): ModelFiles {
    const { captionShare, catalogue, mode, moves, weights } = this.parts;
    const tensors = {
      weights,
      ...named("catalogue", catalogue),
      ...named("moves", moves),
    };
    const metadata = {
      format: FORMAT,
      mode,
      captionShare: String(captionShare),
      lineage: JSON.stringify(lineage),
    };
    return { [SETTING_POLICY_FILE]: encodeSafetensors({ tensors, metadata }) };
  }

  /** @param numFeatures K. @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED` */
  static fromFiles(files: ModelFiles, numFeatures: number): SettingPolicy {
    const path = SETTING_POLICY_FILE;
    const { metadata, tensors } = decodeSafetensors(fileOf(files, path), path);
    const fault = (reason: string) =>
      new AppError("FILE_MALFORMED", { path, expected: "a policy over settings", reason });
    const mode = settingPolicyModes.find(own => own === metadata.mode);
    const captionShare = Number(metadata.captionShare);
    if (metadata.format !== FORMAT || !mode || !(captionShare >= 0)) {
      const { captionShare: share, format } = metadata;
      throw fault(`its format is '${format}', its mode '${metadata.mode}', its share '${share}'`);
    }
    const broken = Object.entries(tensors).find(([, { values }]) => !values.every(Number.isFinite));
    if (broken) {
      throw fault(`'${broken[0]}' has numbers that are not finite`);
    }
    const values = (name: string, rank: number): StoredTensor => {
      const tensor = Object.hasOwn(tensors, name) ? tensors[name] : null;
      if (tensor?.shape.length !== rank) {
        throw fault(`'${name}' is absent or has another number of dimensions than ${rank}`);
      }
      return tensor;
    };
    const parts = {
      mode,
      captionShare,
      catalogue: componentsFrom(values, "catalogue"),
      moves: componentsFrom(values, "moves"),
      weights: asMatrix(values("weights", 2)),
    };
    const expected = weightsShape(parts, numFeatures);
    if (parts.weights.shape.join() !== expected.join()) {
      throw fault(`'weights' is [${parts.weights.shape}], expected [${expected}]`);
    }
    return new SettingPolicy(parts);
  }
}

/**
 * What to ask the ranking model: the catalogue image's feature as it is, then moved by one spread along each direction. Of unit
 * length, as features of images are; `[E] -> [1 + P][E]`.
 */
export function probesOf(
  { directions, spreads }: PrincipalComponents,
  reference: Float32Array,
): Float32Array[] {
  const moved = Array.from(spreads, (spread, j) => {
    const probe = reference.slice();
    addScaled(probe, row(directions, j), spread);
    return unit(probe);
  });
  return [reference, ...moved];
}

function unit(values: Float32Array): Float32Array {
  const length = Math.hypot(...values) || 1;
  return values.map(value => value / length);
}

/**
 * x: the gains of the probes over the first one, in standard deviations of the viewer's scores; null where one is not a number.
 * `[1 + P] -> [P]`
 */
export function probeResponses(scores: readonly number[], deviation: number): Float32Array | null {
  const [first, ...others] = scores;
  const responses = Float32Array.from(others, score => (score - first) / deviation);
  return responses.every(Number.isFinite) ? responses : null;
}

/** `[1, image, responses]`. */
export function criticContext(
  catalogue: PrincipalComponents,
  image: Float32Array,
  responses: Float32Array,
): Float32Array {
  return Float32Array.from([1, ...componentsOf(catalogue, image), ...responses]);
}

/** Products of `[1, image]` and `[1, setting]`; `[(1 + R) (1 + K)]`. */
export function surrogateInput(
  catalogue: PrincipalComponents,
  image: Float32Array,
  setting: Float32Array,
): Float32Array {
  const known = [1, ...componentsOf(catalogue, image)];
  const own = [1, ...setting];
  return Float32Array.from(known.flatMap(x => own.map(z => x * z)));
}

function weightsShape(
  { catalogue, mode, moves }: Pick<SettingPolicyParts, "catalogue" | "mode" | "moves">,
  numFeatures: number,
): readonly [number, number] {
  const known = 1 + catalogue.spreads.length;
  const P = moves.spreads.length;
  return mode === "critic" ? [(known + P) * numFeatures, 1] : [known * (1 + numFeatures), P];
}

function named(name: string, { directions, mean, spreads }: PrincipalComponents) {
  return {
    [`${name}.directions`]: directions,
    [`${name}.mean`]: { shape: [mean.length], values: mean },
    [`${name}.spreads`]: { shape: [spreads.length], values: spreads },
  };
}

function componentsFrom(
  values: (name: string, rank: number) => StoredTensor,
  name: string,
): PrincipalComponents {
  return {
    directions: asMatrix(values(`${name}.directions`, 2)),
    mean: Float32Array.from(values(`${name}.mean`, 1).values),
    spreads: Float32Array.from(values(`${name}.spreads`, 1).values),
  };
}

const asMatrix = ({ shape, values }: StoredTensor): Matrix =>
  matrix([shape[0], shape[1]], Float32Array.from(values));
