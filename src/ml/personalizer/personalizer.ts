/**
 * @file The personalizer: LLM_g's adapters and image tokens, the Modal Mapper, the cross-attention and the linears. It
 * gives policies over conditions and trains on the rewards of their images.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", sections 4.4 and 4.5. U-Net,
 * autoencoder, CLIP and ranking model stay frozen and outside. Equations by file: docs/paper-map.md.
 *
 * Shapes: B pairs, N tokens of P^gen, D their width, r rollouts.
 */
import * as tf from "@tensorflow/tfjs";
import { AppError } from "../../errors/app-error.js";
import { linear } from "../nn/linear.js";
import { type Matrix, matrix } from "../nn/matrix.js";
import type { ModelFiles } from "../nn/model-files.js";
import {
  type NamedValues,
  type Parameters,
  parametersOf,
  variablesOf,
  within,
} from "../nn/parameters.js";
import { Random } from "../nn/random.js";
import { decodeSafetensors, encodeSafetensors } from "../nn/safetensors.js";
import { type MaskedTokens } from "../nn/token-distance.js";
import { type Policy, principalDirections, shapedNoise } from "../reflection/exploration.js";
import {
  createPolicyBatch,
  leaveOneOutAdvantages,
  rankLoss,
  scaledAdvantages,
} from "../reflection/policy-gradient.js";
import { semanticLoss } from "../reflection/semantic-loss.js";
import { targetLoss } from "../reflection/target-loss.js";
import { type LossParts, totalLoss } from "../reflection/total-loss.js";
import { calibrationLoss, tokenCalibrationLoss } from "./balance-calibrator.js";
import {
  type GeneratedPreference,
  generatedPreference,
  preferenceValues,
} from "./generated-preference.js";
import { type ImageTokenLlm, imageTokenFeatures } from "./image-token-llm.js";
import { type PersonalizerConfig, personalizerConfigSchema } from "./personalizer-config.js";
import {
  assertFits,
  encodePersonalizer,
  PERSONALIZER_FILE,
  type StoredPersonalizer,
  storedValues,
} from "./personalizer-files.js";
import {
  type InputTensors,
  inputTensors,
  type Lesson,
  type LossTerms,
  type PersonalizerInput,
  type Rollout,
} from "./personalizer-input.js";
import { PersonalizerOptimizer } from "./personalizer-optimizer.js";

export type * from "./personalizer-input.js";
export { explored, type Policy } from "../reflection/exploration.js";

const TRAINING_FILE = "training.safetensors";
const DIRECTIONS = "exploration.directions";
/** A factor on the preference, which earlier versions could train. Only 1 can be used. */
const GAIN = "taste.gain";
/** Prefix of the language model's variables. */
const LLM_PREFIX = "llm.";

/** The preference of a batch, and `moved`, the tokens of P^gen that the policy perturbs. */
interface Condition extends GeneratedPreference {
  moved: MaskedTokens;
}

export class Personalizer {
  /** All trainable variables, named as in the file; those of the language model begin with `llm.`. */
  readonly trainable: Readonly<Record<string, tf.Variable>>;
  private readonly parameters: Parameters;
  private readonly optimizer: PersonalizerOptimizer;

  private constructor(
    readonly config: PersonalizerConfig,
    private readonly llm: ImageTokenLlm,
    private readonly own: Readonly<Record<string, tf.Variable>>,
    private directions: Matrix | null,
  ) {
    const ofLlm = Object.entries(llm.trainable).map(([name, value]) => [LLM_PREFIX + name, value]);
    this.trainable = { ...own, ...(Object.fromEntries(ofLlm) as Record<string, tf.Variable>) };
    this.parameters = parametersOf(own);
    this.optimizer = new PersonalizerOptimizer(this.trainable);
  }

  /**
   * Creates an untrained personalizer. With the form `slots` its policies' means are the generator's own image tokens.
   *
   * @param llm The caller disposes of it; its trainable variables are part of this.
   * @throws AppError `INVALID_ARGUMENT` for an invalid configuration, or another number of image tokens.
   */
  static create(config: PersonalizerConfig, llm: ImageTokenLlm, seed: number): Personalizer {
    const checked = personalizerConfigSchema.safeParse(config);
    const wrong =
      checked.error?.issues
        .map(({ path, message }) => `${path.join(".")}: ${message}`)
        .join("; ") ??
      (llm.imageTokenIds.length !== config.numImageTokens
        ? `numImageTokens: the language model has ${llm.imageTokenIds.length}`
        : null);
    if (wrong !== null) {
      throw new AppError("INVALID_ARGUMENT", { argument: "config", problem: wrong });
    }
    const random = new Random(seed).fork("personalizer");
    const values = preferenceValues(config, llm.config.hiddenSize, random);
    return new Personalizer(config, llm, variablesOf(values), null);
  }

