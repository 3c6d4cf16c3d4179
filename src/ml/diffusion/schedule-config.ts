/**
 * @file `scheduler/scheduler_config.json` as diffusers writes it: every field is honoured, or refused by name unless its
 * value is neutral.
 *
 * A pack's sampler may be of another class than ours: all but LCM's run with DPM-Solver++, as diffusers' `from_config`
 * allows. So the fields of all these classes are known here. Field names and defaults are those of diffusers 0.42;
 * https://huggingface.co/docs/diffusers/api/schedulers/overview
 */
import { z } from "zod";
import { type ModelPack } from "../runtime/model-pack.js";

/** diffusers writes null for an unset field. */
const flag = z
  .boolean()
  .nullish()
  .transform(value => value ?? false);

const fieldsSchema = z.looseObject({
  /** Class of the sampler that the pack was published with. */
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
  /** DDIM only: ᾱ after the last step is 1, or `alphaBar[0]`. */
  set_alpha_to_one: z.boolean().default(true),
  /** DDIM and LCM only: the predicted image is clipped to ±`clip_sample_range`. */
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  /** DPM-Solver++ only, like all that follow: 1 is DDIM, 2 uses the previous step too. */
  solver_order: z.literal([1, 2]).default(2),
  /** Kind of second order; other solvers' names mean `midpoint`, as in diffusers. */
  solver_type: z
    .enum(["midpoint", "heun", "logrho", "bh1", "bh2"])
    .default("midpoint")
    .transform(type => (type === "heun" ? "heun" : "midpoint")),
  /** The run starts where log(α/σ) exceeds this; needed with the cosine schedule. */
  lambda_min_clipped: z.number().or(z.literal("-inf")).nullish(),
  /** The noise after the last step: none, or that of timestep 0. */
  final_sigmas_type: z.enum(["zero", "sigma_min"]).default("zero"),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  /** Spaces noise levels σ/α by a formula instead of timesteps: at most one of the three. */
  use_karras_sigmas: flag,
  use_exponential_sigmas: flag,
  use_lu_lambdas: flag,
  /** Limits of these noise levels; default those of the schedule. */
  sigma_min: z.number().positive().nullish(),
  sigma_max: z.number().positive().nullish(),
  /** LCM only: the distillation's steps, and the factor of timesteps in its coefficients. */
  original_inference_steps: z.number().int().positive().default(50),
  timestep_scaling: z.number().positive().default(10),
});

/** Field -> its neutral values. */
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
  // Of samplers that add noise. A model that learned its variance has outputs that are not read here.
  variance_type: [null, "fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"],
};

/** No effect here: PNDM's first steps, UniPC's corrector, an old tensor library, and fields refused above. */
const ignoredFields = new Set([
  "disable_corrector",
  "dynamic_thresholding_ratio",
  "flow_shift",
  "sample_max_value",
  "skip_prk_steps",
  "tensor_format",
  "time_shift_type",
]);

/** Defaults of diffusers' latent classes where they differ. */
const latentDefaults = { beta_start: 0.00085, beta_end: 0.012 };
const classDefaults: Readonly<Record<string, object>> = {
  DPMSolverSDEScheduler: latentDefaults,
  DPMSolverSinglestepScheduler: { lower_order_final: false },
  HeunDiscreteScheduler: latentDefaults,
  KDPM2AncestralDiscreteScheduler: latentDefaults,
  KDPM2DiscreteScheduler: latentDefaults,
  LCMScheduler: { ...latentDefaults, beta_schedule: "scaled_linear", clip_sample: false },
};

/** diffusers' `KarrasDiffusionSchedulers`, which can be created from one another's configuration, and LCM. */
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
 * The configuration of a sampler. An absent field has the default of diffusers; the spacing's default depends on the
 * sampler, so it stays undefined here.
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

/** Why a field is refused; null if it is accepted. */
function problemOf(field: string, value: unknown): string | null {
  if (Object.hasOwn(neutralValues, field)) {
    const allowed = neutralValues[field];
    return allowed.includes(value)
      ? null
      : `${JSON.stringify(value)} is not supported; expected ${allowed.map(v => JSON.stringify(v)).join(" or ")}`;
  }
  const isKnown =
    Object.hasOwn(fieldsSchema.shape, field) || ignoredFields.has(field) || field.startsWith("_");
  const isNeutral = value === null || value === false;
  return isKnown || isNeutral ? null : "is unknown, so its effect cannot be honoured";
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
