/** @file The personalization method of an experiment's arm, and what is asked of it for a pair. */
import { seedFrom } from "../../../ml/nn/random.js";
import type { CandidateRequest } from "../../images/image-path.js";
import {
  keywordOnlyMethod,
  type PersonalizationMethod,
  plainMethod,
  rankerPreferenceMethod,
  retrievalOnlyMethod,
} from "../../images/personalization-method.js";
import { type Pair, pairRequest } from "../../reflection/pairs.js";
import type { PersonalizerTrainingConfig } from "../../reflection/personalizer-training-config.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { TrainingCost } from "../../reflection/training-cost.js";
import { type ExperimentArm, type ImageExperiment, numCandidatesOf } from "./experiment-config.js";

/** The personalizer that was trained for an arm. */
export interface TrainedArm {
  versionId: string;
  method: PersonalizationMethod;
  /** What its training cost; null where an older release did not count it. */
  cost: TrainingCost | null;
  dispose(): void;
}

/** What conditions the images of an arm that trains nothing; null where the catalogue image is shown. */
export function armMethod(
  condition: Exclude<ExperimentArm["condition"], "personalizer">,
  untrained: PersonalizationMethod,
): PersonalizationMethod | null {
  switch (condition) {
    case "original":
      return null;
    case "keywords":
      return keywordOnlyMethod;
    case "retrieval":
      return retrievalOnlyMethod;
    case "both":
      return plainMethod;
    case "ranker":
      return rankerPreferenceMethod;
    case "untrained":
      return untrained;
  }
}

/** The same noise in every arm of a seed. */
export function armRequest(
  about: {
    experiment: ImageExperiment;
    arm: ExperimentArm;
    config: PersonalizerTrainingConfig;
    seed: number;
    shop: ShopSnapshot;
  },
  pair: Pair,
): CandidateRequest {
  const { arm, config, experiment, seed, shop } = about;
  const { fidelity, guidanceScale, numSteps, strength } = experiment;
  return pairRequest(shop, pair, config, {
    fidelity,
    guidanceScale,
    numSteps,
    strength,
    seed: seedFrom("experiment", seed, pair.userId, pair.itemId),
    numImages: numCandidatesOf(experiment, arm),
  });
}