  /**
   * Restores what {@link toFiles} gave, with the language model of its training (or another load of the same weights).
   *
   * @throws AppError `FILE_MALFORMED`.
   */
  static restore({ config, tensors }: StoredPersonalizer, llm: ImageTokenLlm): Personalizer {
    const result = Personalizer.create(config, llm, 0);
    try {
      result.assign(tensors, PERSONALIZER_FILE);
    } catch (error) {
      result.dispose();
      throw error;
    }
    return result;
  }

  /**
   * Restricts exploration to the principal directions of the generator's image tokens.
   *
   * @param samples Image tokens of many images, each a row of Q D numbers. @param count Of directions. Default: 32.
   */
  explore(samples: Matrix, { count = 32, seed = 0 }: { count?: number; seed?: number } = {}): void {
    const { conditionSize, exploration, form, numPreferenceTokens } = this.config;
    if (form !== "slots" || exploration !== "preference") {
      throw new Error("Personalizer.explore: expected the form 'slots' and noise on its tokens");
    }
    const expected = numPreferenceTokens * conditionSize;
    if (samples.shape[1] !== expected) {
      throw new Error(`Personalizer.explore: expected rows of ${expected}, got [${samples.shape}]`);
    }
    this.directions = principalDirections(samples, count, new Random(seed).fork("directions"));
  }

  /** P^gen of each input (Eq. 9) as a policy; σ is a fixed fraction of its root mean square. */
  policy(inputs: readonly PersonalizerInput[]): Policy[] {
    const { conditionSize: D } = this.config;
    if (inputs.length === 0) {
      return [];
    }
    let means: Float32Array[] = [];
    let moved: Float32Array[] = [];
    tf.tidy(() => {
      const made = this.condition(inputs);
      means = unpaddedRows(made.tokens);
      moved = unpaddedRows(made.moved);
    });
    return means.map((mean, b) => ({
      mean,
      shape: [mean.length / D, D],
      sigma: this.config.sigma * rootMeanSquare(mean),
      numMovedTokens: moved[b].length / D,
      directions: this.directions,
    }));
  }

  /** E^m and P^gen of a batch; differentiable in {@link trainable}. Call it inside `tf.tidy`. */
  condition(inputs: readonly PersonalizerInput[], tensors?: InputTensors): Condition {
    const constants = tensors ?? inputTensors(inputs, this.config);
    const features = imageTokenFeatures(
      this.llm,
      inputs.map(({ llmIds }) => llmIds),
    );
    const made = generatedPreference(features, constants, this.parameters, this.config);
    const { numPreferenceTokens: count, tokens } = made;
    const [B, , D] = tokens.tokens.shape;
    const moved =
      this.config.exploration === "all"
        ? tokens
        : {
            tokens: tf.slice(tokens.tokens, [0, 0, 0], [B, count, D]),
            mask: tf.slice(tokens.mask, [0, 0], [B, count]),
          };
    return { ...made, moved };
  }

  /**
   * One descent step on Eq. 17.
   *
   * @throws AppError `TRAINING_DIVERGED`; changes nothing then.
   */
  trainStep(rollouts: readonly Rollout[]): LossTerms {
    const inputs = rollouts.map(({ input }) => input);
    return this.descend(inputs, made =>
      rankLoss(made.moved.tokens, this.policyBatch(rollouts, made)),
    );
  }

  /**
   * The same with `targetLoss` in place of L_rank: P^gen learns conditions that were chosen by their rewards.
   *
   * @param scale As of `targetLoss`. @throws AppError `TRAINING_DIVERGED`; Error for the form `paper`.
   */
  trainToward(lessons: readonly Lesson[], scale: number): LossTerms {
    const { conditionSize: D, form, numPreferenceTokens: Q } = this.config;
    if (form !== "slots") {
      throw new Error("Personalizer.trainToward: expected the form 'slots'");
    }
    const B = lessons.length;
    const targets = new Float32Array(B * Q * D);
    lessons.forEach(({ target }, b) => targets.set(target, b * Q * D));
    const inputs = lessons.map(({ input }) => input);
    return this.descend(inputs, made => {
      const preference = tf.slice(made.tokens.tokens, [0, 0, 0], [B, Q, D]);
      return targetLoss(preference, tf.tensor3d(targets, [B, Q, D]), scale);
    });
  }

  private descend(
    inputs: readonly PersonalizerInput[],
    rank: (made: Condition) => tf.Scalar,
  ): LossTerms {
    const { config } = this;
    let terms: Omit<LossTerms, "gradientNorm"> | undefined;
    const loss = () =>
      tf.tidy(() => {
        const parts = this.losses(inputs, rank);
        const total = totalLoss(parts, config);
        const value = (scalar: tf.Scalar) => scalar.dataSync()[0];
        terms = {
          total: value(total),
          calibration: value(parts.calibration),
          rank: value(parts.rank),
          semantic: value(parts.semantic),
        };
        return total;
      });
    const norm = this.optimizer.minimize(loss, config.learningRate, config.maxGradientNorm);
    return { ...terms!, gradientNorm: norm } as LossTerms; // minimize has called loss
  }

