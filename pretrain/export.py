"""Writes the pack: every model as ONNX in the usual Hugging Face layout, tokenizers, scheduler, manifest, card.

Inputs and outputs are float32. Weights are stored as float16, or as int8 with one scale a channel (the CLIP towers and
the captioner), behind Cast (and Mul) nodes, which ONNX Runtime folds away when it loads the file.
"""

import argparse
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from captioner import MAX_TOKENS, trained_decoder
from latent_style_classifier import load_latent_style_classifier
from clip import EMBEDDING, WIDTH, trained_clip
from common import EXEMPLAR_STYLES, SIZE, fit_to_extent, style_extents, hold_out, load_module, load_stickers, choose_exemplars
from prompts import STYLE_WORDS, style_words
from language import export_language
from tokenizer import MAX_LENGTH, caption_tokenizer, clip_tokenizer, write_caption_tokenizer, write_clip_tokenizer
from unet import IMAGE_TOKENS, SCHEDULE, NormalisedImageProjection, build_unet, last_stage, plain_attention, trained_text_encoder
from vae import LATENT_CHANNELS, PATCH, trained_vae

OPSET = 17
DRAWN = {"default_strength": 1.0, "default_num_steps": 2, "default_guidance_scale": 1.0, "default_num_drafts": 2}  # see step_distillation.py and latent_style_classifier.py
PARITY = {}  # by file: the difference between ONNX and PyTorch, before and after the weights are compressed
ATTRIBUTION = [
    {"style": "fluent-3d", "work": "Fluent Emoji 3D", "author": "Microsoft Corporation", "license": "MIT", "url": "https://github.com/microsoft/fluentui-emoji", "package": "@lobehub/fluent-emoji-3d@1.1.0"},
    {"style": "fluent-flat", "work": "Fluent Emoji Flat", "author": "Microsoft Corporation", "license": "MIT", "url": "https://github.com/microsoft/fluentui-emoji", "package": "@iconify-json/fluent-emoji-flat@1.2.6"},
    {"style": "noto", "work": "Noto Emoji", "author": "Google Inc", "license": "Apache-2.0", "url": "https://github.com/googlefonts/noto-emoji", "package": "@iconify-json/noto@1.2.9"},
    {"style": "twemoji", "work": "Twemoji", "author": "Twitter and contributors", "license": "CC-BY-4.0", "url": "https://github.com/jdecked/twemoji", "package": "@iconify-json/twemoji@1.2.5"},
    {"style": "emojione", "work": "EmojiOne 2.3 (EmojiTwo)", "author": "Emoji One", "license": "CC-BY-4.0", "url": "https://github.com/EmojiTwo/emojitwo", "package": "@iconify-json/emojione@1.2.3"},
    {"style": "fxemoji", "work": "FxEmojis", "author": "Mozilla", "license": "Apache-2.0", "url": "https://github.com/mozilla/fxemoji", "package": "@iconify-json/fxemoji@1.2.2"},
    {"work": "titles and keywords", "author": "unicode-emoji-json, emojilib, emojibase and their contributors", "license": "MIT", "package": "unicode-emoji-json@0.9.0, emojilib@4.0.3, emojibase-data@17.0.0"},
]
LICENSE = "Apache-2.0 (weights); trained on pictures under MIT, Apache-2.0 and CC BY 4.0, see attribution"


# -- Graphs ----------------------------------------------------------------------------------------------------------


class VaeEncoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        moments = self.vae.quant_conv(self.vae.encoder(F.pixel_unshuffle(sample, PATCH)))
        return moments[:, :LATENT_CHANNELS]


class VaeDecoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return F.pixel_shuffle(self.vae.decoder(self.vae.post_quant_conv(latent_sample)), PATCH)


class Unet(nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states):
        return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]


