"""Turns a pack back into checkpoints, so that its training can resume without the original ones.

    python unpack.py --pack ../models/mini --work DIR [--parts unet]

Afterwards every stage with --work DIR resumes from the pack's weights, and export.py writes untrained parts unchanged (up to the rounding
of the stored weights). The optimiser's state and the moving average restart; the count of steps continues. A twin tells which tensor of a
file belongs to which parameter: the same module with known weights, exported by the same code.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import onnx
import torch
from diffusers import UNet2DConditionModel
from onnx import numpy_helper
from transformers import LlamaForCausalLM

from captioner import build_decoder
from latent_style_classifier import LatentStyleClassifier
from clip import build_clip, clip_heads
from common import load_stickers
from export import (
    GRAPHS, CaptionDecoder, TextEncoder, TextModel, Unet, VaeDecoder, VaeEncoder, VisionModel, caption_decoder_graph, trace,
)
from tokenizer import caption_tokenizer, clip_tokenizer
from unet import NormalisedImageProjection, build_unet, grow, plain_attention
from vae import build_vae

TOKENIZERS = {"tokenizer": "clip-tokenizer.json", "captioner": "caption-tokenizer.json", "llm": "language-tokenizer.json"}


def stored_tensors(path):
    """The weights of an ONNX file as float32, by name; this reverses `export.shrink`."""
    graph = onnx.load(path).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]].astype("float32")
        elif node.op_type == "Mul" and node.input[1] == f"{node.output[0]}.scale":
            arrays[node.output[0]] = arrays[node.input[0]] * arrays[node.input[1]]
    return arrays


def restore(module, graph, pack):
    """Fills the parameters of `module`, which must be the wrapped one, that the pack's file of `graph` holds; gives those parameters."""
    path = pack / graph.file
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data = 0.1 * torch.rand(parameter.shape, generator=generator)
    with tempfile.TemporaryDirectory() as folder:
        twin = Path(folder) / "model.onnx"
        trace(module, graph, twin)
        made = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(twin).graph.initializer}
    name_of = {values.tobytes(): (name, False) for name, values in made.items()}
    name_of |= {values.T.tobytes(): (name, True) for name, values in made.items() if values.ndim == 2}
    stored, filled = stored_tensors(path), {}
    for key, parameter in module.named_parameters():
        name, is_turned = name_of.get(parameter.detach().numpy().tobytes(), (None, False))
        if name is None:
            continue  # not in this file, such as the text tower where the image tower is written
        if name not in stored:
            raise SystemExit(f"{path} must have a tensor '{name}', as the versions of requirements.txt write it")
        values = torch.from_numpy(stored[name].copy())
        filled[parameter] = (values.T if is_turned else values).reshape(parameter.shape).contiguous()
    for parameter, values in filled.items():
        parameter.data = values
    return set(filled)


def restore_all(modules, pack):
    """`restore` for several files that may share parameters; all that were filled."""
    kept = {}
    for module, graph in modules:
        for parameter in restore(module, graph, pack):
            kept[parameter] = parameter.data
    for parameter, values in kept.items():
        parameter.data = values  # a later twin has overwritten it
    return set(kept)


def unpack_vae(stickers, work, pack):
    vae = build_vae()
    return "vae", {"vae": vae}, [(VaeEncoder(vae), GRAPHS["vae_encoder"]), (VaeDecoder(vae), GRAPHS["vae_decoder"])]


def unpack_clip(stickers, work, pack):
    clip = build_clip(clip_tokenizer(stickers, work).get_vocab_size())
    clip.logit_scale.requires_grad_(False)
    clip.logit_scale.data = torch.tensor(json.loads((pack / "clip/config.json").read_text())["logit_scale"])
    return "clip", {"clip": clip, "heads": clip_heads(stickers)}, [(TextModel(clip), GRAPHS["clip_text"]), (VisionModel(clip), GRAPHS["clip_vision"])]


def unpack_unet(stickers, work, pack):
    unet, projection = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(pack / "unet")), NormalisedImageProjection()
    clip = build_clip(clip_tokenizer(stickers, work).get_vocab_size())
    return "unet", {"unet": unet, "projection": projection, "text": clip.text_model}, [
        (Unet(plain_attention(unet)), GRAPHS["unet"]), (projection, GRAPHS["image_projection"]), (TextEncoder(clip), GRAPHS["text_encoder"])]


def unpack_captioner(stickers, work, pack):
    decoder = build_decoder(caption_tokenizer(stickers, work))
    wrapped = CaptionDecoder(decoder)
    return "captioner", {"decoder": decoder}, [(wrapped, caption_decoder_graph(wrapped))]


def unpack_language(stickers, work, pack):
    return "language", {"language": LlamaForCausalLM.from_pretrained(pack / "llm", dtype=torch.float32)}, []


def unpack_latent_style_classifier(stickers, work, pack):
    classifier = LatentStyleClassifier()
    return "latent_style_classifier", {"classifier": classifier}, [(classifier, GRAPHS["style_classifier"])]


PARTS = {"vae": unpack_vae, "clip": unpack_clip, "unet": unpack_unet, "captioner": unpack_captioner, "language": unpack_language,
         "style": unpack_latent_style_classifier}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("stickers", "pack", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--parts", default=",".join(PARTS), help="default: all")
    arguments = parser.parse_args()
    pack, work = arguments.pack, arguments.work
    work.mkdir(parents=True, exist_ok=True)
    stickers = load_stickers(arguments.stickers, work)
    for folder, name in TOKENIZERS.items():
        shutil.copy(pack / folder / "tokenizer.json", work / name)
    metrics = json.loads((pack / "metrics.json").read_text())
    shutil.copy(pack / "metrics.json", work / "metrics.json")
    for part in arguments.parts.split(","):
        name, modules, files = PARTS[part](stickers, work, pack)
        filled = restore_all(files, pack)
        learned = [p for key, module in modules.items() if files and key != "heads" for p in module.parameters() if p.requires_grad]
        missing = [p.shape for p in learned if p not in filled]
        if missing:
            raise SystemExit(f"{name}: {len(missing)} parameters must be in the pack's files, but were not found: {missing[:3]}")
        record = metrics["training"].get(name, {"steps": 0})
        if name == "unet":
            modules["unet"] = grow(modules["unet"], build_unet())
        state = {key: module.state_dict() for key, module in modules.items()}
        for stage in (name, *(["step_distillation"] if name == "unet" and "step_distillation" in metrics["training"] else [])):
            steps = metrics["training"].get(stage, record)["steps"]
            torch.save({"modules": state, "ema": None, "optimizer": None, "step": steps, "spent": 0.0}, work / f"{stage}.pt")
        print(f"{work / name}.pt: {sum(p.numel() for m in modules.values() for p in m.parameters()):,} parameters, {record['steps']:,} training steps")


if __name__ == "__main__":
    main()