  /** All trained values, the configuration and the lineage. */
  toFiles(lineage: Readonly<Record<string, unknown>>): ModelFiles {
    return encodePersonalizer({ config: this.config, tensors: this.values() }, lineage);
  }

  /** Weights and the optimizer's state; training resumed from them gives the same bytes. */
  encodeTraining(): Uint8Array {
    const tensors = { ...this.values(), ...this.optimizer.state() };
    return encodeSafetensors({ tensors, metadata: {} });
  }

  /** Restores what {@link encodeTraining} gave. @throws AppError `FILE_MALFORMED` where it does not fit. */
  restoreTraining(bytes: Uint8Array): void {
    const { tensors } = decodeSafetensors(bytes, TRAINING_FILE);
    this.assign(tensors, TRAINING_FILE);
    this.optimizer.restore(tensors);
  }

  /** Leaves the language model to the caller. */
  dispose(): void {
    tf.dispose(Object.values(this.own));
  }

  /** L_cal, L_rank and L_sem (Eq. 10, 15, 16). */
  private losses(
    inputs: readonly PersonalizerInput[],
    rank: (made: Condition) => tf.Scalar,
  ): LossParts<tf.Scalar> {
    const { config } = this;
    const tensors = inputTensors(inputs, config);
    const made = this.condition(inputs, tensors);
    const mapped: MaskedTokens = {
      tokens: linear(made.multiModal.tokens, within(this.parameters, "semantic")),
      mask: made.multiModal.mask,
    };
    return {
      calibration: this.calibration(made, tensors),
      rank: rank(made),
      semantic: semanticLoss(mapped, tensors.semantic, config.semantic),
    };
  }

  private calibration(made: Condition, tensors: InputTensors): tf.Scalar {
    const { imageTokens, rankerTokens, retrieved } = tensors;
    const { calibrator, startsAtRanker } = this.config;
    if (calibrator === "tokens") {
      const [B, Q, D] = imageTokens.shape;
      const preference = tf.slice(made.tokens.tokens, [0, 0, 0], [B, Q, D]);
      return tokenCalibrationLoss(preference, startsAtRanker ? rankerTokens : imageTokens);
    }
    const target = linear(retrieved, within(this.parameters, "calibrator"));
    return calibrationLoss(made.tokens, target, calibrator);
  }

  /** The actions as constants: the rendered ones, otherwise the noise around the present mean. */
  private policyBatch(rollouts: readonly Rollout[], { moved, tokens }: Condition) {
    const { conditionSize: D, scalesAdvantages, sigma: fraction } = this.config;
    const raw = leaveOneOutAdvantages(rollouts.map(({ rewards }) => rewards));
    const advantages = scalesAdvantages ? scaledAdvantages(raw) : raw;
    const rows = unpaddedRows(tokens);
    const means = unpaddedRows(moved);
    const pairs = rollouts.map(({ noises, rendered }, b) => {
      const mean = means[b];
      if (rendered) {
        const actions = rendered.actions.map(action => action.subarray(0, mean.length));
        return { actions, advantages: advantages[b], sigma: rendered.sigma };
      }
      const sigma = fraction * rootMeanSquare(rows[b]);
      const actions = noises.map(noise => {
        const shaped = shapedNoise(noise, mean.length, this.directions);
        return mean.map((value, i) => value + sigma * shaped[i]);
      });
      return { actions, advantages: advantages[b], sigma };
    });
    return createPolicyBatch(pairs, D);
  }

  private values(): NamedValues {
    return {
      ...storedValues(this.trainable),
      ...(this.directions && { [DIRECTIONS]: this.directions }),
    };
  }

  private assign(stored: NamedValues, path: string): void {
    assertFits(this.trainable, stored, path);
    if (Object.hasOwn(stored, GAIN) && stored[GAIN].values[0] !== 1) {
      throw new AppError("FILE_MALFORMED", {
        path,
        expected: "a personalizer without a gain on the preference",
        reason: `its gain is ${stored[GAIN].values[0]}; train it again`,
      });
    }
    for (const [name, variable] of Object.entries(this.trainable)) {
      tf.tidy(() => {
        variable.assign(tf.tensor(stored[name].values, variable.shape));
      });
    }
    const directions = Object.hasOwn(stored, DIRECTIONS) ? stored[DIRECTIONS] : null;
    this.directions =
      directions &&
      matrix([directions.shape[0], directions.shape[1]], Float32Array.from(directions.values));
  }
}

/** The tokens of each row without its padding on the left; copies. */
function unpaddedRows({ tokens, mask }: MaskedTokens): Float32Array[] {
  const [B, N, D] = tokens.shape;
  const values = tokens.dataSync<"float32">();
  const isToken = mask.dataSync();
  return Array.from({ length: B }, (_, b) => {
    const padding = isToken.subarray(b * N, (b + 1) * N).findIndex(value => value !== 0);
    return values.slice((b * N + padding) * D, (b + 1) * N * D);
  });
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
}
