/** @file An experiment on personalised pictures, as a file of `experiments/` says it. */
import { z } from "zod";
import { AppError } from "../../../errors/app-error.js";
import { fidelityPolicies } from "../../images/fidelity-policy.js";
import {
  personalizerConfigSchema,
  type PersonalizerTrainingConfig,
} from "../../reflection/personalizer-training-config.js";

const count = z.int().min(1);

/** Only the given fields: `partial()` would fill in defaults, and an arm's defaults would overrule the experiment's. */
const training = z
  .record(z.string(), z.unknown())
  .transform((given, { issues }): Partial<PersonalizerTrainingConfig> => {
    const { data = {}, error } = personalizerConfigSchema.partial().safeParse(given);
    error?.issues.forEach(({ message, path }) => {
      issues.push({ code: "custom", message, path, input: given });
    });
    return Object.fromEntries(Object.entries(data).filter(([key]) => key in given));
  });

/**
 * What an image attends to. `original`: none is made, the catalogue image is measured. `keywords`: E^key alone.
 * `retrieval`: the reference's keywords and P^ret. `both`: E^key and P^ret. `ranker`: E^key and P^rk, the mean
 * feature of the items that the ranking model puts first. `untrained`: what a shop without a trained version shows; for
 * photographs settings by taste. `personalizer`: a version that is trained for the arm.
 */
export const armConditions = [
  "original",
  "keywords",
  "retrieval",
  "both",
  "ranker",
  "untrained",
  "personalizer",
] as const;

const name = z.string().regex(/^[a-z0-9-]+$/);

/** What another scale may change of an experiment. The arms stay the same. */
const scale = z.strictObject({
  seeds: z.array(z.int()).min(1).optional(),
  /** Held-out users. */
  numTestPairs: count.optional(),
  numCandidates: count.max(16).optional(),
  numSteps: count.max(100).optional(),
  /** `numPairs`, `numValidationPairs`, `numSteps`, `numRollouts`, …: changes to the experiment's training. */
  training: training.default({}),
});

export const imageExperimentSchema = z.strictObject({
  name,
  /** Its question, in words. */
  question: z.string().default(""),
  /** Of trainings and pictures. */
  seeds: z.array(z.int()).min(1),
  /** Held-out users, one pair each. */
  numTestPairs: count,
  /** Pictures of a pair, of which the one with the highest ρ counts; default 1, no choice. */
  numCandidates: count.max(16).default(1),
  /** How the images are drawn; default as they are served. */
  numSteps: count.max(100).optional(),
  strength: z.number().gt(0).max(1).optional(),
  guidanceScale: z.number().min(1).optional(),
  /** How true the images must be to the catalogue image; default `AUTO`: as images are served. */
  fidelity: z.enum([...fidelityPolicies, "AUTO"]).default("AUTO"),
  /** Changes to the default of every training. */
  training: training.default({}),
  /** By name: the same experiment with less or more work. */
  scales: z.record(name, scale).default({}),
  /** The arm, or arms, that all others are tested against; default: the first with a personalizer, else every two arms are. */
  baseline: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  /**
   * `style`: figures also for references in and off the user's favourite style, for a shop whose item ids begin with the style and a
   * colon, such as the stickers. Default: not.
   */
  groupBy: z.enum(["style"]).optional(),
  /** The arms on the contact sheet, by name; default: the first that goes by keywords, and the first with a personalizer. */
  shown: z.array(z.string()).min(1).optional(),
  /** Items on the contact sheet, by id; default: references that the fewest of its users have. */
  shownItems: z.array(z.string()).min(1).optional(),
  arms: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        condition: z.enum(armConditions),
        /** Changes to the experiment's training, for this arm. */
        training: training.default({}),
        /** In place of the experiment's, for an arm that shows what selection by the ranking model is worth. */
        numCandidates: count.max(16).optional(),
        /** Only the first so many of the experiment's seeds; default all. Such an arm is tested on their outcomes. */
        numSeeds: count.optional(),
      }),
    )
    .min(1)
    .refine(arms => new Set(arms.map(({ name }) => name)).size === arms.length, "names differ"),
});

export type ImageExperiment = z.infer<typeof imageExperimentSchema>;
export type ExperimentArm = ImageExperiment["arms"][number];

/** The arms on the contact sheet. @throws AppError `INVALID_ARGUMENT` for one that the experiment does not have. */
export function shownArmsOf({ arms, shown }: ImageExperiment): ExperimentArm[] {
  if (!shown) {
    const first = (wanted: string) => arms.find(({ condition }) => condition === wanted);
    return [first("keywords"), first("personalizer")].filter(arm => arm !== undefined);
  }
  return shown.map(name => {
    const arm = arms.find(own => own.name === name);
    if (!arm) {
      const problem = `must be names of arms, but got '${name}'`;
      throw new AppError("INVALID_ARGUMENT", { argument: "shown", problem });
    }
    return arm;
  });
}

/** The arms that run in a seed. */
export function armsOf({ arms, seeds }: ImageExperiment, seed: number): ExperimentArm[] {
  return arms.filter(({ numSeeds = Infinity }) => seeds.indexOf(seed) < numSeeds);
}

/** Pictures of a pair in an arm. */
export function numCandidatesOf(experiment: ImageExperiment, arm: ExperimentArm): number {
  return arm.numCandidates ?? experiment.numCandidates;
}

/** The experiment at one of its scales. @throws AppError `INVALID_ARGUMENT` */
export function scaledExperiment(
  experiment: ImageExperiment,
  scaleName: string | undefined,
): ImageExperiment {
  if (scaleName === undefined) {
    return experiment;
  }
  const changes = experiment.scales[scaleName];
  if (!changes) {
    const names = Object.keys(experiment.scales).join(", ") || "none";
    const problem = `must be a scale of '${experiment.name}' (${names}), but got '${scaleName}'`;
    throw new AppError("INVALID_ARGUMENT", { argument: "scale", problem });
  }
  return {
    ...experiment,
    ...changes,
    training: mergedTraining(experiment.training, changes.training),
  };
}

/** Changes upon changes; those of the model one by one. */
export function mergedTraining(
  base: ImageExperiment["training"],
  own: ImageExperiment["training"],
): ImageExperiment["training"] {
  return { ...base, ...own, model: { ...base.model, ...own.model } };
}
