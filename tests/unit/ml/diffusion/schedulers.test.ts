import { readFileSync } from "node:fs";
import { jest } from "@jest/globals";
import { createScheduler, schedulerOf } from "../../../../src/ml/diffusion/create-scheduler.js";
import { boundaryCoefficients } from "../../../../src/ml/diffusion/lcm-scheduler.js";
import { scheduleConfigSchema } from "../../../../src/ml/diffusion/schedule-config.js";
import { alphaBar, firstStep } from "../../../../src/ml/diffusion/schedule.js";
import { type SchedulerName } from "../../../../src/ml/diffusion/scheduler.js";

interface GoldenCase {
  scheduler: SchedulerName;
  config: Record<string, unknown>;
  numSteps: number;
  strength: number;
  timesteps: number[];
  noised: number[];
  trajectory: number[][];
}

// Made by diffusers' own schedulers: pretrain/golden_schedulers.py, whose "model" is the formula below.
const golden = JSON.parse(readFileSync("tests/golden/schedulers.json", "utf8")) as {
  sample: number[];
  noise: number[];
  defaults: Record<string, Record<string, unknown>>;
  cases: GoldenCase[];
};

const model = (sample: Float32Array, timestep: number) =>
  sample.map((x, i) => 0.35 * x + 0.5 * Math.sin(timestep / 100 + i));

/** The noise of LCM's k-th step, which golden_schedulers.py uses in place of random numbers. */
const goldenNoise = () => {
  let k = 0;
  return (length: number) => {
    const noise = Float32Array.from({ length }, (_, i) => Math.cos(3 * k + i));
    k++;
    return noise;
  };
};

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])));

const stableDiffusion = scheduleConfigSchema.parse({
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  set_alpha_to_one: false,
  clip_sample: false,
  steps_offset: 1,
});

const title = ({ scheduler, numSteps, config }: GoldenCase) =>
  `${scheduler}, ${numSteps} steps, ${JSON.stringify(config).replace(/"|"trained_betas.*]/g, "")}`;

describe.each(golden.cases.map(c => [title(c), c] as const))(
  "%s",
  (_, { scheduler: name, config, numSteps, strength, ...expected }) => {
    const first = firstStep(numSteps, strength);
    const create = () =>
      createScheduler(name, scheduleConfigSchema.parse(config), numSteps, goldenNoise());

    it("visits diffusers' timesteps", () => {
      const { timesteps } = create();
      // These are truncated, so the last digit of single precision decides between two neighbours.
      const tolerance = config.use_exponential_sigmas ? 1 : 0;
      expect(timesteps.slice(first)).toHaveLength(expected.timesteps.length);
      expect(largestDifference(timesteps.slice(first), expected.timesteps)).toBeLessThanOrEqual(
        tolerance,
      );
    });

    it("adds noise as diffusers does", () => {
      const noised = create().addNoise(
        Float32Array.from(golden.sample),
        Float32Array.from(golden.noise),
        first,
      );
      expect(largestDifference(noised, expected.noised)).toBeLessThan(1e-4);
    });

    it("follows diffusers' trajectory", () => {
      const scheduler = create();
      let latents = Float32Array.from(golden.sample);
      expected.timesteps.forEach((t, i) => {
        latents = Float32Array.from(scheduler.step(model(latents, t), first + i, latents).latents);
        const scale = Math.max(1, ...expected.trajectory[i].map(Math.abs));
        expect(largestDifference(latents, expected.trajectory[i]) / scale).toBeLessThan(1e-4);
      });
    });
  },
);

describe.each(["ddim", "dpm++"] as const)("createScheduler(%s)", name => {
  // If the model always predicts the true image, any sampler must end at it.
  it("ends at the image that the model predicts", () => {
    const truth = Float32Array.of(0.3, -0.8, 0.5);
    const config = {
      ...stableDiffusion,
      prediction_type: "sample",
      set_alpha_to_one: true,
    } as const;
    const scheduler = createScheduler(name, config, 6);
    let latents: Float32Array = Float32Array.of(1, 2, -1);
    scheduler.timesteps.forEach((_, i) => {
      latents = scheduler.step(truth, i, latents).latents;
    });
    expect(largestDifference(latents, truth)).toBeLessThan(1e-6);
  });

  it("predicts the same image from noise, velocity and image", () => {
    const [x, original] = [Float32Array.of(0.9, -0.4), Float32Array.of(0.2, 0.1)];
    const base = createScheduler(name, { ...stableDiffusion, prediction_type: "sample" }, 5);
    const alpha = Math.sqrt(alphaBar(stableDiffusion)[base.timesteps[0]]);
    const sigma = Math.sqrt(1 - alpha ** 2);
    const noise = x.map((value, i) => (value - alpha * original[i]) / sigma);
    const velocity = noise.map((value, i) => alpha * value - sigma * original[i]);
    const expected = base.step(original, 0, x).latents;
    for (const [prediction_type, output] of [
      ["epsilon", noise],
      ["v_prediction", velocity],
    ] as const) {
      const scheduler = createScheduler(name, { ...stableDiffusion, prediction_type }, 5);
      expect(largestDifference(scheduler.step(output, 0, x).latents, expected)).toBeLessThan(1e-5);
    }
  });

  it.each([0, 1.5, 1001])("refuses %d steps", numSteps => {
    expect(() => createScheduler(name, stableDiffusion, numSteps)).toThrow("numSteps must be");
  });
});

