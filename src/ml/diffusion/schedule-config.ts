/**
 * @file `scheduler/scheduler_config.json` as diffusers writes it: every field is honoured, or refused by its name unless it has
 * the value that changes nothing.
 *
 * A pack's sampler may be of another class than ours: all but LCM's are run by DPM-Solver++, as in diffusers, where
 * `from_config` makes one of another's configuration. So the fields of all these classes are known here. Field names and
 * defaults are those of diffusers 0.42; https://huggingface.co/docs/diffusers/api/schedulers/overview
 */
import { z } from "zod";
import { type ModelPack } from "../runtime/model-pack.js";

/** diffusers writes null where a field is not set. */
const flag = z
  .boolean()
  .nullish()
  .transform(value => value ?? false);

const fieldsSchema = z.looseObject({
  /** Of the sampler that the pack was published with. */
  _class_name: z.string().optional(),
  num_train_timesteps: z.number().int().positive().default(1000),
  beta_start: z.number().default(0.0001),
  beta_end: z.number().default(0.02),
  beta_schedule: z.enum(["linear", "scaled_linear", "squaredcos_cap_v2"]).default("linear"),
  trained_betas: z.array(z.number()).nullish(),
  prediction_type: z.enum(["epsilon", "v_prediction", "sample"]).default("epsilon"),
  timestep_spacing: z.enum(["leading", "trailing", "linspace"]).optional(),
  steps_offset: z.number().int().default(0),
  rescale_betas_zero_snr: flag,
  /** DDIM only: what is left at the end of the last step is 1, or `alphaBar[0]`. */
  set_alpha_to_one: z.boolean().default(true),
  /** DDIM and LCM only: the predicted image is clipped to ±`clip_sample_range`. */
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  /** DPM-Solver++ only, as all that follow: 1 is DDIM, 2 looks one step back. */
  solver_order: z.literal([1, 2]).default(2),
  /** How the second order is taken; the names of other solvers stand for `midpoint`, as in diffusers. */
  solver_type: z
    .enum(["midpoint", "heun", "logrho", "bh1", "bh2"])
    .default("midpoint")
    .transform(type => (type === "heun" ? "heun" : "midpoint")),
  /** The run starts where log(α/σ) passes this; needed with the cosine schedule. */
  lambda_min_clipped: z.number().or(z.literal("-inf")).nullish(),
  /** The noise after the last step is none, or that of timestep 0. */
  final_sigmas_type: z.enum(["zero", "sigma_min"]).default("zero"),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  /** Noise levels σ/α by a formula of their own, in place of evenly spaced timesteps: at most one of the three. */
  use_karras_sigmas: flag,
  use_exponential_sigmas: flag,
  use_lu_lambdas: flag,
  /** Ends of these noise levels; default those of the schedule. */
  sigma_min: z.number().positive().nullish(),
  sigma_max: z.number().positive().nullish(),
  /** LCM only: the steps that distillation knew, and what timesteps are multiplied by in its coefficients. */
  original_inference_steps: z.number().int().positive().default(50),
  timestep_scaling: z.number().positive().default(10),
});

/** Field -> the values that change nothing here. */
const neutralValues: Readonly<Record<string, readonly unknown[]>> = {
  algorithm_type: ["dpmsolver++", "deis"], // diffusers reads DEIS's as DPM-Solver++
  interpolation_type: ["linear"],
  noise_sampler_seed: [null],
  predict_x0: [true],
  shift_terminal: [null],
  solver_p: [null],
  thresholding: [false, null],
  timestep_type: ["discrete"],
  use_beta_sigmas: [false, null],
  use_dynamic_shifting: [false, null],
  use_flow_sigmas: [false, null],
  // Of samplers that add noise; a model that learned its variance has outputs that are not read here.
  variance_type: [null, "fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"],
};

/** Without meaning here: of PNDM's first steps, UniPC's corrector, an old tensor library, and of fields refused above. */
const ignoredFields = new Set([
  "disable_corrector",
  "dynamic_thresholding_ratio",
  "flow_shift",
  "sample_max_value",
  "skip_prk_steps",
  "tensor_format",
  "time_shift_type",
]);

