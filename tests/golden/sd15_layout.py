"""Writes tests/golden/sd15-layout/: SD-1.5's own configurations (four levels, two layers a block, twelve text layers, PNDM)
with random weights at a few channels, exported as diffusers' convert_stable_diffusion_checkpoint_to_onnx.py does (a float
timestep for each latent, `latent_sample` from the encoder), and tests/golden/sd15-layout.json: what diffusers makes of it
from the noise in sd15-layout-noise.json, which is our `new Random(seedFrom(42, 0)).normals(1024)`.

Only widths, group counts, vocabulary and picture size differ from SD-1.5; its encoder samples, ours gives the mean, so
that there is something to compare with.

Run: python tests/golden/sd15_layout.py
"""

import json
import shutil

import tiny_pack
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel

HERE = tiny_pack.HERE
PACK = tiny_pack.PACK = HERE / "sd15-layout"
LATENT = 16
PIXELS = 8 * LATENT
STEPS = 4
STRIDE = 37  # every so many values of a picture are kept

UNET = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.6.0",
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [8, 16, 16, 16],  # 320, 640, 1280, 1280
    "center_input_sample": False,
    "cross_attention_dim": 16,  # 768
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 4,  # 32
    "out_channels": 4,
    "sample_size": LATENT,  # 64
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.6.0",
    "act_fn": "silu",
    "block_out_channels": [8, 8, 8, 8],  # 128, 256, 512, 512
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 4,  # 32
    "out_channels": 3,
    "sample_size": PIXELS,  # 512
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
INDEX = {
    "_class_name": "OnnxStableDiffusionPipeline",
    "_diffusers_version": "0.6.0",
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["diffusers", "OnnxRuntimeModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "OnnxRuntimeModel"],
    "vae_decoder": ["diffusers", "OnnxRuntimeModel"],
    "vae_encoder": ["diffusers", "OnnxRuntimeModel"],
}


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def build(folder):
    """The tokenizer, written to a new folder, and the modules with their random weights; the same ones each time."""
    torch.manual_seed(15)
    tokenizer = tiny_pack.write_tokenizer(folder)
    text_config = CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=12,
                                 num_attention_heads=2, max_position_embeddings=77, hidden_act="quick_gelu",
                                 bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
    text = CLIPTextModel(text_config).eval()
    unet = UNet2DConditionModel.from_config(UNET).eval()
    vae = AutoencoderKL.from_config(VAE).eval()
    for module in (unet, vae, text):
        shake(module)
    return tokenizer, text, unet, vae


def shake(module):
    for parameter in module.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.2 / parameter[0].numel() ** 0.5)


def export_unet(unet, states, pack):
    tiny_pack.export("unet", unet, lambda x, t, s: unet(x, t, s, return_dict=False)[0],
                     {"sample": torch.randn(2, unet.config.in_channels, LATENT, LATENT), "timestep": torch.randn(2),
                      "encoder_hidden_states": states}, ["out_sample"],
                     {"sample": {0: "batch", 1: "channels", 2: "height", 3: "width"}, "timestep": {0: "batch"},
                      "encoder_hidden_states": {0: "batch", 1: "sequence"}}, pack)


def main():
    shutil.rmtree(PACK, ignore_errors=True)
    tokenizer, text, unet, vae = build(PACK / "tokenizer")

    with torch.no_grad():
        states = text(torch.zeros(2, 77, dtype=torch.long)).last_hidden_state
        tiny_pack.export("text_encoder", text, lambda ids: tuple(text(ids)[:2]),
                         {"input_ids": torch.zeros(1, 77, dtype=torch.int32)}, ["last_hidden_state", "pooler_output"],
                         {"input_ids": {0: "batch", 1: "sequence"}})
        export_unet(unet, states, PACK)
        tiny_pack.export("vae_encoder", vae, lambda x: vae.encode(x).latent_dist.mode(),
                         {"sample": torch.randn(1, 3, PIXELS, PIXELS)}, ["latent_sample"],
                         {"sample": {0: "batch", 1: "channels", 2: "height", 3: "width"}})
        tiny_pack.export("vae_decoder", vae, lambda z: vae.decode(z, return_dict=False)[0],
                         {"latent_sample": torch.randn(1, 4, LATENT, LATENT)}, ["sample"],
                         {"latent_sample": {0: "batch", 1: "channels", 2: "height", 3: "width"}})
    write_json(PACK / "unet" / "config.json", UNET)
    write_json(PACK / "vae_decoder" / "config.json", VAE)
    write_json(PACK / "vae_encoder" / "config.json", VAE)
    write_json(PACK / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_json(PACK / "model_index.json", INDEX)

    start = torch.tensor(json.loads((HERE / "sd15-layout-noise.json").read_text())).reshape(1, 4, LATENT, LATENT)
    init = torch.arange(3 * PIXELS * PIXELS).reshape(PIXELS, PIXELS, 3) * 7 % 256
    prompts = dict(prompt="the red cat", negative_prompt="blurry", guidance_scale=4.0)
    parts = dict(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, safety_checker=None, feature_extractor=None)
    cases = []
    for name, Scheduler in {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler}.items():
        pipeline = StableDiffusionPipeline(scheduler=Scheduler.from_config(SCHEDULER), requires_safety_checker=False, **parts)
        pipeline.set_progress_bar_config(disable=True)
        image = pipeline(output_type="np", latents=start.clone(), num_inference_steps=STEPS, **prompts).images[0]
        values = (image * 255).reshape(-1)[::STRIDE]
        cases.append({"scheduler": name, "numSteps": STEPS, "values": [round(float(value), 2) for value in values]})
    with torch.no_grad():
        latents = vae.encode(init.permute(2, 0, 1)[None] / 127.5 - 1).latent_dist.mode() * 0.18215
    golden = {
        "seed": 42,
        "prompt": prompts["prompt"],
        "negativePrompt": prompts["negative_prompt"],
        "guidanceScale": 4,
        "stride": STRIDE,
        "cases": cases,
        "encoded": [round(float(value), 5) for value in latents.reshape(-1)],
    }
    (HERE / "sd15-layout.json").write_text(json.dumps(golden) + "\n")
    print(max(abs(v - 127) for case in cases for v in case["values"]), latents.abs().max())


if __name__ == "__main__":
    main()