class ClipText(nn.Module):
    """The CLIP text tower written out, with nothing but dynamic batch and length in the graph."""

    def __init__(self, clip):
        super().__init__()
        self.clip, self.tower = clip, clip.text_model
        self.end = clip.config.text_config.eos_token_id

    def states(self, input_ids):
        length = input_ids.shape[1]
        embeddings = self.tower.embeddings
        hidden = embeddings.token_embedding(input_ids) + embeddings.position_embedding.weight[:length]
        mask = torch.full((MAX_LENGTH, MAX_LENGTH), -1e4).triu(1)[:length, :length]
        for layer in self.tower.encoder.layers:
            hidden = hidden + attend(layer.self_attn, layer.layer_norm1(hidden), mask)
            hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
        return self.tower.final_layer_norm(hidden)

    def pooled(self, input_ids, states):
        first_end = (input_ids == self.end).to(torch.int32).argmax(-1)
        return states.gather(1, first_end.view(-1, 1, 1).expand(-1, 1, states.shape[2])).squeeze(1)


class TextEncoder(ClipText):
    def forward(self, input_ids):
        states = self.states(input_ids)
        return states, self.pooled(input_ids, states)


class TextModel(ClipText):
    def forward(self, input_ids):
        return self.clip.text_projection(self.pooled(input_ids, self.states(input_ids)))