/** Where diffusers' classes have other defaults. */
const latentDefaults = { beta_start: 0.00085, beta_end: 0.012 };
const classDefaults: Readonly<Record<string, object>> = {
  DPMSolverSDEScheduler: latentDefaults,
  DPMSolverSinglestepScheduler: { lower_order_final: false },
  HeunDiscreteScheduler: latentDefaults,
  KDPM2AncestralDiscreteScheduler: latentDefaults,
  KDPM2DiscreteScheduler: latentDefaults,
  LCMScheduler: { ...latentDefaults, beta_schedule: "scaled_linear", clip_sample: false },
};

/** diffusers' `KarrasDiffusionSchedulers`, each of which can be made from another's configuration, and LCM. */
const supportedClasses = [
  "DDIMScheduler",
  "DDPMScheduler",
  "DEISMultistepScheduler",
  "DPMSolverMultistepScheduler",
  "DPMSolverSDEScheduler",
  "DPMSolverSinglestepScheduler",
  "EulerAncestralDiscreteScheduler",
  "EulerDiscreteScheduler",
  "HeunDiscreteScheduler",
  "KDPM2AncestralDiscreteScheduler",
  "KDPM2DiscreteScheduler",
  "LCMScheduler",
  "LMSDiscreteScheduler",
  "PNDMScheduler",
  "UniPCMultistepScheduler",
];

/**
 * The configuration of a sampler. An absent field has the default of diffusers; the spacing, whose default depends on the
 * sampler that reads it, stays undefined here and is decided there.
 */
export const scheduleConfigSchema = z
  .preprocess(withClassDefaults, fieldsSchema)
  .superRefine((fields, context) => {
    const refuse = (field: string, message: string) => {
      context.addIssue({ code: "custom", path: [field], message });
    };
    const { _class_name: name } = fields;
    if (name !== undefined && !supportedClasses.includes(name)) {
      refuse("_class_name", `must be one of ${supportedClasses.join(", ")}`);
    }
    for (const [field, value] of Object.entries(fields)) {
      const problem = problemOf(field, value);
      if (problem) {
        refuse(field, problem);
      }
    }
    const spacings = sigmaSpacings.filter(field => fields[field]);
    if (spacings.length > 1) {
      refuse(spacings[1], `cannot be used with ${spacings[0]}`);
    }
    if (spacings.length > 0 && name === "LCMScheduler") {
      refuse(spacings[0], "is not known to LCMScheduler");
    }
    if (fields.trained_betas && fields.trained_betas.length !== fields.num_train_timesteps) {
      refuse("trained_betas", `must have ${fields.num_train_timesteps} values`);
    }
  });

const sigmaSpacings = ["use_karras_sigmas", "use_exponential_sigmas", "use_lu_lambdas"] as const;

/** Why a field cannot be accepted; null if it can. */
function problemOf(field: string, value: unknown): string | null {
  if (Object.hasOwn(neutralValues, field)) {
    const allowed = neutralValues[field];
    return allowed.includes(value)
      ? null
      : `${JSON.stringify(value)} is not supported; ${allowed.map(v => JSON.stringify(v)).join(" or ")} is`;
  }
  const isKnown =
    Object.hasOwn(fieldsSchema.shape, field) || ignoredFields.has(field) || field.startsWith("_");
  const isNeutral = value === null || value === false;
  return isKnown || isNeutral ? null : "is not known, so what it changes cannot be honoured";
}

function withClassDefaults(fields: unknown): unknown {
  if (typeof fields !== "object" || fields === null || !("_class_name" in fields)) {
    return fields;
  }
  const name = String(fields._class_name);
  return { ...(Object.hasOwn(classDefaults, name) ? classDefaults[name] : {}), ...fields };
}

export type ScheduleConfig = z.infer<typeof scheduleConfigSchema>;

/** The pack's schedule. @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`. */
export function loadScheduleConfig(pack: ModelPack): Promise<ScheduleConfig> {
  return pack.readJson("scheduler/scheduler_config.json", scheduleConfigSchema);
}
