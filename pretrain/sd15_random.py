"""Writes SD-1.5's U-Net at its full width with random weights, so that the loader can be measured where the real weights
cannot be had: 860 million parameters in half precision (1.72 GB), in the layout of diffusers'
convert_stable_diffusion_checkpoint_to_onnx.py --fp16 (half-precision inputs, a timestep for each latent, the weights beside
the graph in weights.pb). The other parts are their configurations alone.

Needs about 8 GB of memory and a few minutes. The folder must not exist.

Run: python pretrain/sd15_random.py FOLDER, then: npm run bench -- sd15 --data FOLDER
"""

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path

import onnx
import torch
from diffusers import UNet2DConditionModel

# runwayml/stable-diffusion-v1-5, unet/config.json
UNET = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.6.0",
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False,
    "cross_attention_dim": 768,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.6.0",
    "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512],
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 512,
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


class Graph(torch.nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]


def export_unet(folder, in_channels):
    """The U-Net's graph and its weights, in two files."""
    half = torch.float16
    unet = UNet2DConditionModel.from_config({**UNET, "in_channels": in_channels}).eval().to(half)
    size = UNET["sample_size"]
    inputs = {
        "sample": torch.randn(2, in_channels, size, size, dtype=half),
        "timestep": torch.tensor([999, 999], dtype=half),
        "encoder_hidden_states": torch.randn(2, 77, UNET["cross_attention_dim"], dtype=half),
    }
    with tempfile.TemporaryDirectory(dir=folder) as scratch, torch.no_grad():
        torch.onnx.export(
            Graph(unet),
            tuple(inputs.values()),
            f"{scratch}/model.onnx",
            input_names=list(inputs),
            output_names=["out_sample"],
            dynamic_axes={
                "sample": {0: "batch", 1: "channels", 2: "height", 3: "width"},
                "timestep": {0: "batch"},
                "encoder_hidden_states": {0: "batch", 1: "sequence"},
            },
            opset_version=17,
            do_constant_folding=True,
            dynamo=False,
        )
        del unet
        gc.collect()
        model = onnx.load(f"{scratch}/model.onnx")
        onnx.save_model(model, str(folder / "model.onnx"), save_as_external_data=True, all_tensors_to_one_file=True,
                        location="weights.pb", convert_attribute=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--in-channels", type=int, default=4, help="9 for the inpainting layout")
    arguments = parser.parse_args()
    torch.manual_seed(15)
    started = time.monotonic()
    index = {"_class_name": "OnnxStableDiffusionPipeline", "_diffusers_version": "0.6.0"}
    configs = {
        "model_index.json": index,
        "unet/config.json": {**UNET, "in_channels": arguments.in_channels},
        "vae_decoder/config.json": VAE,
        "scheduler/scheduler_config.json": SCHEDULER,
    }
    arguments.folder.mkdir(parents=True)
    for name, config in configs.items():
        path = arguments.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(config, indent=1) + "\n")
    export_unet(arguments.folder / "unet", arguments.in_channels)
    sizes = {path.name: path.stat().st_size for path in sorted((arguments.folder / "unet").iterdir())}
    print(json.dumps({"seconds": round(time.monotonic() - started), "bytes": sizes}))


if __name__ == "__main__":
    main()
