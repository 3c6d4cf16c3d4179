"""The conditional diffusion U-Net (UNet2DConditionModel), its text encoder and the image projection, trained together.

Condition [B, 36, D] = 32 states of the text encoder (which starts as the CLIP text tower), then 4 image tokens. In training
the wanted style is told by words, by the image tokens (from the mean CLIP embedding of 1 to 5 OTHER stickers of that
style), or by both; a tenth of the conditions is dropped whole (the states of "" and zero tokens).

Two kinds of example, both with v-prediction and one weight for all timesteps (min-SNR weights all but drop the noisiest
ones for v-prediction, and there it is decided which thing a picture shows):

  denoise   z_t = a_t z + s_t e, the usual one (about three quarters);
  redraw    the start is another hand's drawing z_ref of the same thing, noised at T, as image-to-image does; z_t is the
            point at t <= T of the DDIM path from there to z: z_t = a_t z + s_t (e + (a_T / s_T)(z_ref - z)).
            The answer asked for is still z, so image-to-image learns to change the hand and to keep the thing.
            T is in 300..999 where the two drawings share their outlines, else in 650..999: with less noise the
            answer would be the mean of all drawings z might be, a smear.
"""

import random
import re

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.embeddings import ImageProjection

from clip import EMBEDDING, WIDTH, image_embeddings, trained_clip
from common import Trainer, half_precision, load_module, load_stickers, stage_arguments, start
from prompts import prompt
from tokenizer import clip_tokenizer
from vae import LATENT_CHANNELS, build_vae

IMAGE_TOKENS = 4
NOISY_SHARE, NOISY_FROM = 0.65, 650  # of the plain examples: where words, not the latents, say what is to be seen
ALIGNED = 0.6  # from this likeness on, two drawings of a thing share their outlines
SCHEDULE = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
    "timestep_spacing": "leading",
}


def build_unet():
    return UNet2DConditionModel(
        sample_size=16, in_channels=LATENT_CHANNELS, out_channels=LATENT_CHANNELS, block_out_channels=[96, 160, 224],
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], layers_per_block=1,
        cross_attention_dim=WIDTH, attention_head_dim=4, norm_num_groups=16, transformer_layers_per_block=[1, 2, 2],
        addition_embed_type="text", addition_embed_type_num_heads=8,  # the whole condition, pooled, beside the time
    )  # attention_head_dim is, by diffusers' old misnomer, the number of heads


def plain_attention(unet):
    """`unet` with attention as products and softmax: it exports to plain nodes, and trains a third faster on a processor."""
    unet.set_attn_processor(AttnProcessor())
    return unet


@torch.no_grad()
def grow(small, unet):
    """Fills `unet`, which has more layers than `small`, so that it computes the same: what is new adds nothing yet."""
    missing, unexpected = unet.load_state_dict(small.state_dict(), strict=False)
    if unexpected:
        raise SystemExit(f"a U-Net grows by layers only, and has no place for {unexpected[:3]}")
    for name in missing:
        if re.search(r"\.(to_out\.0|ff\.net\.2)\.|^add_embedding\.norm2\.", name):
            unet.get_parameter(name).zero_()
    return unet


class NormalisedImageProjection(nn.Module):
    """diffusers' ImageProjection behind an L2 norm, so that a weighted mean of embeddings may come in as it is."""

    def __init__(self):
        super().__init__()
        self.projection = ImageProjection(image_embed_dim=EMBEDDING, cross_attention_dim=WIDTH, num_image_text_embeds=IMAGE_TOKENS)

    def forward(self, image_embeds):
        return self.projection(F.normalize(image_embeds, dim=-1) * EMBEDDING**0.5)


def trained_text_encoder(clip, work):
    """`clip` with the text tower that learnt with the U-Net: what its condition is made of."""
    load_module(clip.text_model, work, "unet", "text")
    return clip


@torch.no_grad()
def encode_stickers(stickers, work):
    """Latent means of every sticker and of its mirror image [2, N, C, 16, 16], scaled to unit variance, and the scale."""
    path = work / "latents.pt"
    if not path.exists():
        vae = load_module(build_vae(), work, "vae", "vae")
        latents = torch.empty(2, len(stickers.rows), LATENT_CHANNELS, 16, 16)
        for at in range(0, len(stickers.rows), 32):
            pixels = stickers.float_pixels(slice(at, at + 32))
            for mirrored, images in enumerate((pixels, pixels.flip(-1))):
                latents[mirrored, at : at + 32] = vae.encode(images).latent_dist.mode()
        scale = 1 / latents[:, stickers.train].std().item()
        torch.save({"latents": latents * scale, "scale": scale}, path)
    state = torch.load(path)
    return state["latents"], state["scale"]


@torch.no_grad()
def embed_stickers(clip, stickers, work):
    path = work / "embeddings.pt"
    if not path.exists():
        parts = [image_embeddings(clip, stickers.float_pixels(slice(at, at + 64))) for at in range(0, len(stickers.rows), 64)]
        torch.save(torch.cat(parts), path)
    return torch.load(path)


