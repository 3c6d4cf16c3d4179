"""Loads every part of a pack in Python by transformers, diffusers and ONNX Runtime, unchanged; prints a line a part.

    python pretrain/check_pack.py [--pack models/mini]

Ends with 1 when a part does not load, or when its model file does not take and give what its configuration says.
"""

import argparse
import json
import sys
from pathlib import Path

import diffusers
import numpy as np
import onnxruntime
import torch
from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer, LlamaForCausalLM

CPU = ["CPUExecutionProvider"]


def run(path, **inputs):
    session = onnxruntime.InferenceSession(str(path), providers=CPU)
    return dict(zip((o.name for o in session.get_outputs()), session.run(None, inputs)))


def config_of(folder):
    return json.loads((folder / "config.json").read_text("utf-8"))


def tokenizer(folder):
    loaded = AutoTokenizer.from_pretrained(folder)
    ids = loaded("a red cat").input_ids
    return f"{type(loaded).__name__}, {len(loaded):,} tokens; 'a red cat' -> {ids}"


def text_encoder(folder):
    config = AutoConfig.from_pretrained(folder)
    config = getattr(config, "text_config", config)
    length = config.max_position_embeddings
    ids = np.zeros((1, length), onnx_type(folder / "model.onnx", "input_ids"))
    states = run(folder / "model.onnx", input_ids=ids)["last_hidden_state"]
    assert states.shape == (1, length, config.hidden_size), states.shape
    return f"{type(config).__name__}, last_hidden_state {list(states.shape)}"


def unet(folder):
    config = diffusers.UNet2DConditionModel.load_config(folder)
    with torch.device("meta"):  # the class takes the configuration; the weights are ONNX
        model = diffusers.UNet2DConditionModel.from_config(config)
    size = config["sample_size"]
    shape = (1, config["in_channels"], size, size)
    kinds = {name: onnx_type(folder / "model.onnx", name) for name in ("sample", "timestep", "encoder_hidden_states")}
    states = np.zeros((1, 8, config["cross_attention_dim"]), kinds["encoder_hidden_states"])
    out = run(folder / "model.onnx", sample=np.zeros(shape, kinds["sample"]), timestep=np.array([1], kinds["timestep"]), encoder_hidden_states=states)["out_sample"]
    assert out.shape == (1, config["out_channels"], size, size), out.shape
    return f"UNet2DConditionModel, {sum(p.numel() for p in model.parameters()):,} parameters, {list(shape)} -> {list(out.shape)}"


def vae(folder):
    config = config_of(folder)
    with torch.device("meta"):
        getattr(diffusers, config.get("_class_name", "AutoencoderKL")).from_config(config)
    size = config_of(folder.parent / "unet")["sample_size"]
    latent, factor = config["latent_channels"], config.get("patch_size", 1) * 2 ** (len(config["block_out_channels"]) - 1)
    if folder.name == "vae_encoder":
        out = next(iter(run(folder / "model.onnx", sample=np.zeros((1, 3, size * factor, size * factor), np.float32)).values()))
        assert out.shape[1] in (latent, 2 * latent) and out.shape[2:] == (size, size), out.shape
    else:
        out = next(iter(run(folder / "model.onnx", latent_sample=np.zeros((1, latent, size, size), np.float32)).values()))
        assert out.shape == (1, 3, size * factor, size * factor), out.shape
    return f"{config.get('_class_name', 'AutoencoderKL')}, scaling factor {config.get('scaling_factor', 0.18215):.5f}, gives {list(out.shape)}"


def scheduler(folder):
    name = json.loads((folder / "scheduler_config.json").read_text("utf-8"))["_class_name"]
    made = getattr(diffusers, name).from_pretrained(folder)
    others = [diffusers.DDIMScheduler, diffusers.DPMSolverMultistepScheduler, diffusers.LCMScheduler]
    for other in others:
        other.from_config(made.config).set_timesteps(4)
    return f"{name}, {made.config.prediction_type}; also as {', '.join(o.__name__ for o in others)}"


def clip(folder):
    config = AutoConfig.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder)
    pixels = processor(np.zeros((64, 64, 3), np.uint8), return_tensors="np")["pixel_values"].astype(np.float32)
    image = run(folder / "onnx/vision_model.onnx", pixel_values=pixels)["image_embeds"]
    path = folder / "onnx/text_model.onnx"
    encoded = AutoTokenizer.from_pretrained(folder)(["a red cat"], return_tensors="np")
    names = [i.name for i in onnxruntime.InferenceSession(str(path), providers=CPU).get_inputs()]
    text = run(path, **{n: encoded[n].astype(np.int64) for n in names})["text_embeds"]
    assert image.shape == text.shape == (1, config.projection_dim), (image.shape, text.shape)
    return f"{type(config).__name__}, one space of {config.projection_dim} dimensions; {tokenizer(folder)}"


def captioner(folder):
    config = AutoConfig.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder)
    pixels = processor(np.zeros((64, 64, 3), np.uint8), return_tensors="np")["pixel_values"].astype(np.float32)
    states = next(iter(run(folder / "onnx/encoder_model.onnx", pixel_values=pixels).values()))
    onnxruntime.InferenceSession(str(folder / "onnx/decoder_model_merged.onnx"), providers=CPU)
    return f"{type(config).__name__}, encoder gives {list(states.shape)}; {tokenizer(folder)}"


def image_projection(folder):
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=CPU)
    width = session.get_inputs()[0].shape[1]
    tokens = run(folder / "model.onnx", image_embeds=np.ones((1, width), np.float32))["image_tokens"]
    return f"image_embeds [1, {width}] -> image_tokens {list(tokens.shape)}"


def llm(folder):
    model = LlamaForCausalLM.from_pretrained(folder)
    ids = AutoTokenizer.from_pretrained(folder)("a red cat", return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(ids).logits
    assert logits.shape[-1] == model.config.vocab_size and torch.isfinite(logits).all(), logits.shape
    return f"LlamaForCausalLM, {sum(p.numel() for p in model.parameters()):,} parameters, logits {list(logits.shape)}"


def style_classifier(folder):
    labels = config_of(folder)["id2label"]
    shape = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=CPU).get_inputs()[0].shape[1:]
    logits = run(folder / "model.onnx", latent_sample=np.zeros((2, *shape), np.float32))["logits"]
    assert logits.shape == (2, len(labels)), logits.shape
    return f"logits {list(logits.shape)}: {', '.join(labels.values())}"


def onnx_type(path, name):
    kinds = {i.name: i.type for i in onnxruntime.InferenceSession(str(path), providers=CPU).get_inputs()}
    return {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64, "tensor(int32)": np.int32}[kinds[name]]


PARTS = {"tokenizer": tokenizer, "text_encoder": text_encoder, "unet": unet, "vae_encoder": vae, "vae_decoder": vae,
         "scheduler": scheduler, "image_projection": image_projection, "clip": clip, "captioner": captioner, "llm": llm, "style_classifier": style_classifier}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=Path(__file__).parent.parent / "models" / "mini")
    pack = parser.parse_args().pack
    failed = 0
    for name, check in PARTS.items():
        if not (pack / name).exists():
            print(f"{name:17} absent")
            continue
        try:
            print(f"{name:17} {check(pack / name)}")
        except Exception as error:  # every part is reported before the end
            failed += 1
            print(f"{name:17} FAILED: {type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