describe("createScheduler(lcm)", () => {
  const config = { ...stableDiffusion, original_inference_steps: 4 };

  it("draws noise for every step but the last", () => {
    const drawNoise = jest.fn((length: number) => new Float32Array(length));
    const scheduler = createScheduler("lcm", config, 3, drawNoise);
    scheduler.timesteps.forEach((_, i) =>
      scheduler.step(Float32Array.of(0.1), i, Float32Array.of(1)),
    );
    expect(drawNoise.mock.calls).toEqual([[1], [1]]);
  });

  it("refuses more steps than the model was distilled on", () => {
    const create = () => createScheduler("lcm", config, 5, length => new Float32Array(length));
    expect(create).toThrow("numSteps must be at most 4");
  });

  it("needs a source of noise", () => {
    expect(() => createScheduler("lcm", config, 2)).toThrow("expected a source of noise");
  });

  // Song et al. 2023: f(x, ε) = x. Far from it only the predicted image counts.
  it("keeps a noise-free input, and trusts the model for pure noise", () => {
    expect(boundaryCoefficients(0)).toEqual({ skip: 1, out: 0 });
    const { skip, out } = boundaryCoefficients(10_000);
    expect(skip).toBeLessThan(1e-8);
    expect(out).toBeCloseTo(1, 8);
  });
});

describe("schedulerOf()", () => {
  it.each([
    ["LCMScheduler", "lcm"],
    ["PNDMScheduler", "dpm++"],
    ["DDIMScheduler", "dpm++"],
    [undefined, "dpm++"],
  ])("of %s is %s", (_class_name, expected) => {
    expect(schedulerOf(scheduleConfigSchema.parse({ _class_name }))).toBe(expected);
  });

  it("ignores samplers of another family", () => {
    const { error } = scheduleConfigSchema.safeParse({
      _class_name: "FlowMatchEulerDiscreteScheduler",
    });
    expect(error?.issues[0].path).toEqual(["_class_name"]);
  });
});

describe("scheduleConfigSchema", () => {
  const karras = () =>
    JSON.parse(readFileSync("tests/fixtures/inputs/bugs/scheduler_config.karras.json", "utf8")) as {
      _class_name: string;
    };

  it("accepts Karras's noise levels", () => {
    const config = scheduleConfigSchema.parse(karras());
    expect(createScheduler("dpm++", config, 10).timesteps).toEqual([
      999, 916, 815, 687, 523, 327, 146, 41, 7, 0,
    ]);
  });

  it.each([
    ["algorithm_type", "sde-dpmsolver++"],
    ["algorithm_type", "dpmsolver"],
    ["beta_schedule", "sigmoid"],
    ["interpolation_type", "log_linear"],
    ["predict_x0", false],
    ["prediction_type", "flow_prediction"],
    ["shift_terminal", 0.02],
    ["snr_shift_scale", 3],
    ["solver_order", 3],
    ["solver_p", ["diffusers", "DPMSolverMultistepScheduler"]],
    ["thresholding", true],
    ["timestep_type", "continuous"],
    ["trained_betas", [0.1, 0.2]],
    ["use_beta_sigmas", true],
    ["use_dynamic_shifting", true],
    ["use_exponential_sigmas", true], // beside Karras's
    ["use_flow_sigmas", true],
    ["use_lu_lambdas", true],
    ["variance_type", "learned_range"],
  ])("refuses %s %p by name", (field, value) => {
    const { error } = scheduleConfigSchema.safeParse({ ...karras(), [field]: value });
    expect(error?.issues.map(({ path }) => path)).toEqual([[field]]);
  });

  it("refuses Karras's noise levels for LCM by name", () => {
    const { error } = scheduleConfigSchema.safeParse({ ...karras(), _class_name: "LCMScheduler" });
    expect(error?.issues[0].path).toEqual(["use_karras_sigmas"]);
  });

  // Every class with every field at its default, as diffusers 0.42.1 writes it.
  it.each(Object.entries(golden.defaults))("takes the defaults of %s", (_class_name, fields) => {
    expect(scheduleConfigSchema.safeParse({ _class_name, ...fields }).error).toBeUndefined();
  });

  it("has each class's defaults for absent fields", () => {
    for (const [_class_name, fields] of Object.entries(golden.defaults)) {
      const config = scheduleConfigSchema.parse({ _class_name });
      for (const field of ["beta_start", "beta_end", "beta_schedule", "num_train_timesteps"]) {
        expect([_class_name, field, config[field]]).toEqual([_class_name, field, fields[field]]);
      }
    }
  });
});

describe("alphaBar()", () => {
  it("is the product of 1 - β", () => {
    const config = scheduleConfigSchema.parse({
      num_train_timesteps: 2,
      trained_betas: [0.5, 0.2],
    });
    expect(Array.from(alphaBar(config))).toEqual([0.5, 0.4]);
  });

  it("ends at exactly 0 with zero terminal signal, and keeps its start", () => {
    const rescaled = alphaBar({ ...stableDiffusion, rescale_betas_zero_snr: true });
    expect(rescaled[999]).toBe(0);
    expect(rescaled[0]).toBeCloseTo(alphaBar(stableDiffusion)[0], 12);
  });
});

describe("firstStep()", () => {
  it.each([
    [12, 1, 0],
    [12, 0.5, 6],
    [20, 0.6, 8],
    [10, 0.35, 7], // floor(3.5) = 3 steps are made
  ])("of %d steps at strength %d is %d", (numSteps, strength, expected) => {
    expect(firstStep(numSteps, strength)).toBe(expected);
  });

  it.each([0, -1, 1.1, NaN])("refuses the strength %d", strength => {
    expect(() => firstStep(10, strength)).toThrow("strength must be above 0");
  });

  it("refuses a strength that leaves no step", () => {
    expect(() => firstStep(4, 0.2)).toThrow("must leave at least one of 4 steps");
  });
});