class Vision(nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.clip, self.tower = clip, clip.vision_model

    def states(self, pixel_values):
        embeddings = self.tower.embeddings
        patches = embeddings.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        first = embeddings.class_embedding.view(1, 1, -1).expand(patches.shape[0], 1, -1)
        hidden = torch.cat([first, patches], 1) + embeddings.position_embedding.weight
        hidden = self.tower.pre_layrnorm(hidden)
        for layer in self.tower.encoder.layers:
            hidden = hidden + attend(layer.self_attn, layer.layer_norm1(hidden))
            hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
        return hidden


class VisionModel(Vision):
    def forward(self, pixel_values):
        return self.clip.visual_projection(self.tower.post_layernorm(self.states(pixel_values)[:, 0]))


class CaptionEncoder(Vision):
    def forward(self, pixel_values):
        return self.states(pixel_values)


def attend(layer, hidden, mask=None):
    heads = lambda x: x.view(x.shape[0], x.shape[1], layer.num_heads, -1).transpose(1, 2)
    q, k, v = heads(layer.q_proj(hidden)), heads(layer.k_proj(hidden)), heads(layer.v_proj(hidden))
    scores = q @ k.transpose(2, 3) * layer.scale
    scores = scores if mask is None else scores + mask
    return layer.out_proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class CaptionDecoder(nn.Module):
    """GPT-2 with cross-attention, written out for a past of any length, zero included.

    So one graph serves the first step and the later ones, and no If node is needed: `use_cache_branch` is not an input.
    """

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder
        self.heads = decoder.config.n_head

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, input_ids, encoder_hidden_states, *past):
        body = self.decoder.transformer
        length, seen = input_ids.shape[1], past[0].shape[2]
        positions = torch.arange(seen + length)
        keys_at, queries_at = positions, positions[seen:]
        mask = (keys_at[None] > queries_at[:, None]).float() * -1e4
        hidden = body.wte(input_ids) + body.wpe(queries_at)
        present = []
        for n, block in enumerate(body.h):
            q, k, v = (self.split(x) for x in block.attn.c_attn(block.ln_1(hidden)).split(WIDTH, 2))
            k, v = torch.cat([past[2 * n], k], 2), torch.cat([past[2 * n + 1], v], 2)
            present += [k, v]
            hidden = hidden + block.attn.c_proj(self.mix(q, k, v, mask))
            cross = block.crossattention
            q = self.split(cross.q_attn(block.ln_cross_attn(hidden)))
            k, v = (self.split(x) for x in cross.c_attn(encoder_hidden_states).split(WIDTH, 2))
            hidden = hidden + cross.c_proj(self.mix(q, k, v, None))
            hidden = hidden + block.mlp(block.ln_2(hidden))
        return (self.decoder.lm_head(body.ln_f(hidden)), *present)

    def mix(self, q, k, v, mask):
        scores = q @ k.transpose(2, 3) / (WIDTH // self.heads) ** 0.5
        scores = scores if mask is None else scores + mask
        return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


# -- Files -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Graph:
    """How one file of the pack is written: a wrapped module, what it is traced with, and which axes may vary."""

    file: str
    inputs: Callable  # of the wrapped module
    names: list
    outputs: list
    axes: dict
    store: str = "float16"


BATCH, LENGTH = {0: "batch"}, {0: "batch", 1: "length"}
IDS = torch.arange(6)[None]


def caption_slots(module):
    return [f"{n}.{kind}" for n in range(module.decoder.config.n_layer) for kind in ("key", "value")]


def caption_decoder_graph(module):
    slots = caption_slots(module)
    past = [torch.zeros(2, module.heads, 3, WIDTH // module.heads) for _ in slots]
    return Graph(
        "captioner/onnx/decoder_model_merged.onnx", lambda _: (torch.zeros(2, 2, dtype=torch.int64), torch.zeros(2, 65, WIDTH), *past),
        ["input_ids", "encoder_hidden_states", *(f"past_key_values.{s}" for s in slots)], ["logits", *(f"present.{s}" for s in slots)],
        {"input_ids": LENGTH, "encoder_hidden_states": BATCH, "logits": LENGTH,
         **{f"past_key_values.{s}": {0: "batch", 2: "past"} for s in slots}, **{f"present.{s}": {0: "batch", 2: "total"} for s in slots}}, "int8")


GRAPHS = {
    "vae_encoder": Graph("vae_encoder/model.onnx", lambda _: torch.zeros(1, 3, 128, 128), ["sample"], ["latent_sample"],
                         {"sample": BATCH, "latent_sample": BATCH}),
    "vae_decoder": Graph("vae_decoder/model.onnx", lambda _: torch.zeros(1, LATENT_CHANNELS, 16, 16), ["latent_sample"], ["sample"],
                         {"sample": BATCH, "latent_sample": BATCH}),
    "unet": Graph("unet/model.onnx", lambda _: (torch.zeros(2, 2 * LATENT_CHANNELS, 16, 16), torch.zeros(2, dtype=torch.int64), torch.zeros(2, 36, WIDTH)),
                  ["sample", "timestep", "encoder_hidden_states"], ["out_sample"],
                  {"sample": BATCH, "timestep": BATCH, "encoder_hidden_states": {0: "batch", 1: "tokens"}, "out_sample": BATCH}, "int8"),
    "image_projection": Graph("image_projection/model.onnx", lambda _: torch.ones(1, EMBEDDING), ["image_embeds"], ["image_tokens"],
                              {"image_embeds": BATCH, "image_tokens": BATCH}),
    "style_classifier": Graph("style_classifier/model.onnx", lambda _: torch.zeros(1, LATENT_CHANNELS, 16, 16), ["latent_sample"], ["logits"],
                              {"latent_sample": BATCH, "logits": BATCH}),
    "text_encoder": Graph("text_encoder/model.onnx", lambda _: IDS, ["input_ids"], ["last_hidden_state", "pooler_output"],
                          {"input_ids": LENGTH, "last_hidden_state": LENGTH, "pooler_output": BATCH}),
    "clip_text": Graph("clip/onnx/text_model.onnx", lambda _: IDS, ["input_ids"], ["text_embeds"], {"input_ids": LENGTH, "text_embeds": BATCH}, "int8"),
    "clip_vision": Graph("clip/onnx/vision_model.onnx", lambda _: torch.zeros(1, 3, 128, 128), ["pixel_values"], ["image_embeds"],
                         {"pixel_values": BATCH, "image_embeds": BATCH}, "int8"),
    "caption_encoder": Graph("captioner/onnx/encoder_model.onnx", lambda _: torch.zeros(1, 3, 128, 128), ["pixel_values"], ["last_hidden_state"],
                             {"pixel_values": BATCH, "last_hidden_state": BATCH}, "int8"),
}


def trace(module, graph, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(module.eval(), graph.inputs(module), str(path), input_names=graph.names, output_names=graph.outputs, dynamic_axes=graph.axes,
                      opset_version=OPSET, dynamo=False, do_constant_folding=True)


def to_onnx(module, graph, out):
    path = out / graph.file
    trace(module, graph, path)
    generator = torch.Generator().manual_seed(0)
    inputs = graph.inputs(module)
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    inputs = [torch.rand(x.shape, generator=generator) if x.is_floating_point() else x for x in inputs]
    feeds = {n: x.numpy() for n, x in zip(graph.names, inputs)}
    with torch.no_grad():
        wanted = module(*inputs)
    wanted = (wanted if isinstance(wanted, tuple) else (wanted,))[0].numpy()
    graph_gap = np.abs(answer(path, feeds) - wanted).max()
    if graph_gap > 1e-3:
        raise RuntimeError(f"{path}: ONNX must agree with PyTorch within 1e-3, but differs by {graph_gap}")
    model = onnx.load(path)
    shrink(model.graph, graph.store)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    gap = np.abs(answer(path, feeds) - wanted)
    PARITY[graph.file] = {"graph_max_difference": float(graph_gap), "stored_as": graph.store, "stored_max_difference": float(gap.max()),
                          "stored_relative_rms": float((np.square(gap).mean() / np.square(wanted).mean()) ** 0.5)}


def answer(path, feeds):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def shrink(graph, store):
    """Stores every large float32 initializer as float16 or per-channel int8 and restores it by nodes at the front."""
    products = {n.input[1] for n in graph.node if n.op_type == "MatMul"}
    nodes, replaced = [], []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < 256:
            continue
        name = tensor.name
        graph.initializer.remove(tensor)
        if store == "int8" and values.ndim >= 2:
            axis = values.ndim - 1 if name in products else 0
            scale = np.abs(values).max(tuple(a for a in range(values.ndim) if a != axis), keepdims=True) / 127
            scale = np.maximum(scale, 1e-12).astype(np.float32)
            replaced += [numpy_helper.from_array(np.rint(values / scale).astype(np.int8), f"{name}.q8"),
                         numpy_helper.from_array(scale, f"{name}.scale")]
            nodes += [helper.make_node("Cast", [f"{name}.q8"], [f"{name}.q8.f32"], to=TensorProto.FLOAT),
                      helper.make_node("Mul", [f"{name}.q8.f32", f"{name}.scale"], [name])]
        else:
            replaced.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.f16"))
            nodes.append(helper.make_node("Cast", [f"{name}.f16"], [name], to=TensorProto.FLOAT))
    graph.initializer.extend(replaced)
    for node in reversed(nodes):
        graph.node.insert(0, node)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def plain_config(config, **extra):
    return {**{k: v for k, v in dict(config).items() if not k.startswith("_") or k == "_class_name"}, **extra}


PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor", "feature_extractor_type": "CLIPFeatureExtractor",
    "do_resize": True, "size": {"height": 128, "width": 128}, "resample": 3, "do_center_crop": False,
    "crop_size": {"height": 128, "width": 128}, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_convert_rgb": True,
}


def write_autoencoder_configs(vae, scale, out):
    """`scale` gives latents unit variance; the denoiser is trained on latents of this scale."""
    config = {"_class_name": "AutoencoderKL", **plain_config(vae.config)}
    config.update(_class_name="AutoencoderKL", patch_size=PATCH, image_size=128, latent_size=16, scaling_factor=scale)
    for part in ("encoder", "decoder"):
        write_json(out / f"vae_{part}" / "config.json", config)


def export_autoencoder(vae, out):
    to_onnx(VaeEncoder(vae), GRAPHS["vae_encoder"], out)
    to_onnx(VaeDecoder(vae), GRAPHS["vae_decoder"], out)


def export_denoiser(work, out):
    stage = last_stage(work)
    unet = load_module(build_unet(), work, stage, "unet")
    projection = load_module(NormalisedImageProjection(), work, stage, "projection")
    write_json(out / "unet" / "config.json", plain_config(unet.config, _class_name="UNet2DConditionModel"))
    to_onnx(Unet(plain_attention(unet)), GRAPHS["unet"], out)
    write_json(out / "image_projection" / "config.json", {
        "_class_name": "ImageProjection", "image_embed_dim": EMBEDDING, "cross_attention_dim": WIDTH,
        "num_image_text_embeds": IMAGE_TOKENS, "normalize_input": True, "input_scale": EMBEDDING**0.5})
    to_onnx(projection, GRAPHS["image_projection"], out)
    write_json(out / "scheduler" / "scheduler_config.json", {"_class_name": "DDIMScheduler", **SCHEDULE, "trained_betas": None, "thresholding": False, "rescale_betas_zero_snr": False})


def export_text_encoder(clip, tokenizer, out):
    text = clip.config.text_config.to_dict()
    write_json(out / "text_encoder" / "config.json", {**text, "architectures": ["CLIPTextModel"], "model_type": "clip_text_model"})
    to_onnx(TextEncoder(clip), GRAPHS["text_encoder"], out)
    write_clip_tokenizer(tokenizer, out / "tokenizer")


def export_clip(clip, tokenizer, out):
    folder = out / "clip"
    write_clip_tokenizer(tokenizer, folder)
    config = clip.config.to_dict()
    write_json(folder / "config.json", {**config, "architectures": ["CLIPModel"], "model_type": "clip", "logit_scale": clip.logit_scale.item()})
    write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    to_onnx(TextModel(clip), GRAPHS["clip_text"], out)
    to_onnx(VisionModel(clip), GRAPHS["clip_vision"], out)


def export_captioner(clip, decoder, tokenizer, out):
    folder, end = out / "captioner", decoder.config.eos_token_id
    write_caption_tokenizer(tokenizer, folder)
    write_json(folder / "config.json", {
        "architectures": ["VisionEncoderDecoderModel"], "model_type": "vision-encoder-decoder", "is_encoder_decoder": True,
        "decoder_start_token_id": end, "bos_token_id": end, "eos_token_id": end, "pad_token_id": end,
        "encoder": {**clip.config.vision_config.to_dict(), "model_type": "clip_vision_model"},
        "decoder": {**decoder.config.to_dict(), "model_type": "gpt2", "is_decoder": True},
    })
    write_json(folder / "generation_config.json", {
        "decoder_start_token_id": end, "bos_token_id": end, "eos_token_id": end, "pad_token_id": end,
        "max_length": MAX_TOKENS, "num_beams": 1, "do_sample": False})
    write_json(folder / "preprocessor_config.json", PREPROCESSOR)
    to_onnx(CaptionEncoder(clip), GRAPHS["caption_encoder"], out)
    module = CaptionDecoder(decoder)
    to_onnx(module, caption_decoder_graph(module), out)


@torch.no_grad()
def export_exemplar_bank(stickers, clip, tokenizer, vae, out):
    """The exemplar bank, from which a prompt without a picture is drawn: src/ml/diffusion/exemplar-bank.ts. Its folder in a pack is `memory/`."""
    exemplars, extents = choose_exemplars(stickers), style_extents(stickers)
    rows = [row for own in exemplars.values() for row in own]
    objects = torch.tensor([n for n, own in enumerate(exemplars.values()) for _ in own], dtype=torch.int32)
    drawings = torch.from_numpy(np.stack([fit_to_extent(stickers.pixels[row], SIZE) for row in rows]).astype(np.float32) / 127.5 - 1)
    latents = torch.cat([vae.encode(part).latent_dist.mode() for part in drawings.split(32)])
    scales = latents.abs().amax((0, 2, 3)) / 127
    model, titles = TextModel(clip).eval(), [stickers.rows[own[0]]["title"] for own in exemplars.values()]
    prompts = [prompt for title in titles for prompt in (title, *(f"{title}, {words}" for words in STYLE_WORDS.values()))]
    embeddings = torch.cat([model(torch.tensor([tokenizer.encode(prompt).ids])) for prompt in prompts])
    embeddings = embeddings.view(len(exemplars), -1, embeddings.shape[1])
    (out / "memory").mkdir(parents=True, exist_ok=True)
    print("pixels of the longer side:", extents)
    usual = extents[EXEMPLAR_STYLES[0]]  # for a prompt that names no style
    save_file({"embeddings": F.normalize(embeddings, dim=-1).half(), "latents": (latents / scales.view(-1, 1, 1)).round().to(torch.int8).contiguous(), "scales": scales,
               "things": objects, "extents": torch.tensor([float(extents.get(style, usual)) for style in (None, *STYLE_WORDS)])},
              out / "memory" / "memory.safetensors")
    write_json(out / "memory" / "stickers.json", [stickers.rows[row]["id"] for row in rows])


def export_style_classifier(work, out):
    """The classifier that selects one of several samples: src/ml/diffusion/style-classifier.ts."""
    folder = out / "style_classifier"
    shutil.rmtree(folder, ignore_errors=True)
    to_onnx(load_latent_style_classifier(work), GRAPHS["style_classifier"], out)
    write_json(folder / "config.json", {"_class_name": "DraftClassifier", "id2label": {str(n): style for n, style in enumerate(STYLE_WORDS)}})


# The captioner knows drawings only. A caption is used when CLIP's cosine between it and the item's title is at least this
# (95 % of 200 stickers reach it, 3 % of 117 photographs of clothes).
CAPTION_AGREEMENT = 0.4
PARTS = ("autoencoder", "denoiser", "clip", "captioner", "language", "exemplars", "style")


def write_manifest(out):
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.name != "manifest.json")
    entries = [{"path": p.relative_to(out).as_posix(), "sizeBytes": p.stat().st_size, "sha256": hashlib.sha256(p.read_bytes()).hexdigest()} for p in files]
    about = {"name": "mini", "version": "2", "license": LICENSE, "captionAgreement": CAPTION_AGREEMENT}
    write_json(out / "manifest.json", {**about, "files": entries, "attribution": ATTRIBUTION})
    return sum(e["sizeBytes"] for e in entries)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("stickers", "work", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--parts", default=",".join(PARTS), help="what to write; the rest stays as it is in --out; default: all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    work, final, parts = arguments.work, arguments.out, arguments.parts.split(",")
    out = final.with_name(f".{final.name}.new")
    shutil.rmtree(out, ignore_errors=True)
    if set(parts) != set(PARTS):
        shutil.copytree(final, out)
    stickers = load_stickers(arguments.stickers, work)
    tokenizer = clip_tokenizer(stickers, work)
    tokenizer.no_padding()
    clip = trained_clip(stickers, work)
    tokenizer.no_padding()
    latents = work / "latents.pt"
    scale = torch.load(latents)["scale"] if latents.exists() else 1.0
    vae = trained_vae(work)
    write_autoencoder_configs(vae, scale, out)
    if "autoencoder" in parts:
        export_autoencoder(vae, out)
    if "denoiser" in parts:
        export_denoiser(work, out)
        export_text_encoder(trained_text_encoder(trained_clip(stickers, work), work), tokenizer, out)
    if "clip" in parts:
        export_clip(clip, tokenizer, out)
    if "captioner" in parts:
        export_captioner(clip, trained_decoder(stickers, work), caption_tokenizer(stickers, work), out)
    if "exemplars" in parts:
        export_exemplar_bank(stickers, clip, tokenizer, vae, out)
    if "style" in parts:
        export_style_classifier(work, out)
    if "language" in parts:
        export_language(stickers, work, out / "llm")
    write_json(out / "styles.json", {s: style_words(s) for s in dict.fromkeys([*STYLE_WORDS, *stickers.styles])})
    write_json(out / "model_index.json", {
        "_class_name": "StableDiffusionInstructPix2PixPipeline", "_diffusers_version": "0.42.1", **DRAWN,
        "image_projection": ["diffusers", "ImageProjection"], "llm": ["transformers", "LlamaForCausalLM"], "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae_decoder": ["diffusers", "AutoencoderKL"], "vae_encoder": ["diffusers", "AutoencoderKL"]})
    for name in ("README.md", "metrics.json"):  # an export keeps the card and the figures; measure.py and model_card.py renew them
        for source in (final / name, work / name):
            if source.exists():
                shutil.copy(source, out / name)
    write_json(work / "parity.json", PARITY)
    pairs = [f"{style}:{concept}" for concept, style in sorted(hold_out(stickers.rows))]
    write_json(out / "heldout.json", pairs)  # the pictures that no model is trained on
    total = write_manifest(out)
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    out.rename(final)
    shutil.rmtree(old, ignore_errors=True)
    print(f"{final}: {total / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