class Examples:
    """Draws batches: targets, references, texts and style embeddings."""

    def __init__(self, stickers, latents, embeddings, seed):
        self.stickers, self.latents, self.embeddings = stickers, latents, embeddings
        self.rng = random.Random(seed)
        rows = stickers.rows
        self.of_style, self.of_concept, self.of_color = {}, {}, {}
        for i in stickers.train.tolist():
            self.of_style.setdefault(rows[i]["style"], []).append(i)
            self.of_concept.setdefault(rows[i]["concept"], []).append(i)
            self.of_color.setdefault((rows[i]["style"], rows[i]["colors"][0]), []).append(i)
        self.queue, self.near = [], {}
        self.mean = latents[0, stickers.train[::7]].mean(0)

    def likeness(self, one, other):
        """How far two drawings lie on each other: the cosine of their latents, less the mean picture."""
        a, b = (self.latents[0, i] - self.mean for i in (one, other))
        return F.cosine_similarity(a.flatten(), b.flatten(), dim=0).item()

    def style_embedding(self, row):
        """The mean embedding of 1 to 5 other stickers by the same hand; now and then also of the same colour."""
        sticker = self.stickers.rows[row]
        pool = self.of_style[sticker["style"]]
        if self.rng.random() < 0.3:
            pool = self.of_color.get((sticker["style"], sticker["colors"][0]), pool)
        others = [i for i in self.rng.sample(pool, min(len(pool), self.rng.randint(1, 5))) if i != row]
        others = others or self.rng.sample(self.of_style[sticker["style"]], 2)
        return F.normalize(self.embeddings[others].mean(0), dim=-1)

    def batch(self, size):
        if len(self.queue) < size:
            order = self.stickers.train.tolist()
            self.rng.shuffle(order)
            self.queue += order
        rows, self.queue = self.queue[:size], self.queue[size:]
        targets, references, starts, texts, embeds, pictured = [], [], [], [], [], []
        for row in rows:
            mirrored = int(self.rng.random() < 0.1)
            sticker = self.stickers.rows[row]
            dropped = self.rng.random() < 0.1
            told, shown = self.rng.choice([(True, False)] * 4 + [(False, True)] * 2 + [(True, True)] * 2)
            peers = [i for i in self.of_concept[sticker["concept"]] if i != row]
            near = self.near.get(row)
            if near is None:
                near = self.near[row] = [i for i in peers if self.likeness(i, row) >= ALIGNED]
            if not dropped and near and self.rng.random() < 0.35:
                reference, earliest = self.rng.choice(near), 300
            elif not dropped and peers and self.rng.random() < 0.1:
                reference, earliest = self.rng.choice(peers), 650
            else:
                reference, earliest = row, 0
            starts.append(self.rng.randint(earliest, 999))
            text = prompt(sticker, self.rng, style=told, colors=self.rng.random() < 0.35)
            bare = shown and not told and self.rng.random() < 0.15
            targets.append(self.latents[mirrored, row])
            references.append(self.latents[mirrored, reference])
            texts.append("" if dropped or bare else text)
            pictured.append(shown and not dropped)
            embeds.append(self.style_embedding(row) if pictured[-1] else self.embeddings[row])
        return torch.stack(targets), torch.stack(references), torch.tensor(starts), texts, torch.stack(embeds), torch.tensor(pictured)


def main():
    parser = stage_arguments(__doc__, 60)
    parser.add_argument("--rate", type=float, default=7e-4)
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    start(arguments)
    stickers = load_stickers(arguments.stickers, arguments.work)
    clip = trained_clip(stickers, arguments.work)
    clip.set_attn_implementation("eager")  # the fused one's backward pass takes a third of the time at these sizes
    tokenizer = clip_tokenizer(stickers, arguments.work)
    latents, _ = encode_stickers(stickers, arguments.work)
    embeddings = embed_stickers(clip, stickers, arguments.work)
    unet, projection, text = plain_attention(build_unet()).train(), NormalisedImageProjection().train(), clip.text_model.requires_grad_(True).train()
    modules = {"unet": unet, "projection": projection, "text": text}
    trainer = Trainer("unet", modules, arguments.work, arguments.minutes, lr=arguments.rate, ema=0.999, slower={"text": 0.3})
    examples = Examples(stickers, latents, embeddings, trainer.step)
    cumulative = DDIMScheduler(**SCHEDULE).alphas_cumprod
    noise_rng = torch.Generator().manual_seed(trainer.step)
    column = lambda values: values.view(-1, 1, 1, 1)
    while not trainer.done:
        target, reference, start_at, texts, embeds, pictured = examples.batch(arguments.batch)
        size = len(target)
        ids = torch.tensor([e.ids for e in tokenizer.encode_batch(texts)])
        tokens = projection(embeds) * pictured.view(-1, 1, 1)
        t = (torch.rand(size, generator=noise_rng) * (start_at + 1)).long()
        same = (reference == target).flatten(1).all(1)
        anywhere = torch.rand(size, generator=noise_rng)
        noisy = torch.rand(size, generator=noise_rng) < NOISY_SHARE
        t = torch.where(same, torch.where(noisy, 999 - anywhere * (999 - NOISY_FROM), anywhere * 1000).long(), t)
        a, s = column(cumulative[t].sqrt()), column((1 - cumulative[t]).sqrt())
        ratio = column((cumulative[start_at] / (1 - cumulative[start_at])).sqrt())
        noise = torch.randn(target.shape, generator=noise_rng) + ratio * (reference - target)
        with half_precision():
            states = text(input_ids=ids).last_hidden_state
            predicted = unet(a * target + s * noise, t, torch.cat([states, tokens], 1)).sample.float()
        error = F.mse_loss(predicted, a * noise - s * target, reduction="none").mean((1, 2, 3))
        loss = error.mean()
        plain = error[same].mean().item() if same.any() else 0.0
        trainer.update(loss, denoise=plain, redraw=error[~same].mean().item() if (~same).any() else 0.0)
    trainer.save()


if __name__ == "__main__":
    main()
