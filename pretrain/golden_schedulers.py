"""Writes tests/golden/schedulers.json: trajectories of diffusers' own DDIM, DPM-Solver++ and LCM schedulers.

The "model" is a formula that both sides can compute, so that no weights are needed:

    output[i] = 0.35 * sample[i] + 0.5 * sin(timestep / 100 + i)

and so is the noise that LCM adds after its k-th step, in place of random numbers:

    noise[i] = cos(3 k + i)

Run: python pretrain/golden_schedulers.py
"""

import json
import math
from pathlib import Path

import diffusers
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, LCMScheduler
from diffusers.schedulers import scheduling_lcm

STABLE_DIFFUSION = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "clip_sample": False,
    "steps_offset": 1,
}
COSINE = {"beta_schedule": "squaredcos_cap_v2", "clip_sample": False}
SHORT = {"num_train_timesteps": 400, "beta_schedule": "linear", "clip_sample": False}

# (scheduler, configuration, number of steps, strength)
CASES = [
    ("ddim", STABLE_DIFFUSION, 12, 1.0),
    ("ddim", STABLE_DIFFUSION, 20, 0.6),
    ("ddim", {**STABLE_DIFFUSION, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 7, 1.0),
    ("ddim", {**STABLE_DIFFUSION, "timestep_spacing": "trailing", "prediction_type": "v_prediction",
              "rescale_betas_zero_snr": True}, 5, 1.0),
    ("ddim", {**STABLE_DIFFUSION, "timestep_spacing": "linspace", "prediction_type": "sample"}, 6, 1.0),
    ("ddim", {"beta_schedule": "linear"}, 8, 1.0),
    ("ddim", COSINE, 9, 0.5),
    ("ddim", {"num_train_timesteps": 10, "trained_betas": [round(0.01 * (i + 1), 2) for i in range(10)]}, 4, 1.0),
    ("dpm++", STABLE_DIFFUSION, 12, 1.0),
    ("dpm++", STABLE_DIFFUSION, 20, 0.6),
    ("dpm++", {**STABLE_DIFFUSION, "timestep_spacing": "leading"}, 10, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 7, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "timestep_spacing": "trailing", "prediction_type": "v_prediction",
               "rescale_betas_zero_snr": True}, 5, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "prediction_type": "sample"}, 6, 1.0),
    ("dpm++", {**COSINE, "lambda_min_clipped": -5.1}, 9, 0.5),
    ("dpm++", {**STABLE_DIFFUSION, "final_sigmas_type": "sigma_min"}, 20, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "final_sigmas_type": "sigma_min"}, 8, 1.0),
    ("dpm++", SHORT, 1, 1.0),
    ("ddim", {**STABLE_DIFFUSION, "prediction_type": "v_prediction"}, 12, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "prediction_type": "v_prediction"}, 12, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "prediction_type": "v_prediction"}, 12, 0.6),
    ("lcm", {"_class_name": "LCMScheduler"}, 4, 1.0),
    ("lcm", STABLE_DIFFUSION, 8, 1.0),
    ("lcm", {**STABLE_DIFFUSION, "prediction_type": "v_prediction"}, 7, 1.0),
    ("lcm", {**STABLE_DIFFUSION, "prediction_type": "sample", "clip_sample": True, "clip_sample_range": 0.8}, 3, 1.0),
    ("lcm", {**STABLE_DIFFUSION, "original_inference_steps": 25, "timestep_scaling": 0.01}, 6, 0.6),
    ("lcm", {**STABLE_DIFFUSION, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}, 1, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "use_karras_sigmas": True}, 10, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "use_karras_sigmas": True, "prediction_type": "v_prediction"}, 20, 0.6),
    ("dpm++", {**STABLE_DIFFUSION, "use_karras_sigmas": True, "rescale_betas_zero_snr": True,
               "prediction_type": "v_prediction"}, 7, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "use_exponential_sigmas": True}, 10, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "use_lu_lambdas": True, "final_sigmas_type": "sigma_min"}, 9, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "solver_type": "heun"}, 12, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "solver_type": "heun", "use_karras_sigmas": True, "euler_at_final": True}, 16, 0.7),
    ("dpm++", {**STABLE_DIFFUSION, "solver_type": "bh2"}, 6, 1.0),
    ("dpm++", {**STABLE_DIFFUSION, "solver_order": 1}, 6, 1.0),
]

# The classes whose configurations can be read; DPMSolverSDEScheduler needs another library to be made.
KNOWN = [
    "DDIMScheduler", "DDPMScheduler", "DEISMultistepScheduler", "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler", "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler",
    "LCMScheduler", "LMSDiscreteScheduler", "PNDMScheduler", "UniPCMultistepScheduler",
]

CLASSES = {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler, "lcm": LCMScheduler}
SAMPLE = [1.2, -0.7, 0.05, -2.1]
NOISE = [0.4, -1.1, 0.9, 0.2]


def model(sample, timestep):
    phase = [math.sin(timestep / 100 + i) for i in range(sample.numel())]
    return 0.35 * sample + 0.5 * torch.tensor(phase, dtype=torch.float32)


def run(name, config, num_steps, strength):
    known = CLASSES[name].__init__.__wrapped__.__code__.co_varnames
    scheduler = CLASSES[name](**{key: value for key, value in config.items() if key in known})
    scheduler.set_timesteps(num_steps)
    # StableDiffusionImg2ImgPipeline.get_timesteps
    start = max(num_steps - min(int(num_steps * strength), num_steps), 0)
    timesteps = scheduler.timesteps[start:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    sample = torch.tensor(SAMPLE)
    noise = torch.tensor(NOISE)
    noised = scheduler.add_noise(sample[None], noise[None], timesteps[:1])[0]
    trajectory = []
    for k, timestep in enumerate(timesteps):
        scheduling_lcm.randn_tensor = lambda shape, **_: torch.cos(3.0 * k + torch.arange(shape[-1]))[None]
        output = model(sample, timestep.item())
        sample = scheduler.step(output[None], timestep, sample[None]).prev_sample[0]
        trajectory.append([round(value, 6) for value in sample.tolist()])
    return {
        "scheduler": name,
        "config": config,
        "numSteps": num_steps,
        "strength": strength,
        "timesteps": timesteps.tolist(),
        "noised": [round(value, 6) for value in noised.tolist()],
        "trajectory": trajectory,
    }


def defaults(cls):
    """The fields that the class writes when nothing is set."""
    config = json.loads(cls().to_json_string(), parse_constant=lambda _: "-inf")
    return {field: value for field, value in config.items() if not field.startswith("_")}


def main():
    golden = {
        "source": f"diffusers {diffusers.__version__}, pretrain/golden_schedulers.py",
        "sample": SAMPLE,
        "noise": NOISE,
        "defaults": {name: defaults(getattr(diffusers, name)) for name in KNOWN},
        "cases": [run(*case) for case in CASES],
    }
    path = Path(__file__).parent.parent / "tests" / "golden" / "schedulers.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
