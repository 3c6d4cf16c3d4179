/** @file An experiment on personalised pictures, as a file of `experiments/` says it. */
import { z } from "zod";
import { personalizerConfigSchema } from "../reflection/personalizer-config.js";

const count = z.int().min(1);
const training = personalizerConfigSchema.partial();

/**
 * What a picture attends to. `original`: none is made, the catalogue picture is judged. `keywords`: E^key alone.
 * `retrieval`: the reference's keywords and P^ret. `both`: E^key and P^ret. `personalizer`: P^gen of a version that is
 * trained for the arm.
 */
export const armConditions = ["original", "keywords", "retrieval", "both", "personalizer"] as const;

export const pictureExperimentSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/),
  /** What it asks, for people. */
  question: z.string().default(""),
  /** Of trainings and pictures. */
  seeds: z.array(z.int()).min(1),
  /** Held-out users, one pair each. */
  numTestPairs: count,
  /** Pictures of a pair, of which the one with the highest ρ counts; default 1, no choice. The same for every arm. */
  numCandidates: count.max(16).default(1),
  /** How the judged pictures are drawn; default as they are served. */
  numSteps: count.max(100).default(12),
  strength: z.number().gt(0).max(1).default(0.5),
  guidanceScale: z.number().min(1).default(3),
  /** Changes to the default of every training. */
  training: training.default({}),
  arms: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        condition: z.enum(armConditions),
        /** Changes to the experiment's training, for this arm. */
        training: training.default({}),
      }),
    )
    .min(1)
    .refine(arms => new Set(arms.map(({ name }) => name)).size === arms.length, "names differ"),
});

export type PictureExperiment = z.infer<typeof pictureExperimentSchema>;
export type ExperimentArm = PictureExperiment["arms"][number];
