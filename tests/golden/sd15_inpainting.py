"""Writes tests/golden/sd15-inpainting/: the U-Net of SD-1.5's inpainting model (nine channels: x_t, the mask, the latents of
the masked picture) with random weights at a few channels, for the pack of sd15_layout.py, and
tests/golden/sd15-inpainting.json: what diffusers' StableDiffusionInpaintPipeline makes of it from the noise in
sd15-layout-noise.json.

Its encoder samples, ours gives the mean, so that there is something to compare with.

Run: python tests/golden/sd15_inpainting.py
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy
import sd15_layout
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from sd15_layout import HERE, LATENT, PIXELS, SCHEDULER, STEPS, STRIDE, UNET

PACK = HERE / "sd15-inpainting"
CHANNELS = 9
# What is kept, in pixels: left, top, right, bottom. Not on the 8-pixel grid of the latents.
KEPT = (35, 20, 101, 90)


def main():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, text, _, vae = sd15_layout.build(Path(folder) / "tokenizer")
    known = json.loads((HERE / "sd15-layout.json").read_text())["encoded"]
    init = (numpy.arange(3 * PIXELS * PIXELS).reshape(PIXELS, PIXELS, 3) * 7 % 256).astype(numpy.uint8)
    with torch.no_grad():
        pixels = torch.tensor(init).permute(2, 0, 1)[None] / 127.5 - 1
        latents = vae.encode(pixels).latent_dist.mode() * 0.18215
        assert (latents.reshape(-1) - torch.tensor(known)).abs().max() < 1e-4, "not the weights of sd15-layout"
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mode()

    torch.manual_seed(16)
    unet = UNet2DConditionModel.from_config({**UNET, "in_channels": CHANNELS}).eval()
    sd15_layout.shake(unet)
    shutil.rmtree(PACK, ignore_errors=True)
    with torch.no_grad():
        states = text(torch.zeros(2, 77, dtype=torch.long)).last_hidden_state
        sd15_layout.export_unet(unet, states, PACK)
    sd15_layout.write_json(PACK / "unet" / "config.json", {**UNET, "in_channels": CHANNELS})

    start = torch.tensor(json.loads((HERE / "sd15-layout-noise.json").read_text())).reshape(1, 4, LATENT, LATENT)
    left, top, right, bottom = KEPT
    redrawn = numpy.full((PIXELS, PIXELS), 255, numpy.uint8)
    redrawn[top:bottom, left:right] = 0
    prompts = dict(prompt="the red cat", negative_prompt="blurry", guidance_scale=4.0)
    parts = dict(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, safety_checker=None, feature_extractor=None)
    cases = []
    for name, Scheduler in {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler}.items():
        pipeline = StableDiffusionInpaintPipeline(scheduler=Scheduler.from_config(SCHEDULER), requires_safety_checker=False,
                                                  **parts)
        pipeline.set_progress_bar_config(disable=True)
        image = pipeline(image=Image.fromarray(init), mask_image=Image.fromarray(redrawn), height=PIXELS, width=PIXELS,
                         output_type="np", latents=start.clone(), num_inference_steps=STEPS, strength=1.0,
                         **prompts).images[0]
        values = (image * 255).reshape(-1)[::STRIDE]
        cases.append({"scheduler": name, "numSteps": STEPS, "values": [round(float(value), 2) for value in values]})
    golden = {
        "seed": 42,
        "prompt": prompts["prompt"],
        "negativePrompt": prompts["negative_prompt"],
        "guidanceScale": 4,
        "stride": STRIDE,
        "kept": KEPT,
        "cases": cases,
    }
    (HERE / "sd15-inpainting.json").write_text(json.dumps(golden) + "\n")
    print(max(abs(v - 127) for case in cases for v in case["values"]))


if __name__ == "__main__":
    main()
