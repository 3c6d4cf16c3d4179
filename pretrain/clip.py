"""A small CLIP (CLIPModel): a ViT of 128x128 in patches of 16, a causal text tower, 128 shared dimensions.

Loss: the symmetric contrastive loss with several positives (a text that names no style fits the concept's sticker
in every style), plus two linear heads on the image embedding, dropped after training: which concept, which style.
"""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel

from common import Trainer, half_precision, load_module, load_stickers, stage_arguments, start
from prompts import prompt
from tokenizer import MAX_LENGTH, VOCABULARY, clip_tokenizer

WIDTH = 192
EMBEDDING = 128
BATCH = 96
MEAN, STD = 0.5, 0.5  # the pictures come in [-1, 1] to every model of the pack


def build_clip(vocabulary=VOCABULARY):
    special = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    text = {"vocab_size": vocabulary, "hidden_size": WIDTH, "intermediate_size": 3 * WIDTH, "num_hidden_layers": 3,
            "num_attention_heads": 3, "max_position_embeddings": MAX_LENGTH, "projection_dim": EMBEDDING, **special}
    vision = {"hidden_size": WIDTH, "intermediate_size": 3 * WIDTH, "num_hidden_layers": 4, "num_attention_heads": 3,
              "image_size": 128, "patch_size": 16, "projection_dim": EMBEDDING}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=EMBEDDING)
    return CLIPModel(config)


def trained_clip(stickers, work):
    vocabulary = clip_tokenizer(stickers, work).get_vocab_size()
    return load_module(build_clip(vocabulary), work, "clip", "clip")


def image_embeddings(clip, pixels):
    pooled = clip.vision_model(pixel_values=pixels).pooler_output
    return F.normalize(clip.visual_projection(pooled), dim=-1)


def text_embeddings(clip, ids):
    pooled = clip.text_model(input_ids=ids).pooler_output
    return F.normalize(clip.text_projection(pooled), dim=-1)


def augment(pixels, rng):
    """A small random affine map, on a white ground, and now and then a flip."""
    n = len(pixels)
    scale = 1 + 0.16 * (torch.rand(n, generator=rng) - 0.4)
    angle = 0.16 * (torch.rand(n, generator=rng) - 0.5)
    flip = torch.where(torch.rand(n, generator=rng) < 0.2, -1.0, 1.0)
    shift = 0.16 * (torch.rand(n, 2, generator=rng) - 0.5)
    theta = torch.stack([
        torch.stack([scale * angle.cos() * flip, -scale * angle.sin(), shift[:, 0]], -1),
        torch.stack([scale * angle.sin() * flip, scale * angle.cos(), shift[:, 1]], -1),
    ], 1)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels - 1, grid, align_corners=False) + 1


def contrastive_loss(images, texts, scale, positives):
    logits = scale * images @ texts.T
    weights = positives.float()
    by_image = -(F.log_softmax(logits, 1) * weights).sum(1) / weights.sum(1)
    by_text = -(F.log_softmax(logits, 0) * weights).sum(0) / weights.sum(0)
    return (by_image.mean() + by_text.mean()) / 2


def clip_heads(stickers):
    """What tells concept and style of an image embedding in training, and is dropped after it."""
    concepts = {row["concept"] for row in stickers.rows}
    return nn.ModuleDict({"concept": nn.Linear(EMBEDDING, len(concepts)), "style": nn.Linear(EMBEDDING, len(stickers.styles))})


def main():
    parser = stage_arguments(__doc__, 31)
    parser.add_argument("--rate", type=float, default=1e-3)
    arguments = parser.parse_args()
    start(arguments)
    stickers = load_stickers(arguments.stickers, arguments.work)
    tokenizer = clip_tokenizer(stickers, arguments.work)
    clip = build_clip(tokenizer.get_vocab_size()).train()
    concepts = {c: n for n, c in enumerate(sorted({row["concept"] for row in stickers.rows}))}
    styles = {s: n for n, s in enumerate(stickers.styles)}
    concept_of = torch.tensor([concepts[row["concept"]] for row in stickers.rows])
    style_of = torch.tensor([styles[row["style"]] for row in stickers.rows])
    heads = clip_heads(stickers)
    trainer = Trainer("clip", {"clip": clip, "heads": heads}, arguments.work, arguments.minutes, lr=arguments.rate, weight_decay=0.05, ema=0.995)
    rng, numbers = random.Random(trainer.step), np.random.default_rng(trainer.step)
    noise = torch.Generator().manual_seed(trainer.step)
    queue, rows_of = [], {}
    for row in stickers.train.tolist():
        rows_of.setdefault(stickers.rows[row]["concept"], []).append(row)
    objects = sorted(c for c, rows in rows_of.items() if len(rows) >= 3)
    while not trainer.done:
        if len(queue) < BATCH:
            queue += numbers.permutation(stickers.train).tolist()
        # Half of a batch shows few objects in several styles each, so that only the style tells their texts apart.
        rows, queue = queue[: BATCH // 2], queue[BATCH // 2 :]
        while len(rows) < BATCH:
            rows = list(dict.fromkeys(rows + rows_of[rng.choice(objects)]))[:BATCH]
        pixels = augment(stickers.float_pixels(rows), noise)
        told = torch.tensor([rng.random() < 0.65 for _ in rows])
        texts = [prompt(stickers.rows[r], rng, style=bool(t), colors=rng.random() < 0.5) for r, t in zip(rows, told)]
        encoded = tokenizer.encode_batch(texts)
        longest = max(sum(e.attention_mask) for e in encoded)
        ids = torch.tensor([e.ids[:longest] for e in encoded])
        concept, style = concept_of[rows], style_of[rows]
        positives = (concept[:, None] == concept) & (~told[None] | (style[:, None] == style))
        scale = clip.logit_scale.clamp(max=4.0).exp()
        with half_precision():
            images, described = image_embeddings(clip, pixels), text_embeddings(clip, ids)
        images, described = images.float(), described.float()
        contrast = contrastive_loss(images, described, scale, positives)
        by_concept = F.cross_entropy(16 * F.linear(images, F.normalize(heads["concept"].weight, dim=-1)), concept)
        by_style = F.cross_entropy(8 * heads["style"](images), style)
        trainer.update(contrast + 0.5 * by_concept + by_style, contrast=contrast, concept=by_concept, style=by_style)
    trainer.save()


if __name__ == "__main__":
    main()
