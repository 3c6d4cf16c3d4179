"""Writes tests/golden/tiny-sd15/: a random Stable Diffusion 1.x pipeline in its ONNX layout, small enough for git,
and tests/golden/tiny-sd15.json: the pictures that diffusers' own pipelines make of it from the noise in tiny-noise.json,
which is our `new Random(seedFrom(42, 0)).normals(256)`. tests/golden/tiny-pix2pix/unet/ is a U-Net for the same pack that sees
the picture to be redrawn beside the noise, as InstructPix2Pix; its picture is in the same JSON file.

Run: python tests/golden/tiny_pack.py
"""

import json
import math
import shutil
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    PNDMScheduler,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

torch.manual_seed(7)
torch.set_num_threads(1)
HERE = Path(__file__).parent
OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
PACK, PIX2PIX = OUT / "tiny-sd15", OUT / "tiny-pix2pix"
LATENT = 8
PIXELS = 16


def bytes_to_unicode():
    """OpenAI's table of printable stand-ins for bytes."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in kept]
    table = {byte: chr(byte) for byte in kept}
    table.update({byte: chr(256 + i) for i, byte in enumerate(rest)})
    return table


def write_tokenizer(folder):
    folder.mkdir(parents=True)
    letters = list(bytes_to_unicode().values())
    merges = [("c", "a"), ("ca", "t</w>"), ("r", "e"), ("re", "d</w>"), ("t", "h"), ("th", "e</w>")]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges)]
    vocab = {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    config = {
        "add_prefix_space": False,
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
    return CLIPTokenizer.from_pretrained(folder)


class Wrapped(torch.nn.Module):
    def __init__(self, call):
        super().__init__()
        self.call = call

    def forward(self, *inputs):
        return self.call(*inputs)


def export(name, module, call, inputs, outputs, axes, pack=None):
    folder = (pack or PACK) / name
    folder.mkdir(parents=True, exist_ok=True)
    wrapped = Wrapped(call)
    wrapped.module = module
    torch.onnx.export(
        wrapped.eval(),
        tuple(inputs.values()),
        str(folder / "model.onnx"),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    config = {key: value for key, value in dict(module.config.to_dict() if hasattr(module.config, "to_dict")
                                                 else module.config).items() if key != "_name_or_path"}
    config.setdefault("_class_name", type(module).__name__)
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=str))


def build_unet(in_channels):
    return UNet2DConditionModel(sample_size=LATENT, in_channels=in_channels, block_out_channels=(8, 8), layers_per_block=1,
                                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16,
                                attention_head_dim=4, norm_num_groups=4).eval()


def shake(module):
    for parameter in module.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.4 / math.sqrt(parameter[0].numel()))


def export_unet(unet, latents, states, pack):
    export("unet", unet, lambda x, t, s: unet(x, t, s, return_dict=False)[0],
           {"sample": latents, "timestep": torch.tensor([5]), "encoder_hidden_states": states}, ["out_sample"],
           {"sample": {0: "batch", 2: "height", 3: "width"}, "timestep": {0: "steps"},
            "encoder_hidden_states": {0: "batch", 1: "sequence"}}, pack)


def main():
    shutil.rmtree(PACK, ignore_errors=True)
    tokenizer = write_tokenizer(PACK / "tokenizer")
    text = CLIPTextModel(CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16,
                                        num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=77,
                                        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)).eval()
    unet = build_unet(4)
    vae = AutoencoderKL(block_out_channels=(4, 8), down_block_types=("DownEncoderBlock2D",) * 2,
                        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4, layers_per_block=1,
                        latent_channels=4, scaling_factor=0.18215, sample_size=PIXELS).eval()
    for module in (unet, vae, text):
        shake(module)
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                              skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False)
    scheduler.save_pretrained(PACK / "scheduler")
    config = json.loads((PACK / "scheduler" / "scheduler_config.json").read_text())
    config.pop("timestep_spacing")  # as SD-1.5's own file
    config["clip_sample"] = False
    (PACK / "scheduler" / "scheduler_config.json").write_text(json.dumps(config, indent=1))
    index = {"_class_name": "OnnxStableDiffusionPipeline", "unet": ["diffusers", "OnnxRuntimeModel"]}
    (PACK / "model_index.json").write_text(json.dumps(index, indent=1))

    latents = torch.randn(2, 4, LATENT, LATENT)
    with torch.no_grad():
        states = text(torch.zeros(2, 77, dtype=torch.long)).last_hidden_state
        export("text_encoder", text, lambda ids: tuple(text(ids)[:2]),
               {"input_ids": torch.zeros(2, 77, dtype=torch.int32)}, ["last_hidden_state", "pooler_output"],
               {"input_ids": {0: "batch", 1: "sequence"}})
        export_unet(unet, latents, states, PACK)
        export("vae_encoder", vae, lambda x: vae.encode(x).latent_dist.parameters,
               {"sample": torch.randn(1, 3, PIXELS, PIXELS)}, ["latent_parameters"], {"sample": {0: "batch"}})
        export("vae_decoder", vae, lambda z: vae.decode(z, return_dict=False)[0],
               {"latent_sample": latents}, ["sample"], {"latent_sample": {0: "batch"}})

    def noise(length):
        return torch.tensor([math.sin(12.9898 * i) + math.sin(78.233 * i + 1) for i in range(length)])

    def picture(pipeline, **options):
        result = pipeline(output_type="np", **options).images[0]
        return [round(float(value) * 255, 2) for value in result.reshape(-1)]

    parts = dict(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, safety_checker=None,
                 feature_extractor=None)
    start = torch.tensor(json.loads((HERE / "tiny-noise.json").read_text())).reshape(1, 4, LATENT, LATENT)
    init = ((noise(3 * PIXELS * PIXELS) + 2) * 63).round().reshape(PIXELS, PIXELS, 3)
    prompts = dict(prompt="The red CAT,  isn't 3 café!", negative_prompt="blurry", guidance_scale=4.0)
    schedulers = {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler}
    cases = []
    for name, Scheduler in schedulers.items():
        pipeline = StableDiffusionPipeline(scheduler=Scheduler.from_config(config), requires_safety_checker=False, **parts)
        pipeline.set_progress_bar_config(disable=True)
        cases.append({"scheduler": name, "numSteps": 6,
                      "pixels": picture(pipeline, latents=start.clone(), num_inference_steps=6, **prompts)})
        # As StableDiffusionImg2ImgPipeline, with the distribution's mean and the noise given.
        scheduler = Scheduler.from_config(config)
        scheduler.set_timesteps(6)
        first = 6 - int(6 * 0.5)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        with torch.no_grad():
            pixels = init.permute(2, 0, 1)[None] / 127.5 - 1
            original = vae.encode(pixels).latent_dist.mode() * vae.config.scaling_factor
            x = scheduler.add_noise(original, start, scheduler.timesteps[first:first + 1])
            positive, negative = pipeline.encode_prompt(prompts["prompt"], "cpu", 1, True, prompts["negative_prompt"])
            for t in scheduler.timesteps[first:]:
                out = unet(torch.cat([x, x]), t, torch.cat([negative, positive])).sample
                unconditional, conditional = out.chunk(2)
                x = scheduler.step(unconditional + 4 * (conditional - unconditional), t, x).prev_sample
            out = (vae.decode(x / vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0)
            cases.append({"scheduler": name, "numSteps": 6, "strength": 0.5,
                          "pixels": [round(float(value) * 255, 2) for value in out.reshape(-1)]})
    beside = build_unet(8)
    shake(beside)
    shutil.rmtree(PIX2PIX, ignore_errors=True)
    with torch.no_grad():
        export_unet(beside, torch.cat([latents, latents], 1), states, PIX2PIX)
    pipeline = StableDiffusionInstructPix2PixPipeline(scheduler=DDIMScheduler.from_config(config), requires_safety_checker=False,
                                                      **{**parts, "unet": beside})
    pipeline.set_progress_bar_config(disable=True)
    redrawn = picture(pipeline, image=init.permute(2, 0, 1)[None] / 255, latents=start.clone(), num_inference_steps=6,
                      image_guidance_scale=1.0, **prompts)
    texts = ["The red CAT,  isn't 3 café!", "", "the the cat\n red", "再 Ünï 😀 <|endoftext|> x" + " cat" * 90]
    golden = {
        "seed": 42,
        "texts": texts,
        "inputIds": tokenizer(texts, padding="max_length", truncation=True, max_length=77).input_ids,
        "prompt": prompts["prompt"],
        "negativePrompt": prompts["negative_prompt"],
        "guidanceScale": 4,
        "initPixels": [int(value) for value in init.reshape(-1)],
        "cases": cases,
        "redrawn": {"scheduler": "ddim", "numSteps": 6, "pixels": redrawn},
    }
    (OUT / "tiny-sd15.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
