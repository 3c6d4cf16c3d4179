/** @file The personalization method of an experiment's arm, and what is asked of it for a pair. */
import type { ConditionEncoder } from "../../../ml/diffusion/condition-encoder.js";
import { seedFrom } from "../../../ml/nn/random.js";
import type { CandidateRequest } from "../../images/image-path.js";
import {
  keywordOnlyMethod,
  type PersonalizationMethod,
  plainMethod,
  rankerPreferenceMethod,
  retrievalOnlyMethod,
} from "../../images/personalization-method.js";
import type { PersonalizerModel } from "../../images/personalizer-model.js";
import { RagarMethod } from "../../images/ragar-method.js";
import { type Pair, pairRequest } from "../../reflection/pairs.js";
import type { PersonalizerTrainingConfig } from "../../reflection/personalizer-training-config.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { type ExperimentArm, type ImageExperiment, numCandidatesOf } from "./experiment-config.js";

/** The personalizer that was trained for an arm. */
export interface TrainedArm {
  versionId: string;
  model: PersonalizerModel;
  encoder: () => Promise<Pick<ConditionEncoder, "encodeTexts" | "projectImage">>;
}

/** @returns null where the catalogue image is shown. @param trained for the condition `personalizer`. */
export function armMethod(
  condition: ExperimentArm["condition"],
  trained: TrainedArm | null,
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
    case "personalizer": {
      const { encoder, model, versionId } = trained!; // trained for the arm
      return new RagarMethod({ versionId, encoder, use: run => run(model) });
    }
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
