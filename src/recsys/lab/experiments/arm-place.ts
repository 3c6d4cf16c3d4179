/** @file Where an arm's outcomes and its personalizer are kept: by all that they depend on. */
import { contentHash } from "../../../ml/content-hash.js";
import type { Pair } from "../../reflection/pairs.js";
import { personalizerConfig } from "../../reflection/personalizer-training-config.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import {
  type ExperimentArm,
  type ImageExperiment,
  mergedTraining,
  numCandidatesOf,
} from "./experiment-config.js";

export interface ArmPlace {
  path: string;
  versionId: string;
}

/** The shape of an outcome: part of its key, so that outcomes of another shape are measured again. */
const OUTCOMES = "raw and served by fidelity";

export function armPlace({
  arm,
  experiment,
  generator,
  pairs,
  seed,
  shop,
}: {
  arm: ExperimentArm;
  experiment: ImageExperiment;
  generator: string;
  pairs: readonly Pair[];
  seed: number;
  shop: ShopSnapshot;
}): ArmPlace {
  const { fidelity, guidanceScale, numSteps, strength } = experiment;
  const numCandidates = numCandidatesOf(experiment, arm);
  const basis = [generator, shop.ranker.versionId, armConfig(experiment, arm), seed];
  const knobs = { fidelity, guidanceScale, numCandidates, numSteps, strength };
  const key = contentHash([OUTCOMES, basis, arm.condition, knobs, pairs]);
  return {
    path: `experiments/${experiment.name}/${key}.json`,
    versionId: uuidOf(contentHash(["personalizer", ...basis])),
  };
}

export function armConfig(experiment: ImageExperiment, arm: ExperimentArm) {
  return personalizerConfig(mergedTraining(experiment.training, arm.training));
}

/** A UUID (version 8: of one's own making) from the head of a hash. */
function uuidOf(hash: string): string {
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
