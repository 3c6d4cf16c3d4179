/** @file The options of an image, their ranges and their defaults. */
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { type DrawingDefaults } from "../../ml/diffusion/pipeline-config.js";
import { fidelityPolicies, type FidelityPolicy } from "./fidelity-policy.js";

/**
 * Which images may answer a request: `FIRST` the variants', else generated ones; `ONLY` the variants'; `OFF` generated ones.
 */
export const variantModes = ["FIRST", "ONLY", "OFF"] as const;
export type VariantMode = (typeof variantModes)[number];

export interface GenerationOptions {
  /** Fixes the noise: the same seed, history, item and models give the same picture. Default 1. */
  seed: number;
  /**
   * How much noise the reference image gets before it is denoised, `(0, 1]`: 0.3 hardly changes it. 1 starts from noise alone:
   * of the reference remains what the denoiser sees of it as an input, or else the prompt. Default: the pack's,
   * `PipelineConfig.defaults`.
   */
  strength: number;
  /** Weight of classifier-free guidance, 1..20; 1 is none. Default: the pack's. */
  guidanceScale: number;
  /** Denoiser evaluations of a picture (twice as many with guidance), 1..100. Default: the pack's. */
  numSteps: number;
  /** Candidates drawn, of which the ranking model's best is kept (r in the paper), 1..8. Default 3. */
  numCandidates: number;
  /** Absent for `FIRST`, so that the keys of stored images stay. */
  variants?: Exclude<VariantMode, "FIRST">;
  /**
   * How true the image must be to the catalogue image. Absent: by the catalogue image (`ProductLock`), so that the keys of
   * stored images stay. Default: `VITRINE_FIDELITY`.
   */
  fidelity?: FidelityPolicy;
}

/** The options that are numbers. */
type Knob = Exclude<keyof GenerationOptions, "fidelity" | "variants">;

/** One step, from the whole image: what a generator without a diffusion model costs. */
const withoutDiffusion = { strength: 1, numSteps: 1, guidanceScale: 1 };

/** What the generator is asked of the options. */
export function drawingKnobs(options: GenerationOptions) {
  const { guidanceScale, numCandidates: numImages, numSteps, seed, strength } = options;
  return { guidanceScale, numImages, numSteps, seed, strength };
}

/**
 * @param diffusion Configuration of the pack's diffusion model; null where it has none.
 * @param fidelity The shop's setting; null: by the catalogue image.
 */
export function generationDefaults(
  diffusion: { defaults: Omit<DrawingDefaults, "numSamples"> } | null, // samples are made of exemplars; here an image is given
  fidelity: FidelityPolicy | null = null,
): GenerationOptions {
  const { guidanceScale, numSteps, strength } = diffusion?.defaults ?? withoutDiffusion;
  const numbers = { seed: 1, numCandidates: 3, strength, numSteps, guidanceScale };
  return fidelity ? { ...numbers, fidelity } : numbers;
}

const ranges: Record<Knob, [min: number, max: number, isWhole: boolean]> = {
  seed: [-2_147_483_648, 2_147_483_647, true],
  strength: [0.05, 1, false],
  guidanceScale: [1, 20, false],
  numSteps: [1, 100, true],
  numCandidates: [1, 8, true],
};

function inRange(name: Knob) {
  const [min, max, isWhole] = ranges[name];
  return (isWhole ? z.int() : z.number()).min(min).max(max);
}

/** Options of a stored request: complete, and in their ranges. */
export const generationOptionsSchema = z.strictObject({
  seed: inRange("seed"),
  strength: inRange("strength"),
  guidanceScale: inRange("guidanceScale"),
  numSteps: inRange("numSteps"),
  numCandidates: inRange("numCandidates"),
  variants: z.enum(["ONLY", "OFF"]).optional(),
  fidelity: z.enum(fidelityPolicies).optional(),
}) satisfies z.ZodType<GenerationOptions>;

/**
 * The options with defaults for what is left out.
 *
 * @throws AppError `INVALID_ARGUMENT`, for the first one out of its range.
 */
export function generationOptions(
  given: Partial<Record<Knob, number | null | undefined>> & {
    variants?: VariantMode | null;
    fidelity?: FidelityPolicy | null;
  },
  defaults: GenerationOptions,
): GenerationOptions {
  const options = { ...defaults };
  if (given.variants) {
    options.variants = given.variants === "FIRST" ? undefined : given.variants;
  }
  if (given.fidelity) {
    options.fidelity = given.fidelity;
  }
  for (const [name, [min, max, isWhole]] of Object.entries(ranges)) {
    const key = name as Knob;
    const value = given[key];
    if (value === undefined || value === null) {
      continue;
    }
    if (!(value >= min && value <= max) || (isWhole && !Number.isInteger(value))) {
      throw new AppError("INVALID_ARGUMENT", {
        argument: key,
        problem: `must be a ${isWhole ? "whole " : ""}number from ${min} to ${max}, but got ${value}`,
      });
    }
    options[key] = value;
  }
  return options;
}
