"""The conditional diffusion U-Net (UNet2DConditionModel), its text encoder and the image projection, trained together.

The U-Net sees the picture to be redrawn beside the noise, as channels of its own (T. Brooks et al., "InstructPix2Pix",
2023, section 3.2): the latents z_t, then those of the reference, as the autoencoder gives them (zeros: no reference, the
picture is drawn from words alone). The reference says what the picture shows and where; the condition says in which style.

Condition [B, 36, D] = 32 states of the text encoder (which starts as the CLIP text tower), then 4 image tokens. In training
the wanted style is told by words, by the image tokens (from the mean CLIP embedding of 1 to 5 OTHER stickers of that
style), or by both; a tenth of the conditions is dropped whole (the states of "" and zero tokens), the reference staying.

Target of every example is a sticker; its reference, which always shares the target's outlines (with others the answer would
be the mean of all drawings z might be, and references are not read at all), is one of

  altered   the target with its style removed: colours rotated, shading flattened, outlines blurred, drawn or thinned (`alter`). The
            style must come from the condition;
  another   a drawing of the same object in another style that lies on the target;
  itself    a few: what already has the requested style stays;
  none      the usual text-to-image.

The prediction is v, with one weight for all timesteps (for v-prediction, min-SNR weights nearly drop the noisiest ones, which decide
what a picture shows). z_t = a_t z + s_t e; at t = 999 it is noise alone, as where sampling starts
(the schedule leaves 7 % of the picture there, and the U-Net would rely on it: S. Lin et al., "Common Diffusion Noise Schedules and
Sample Steps are Flawed", 2024). Of a share of the examples with a reference the start is the noised reference, as
image-to-image of a strength below 1 starts: z_t is the point at t <= T of the DDIM path from there to z,
z_t = a_t z + s_t (e + (a_T / s_T)(z_ref - z)), T in 300..998, and the answer asked for is still z.
"""

import random
import re

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image, ImageFilter, ImageOps
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.embeddings import ImageProjection

from clip import EMBEDDING, WIDTH, image_embeddings, trained_clip
from common import SEED, Trainer, half_precision, load_module, load_stickers, stage_arguments, start
from prompts import prompt
from tokenizer import clip_tokenizer
from vae import LATENT_CHANNELS, build_vae

IMAGE_TOKENS = 4
NOISY_FROM = 650  # from here on the condition and the reference, not the latents, say what the picture shows
NOISY_SHARE = 0.4  # of the examples are drawn from there, more than by chance
NOISE_ALONE = 0.12  # of the examples: t = 999
STARTS_FROM_REFERENCE = 0.15  # of the examples with another's or an altered reference
ALTERATIONS = 4  # of each sticker
ALIGNED = 0.6  # from this likeness on, two drawings of an object share their outlines
SCHEDULE = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
    "timestep_spacing": "trailing",
}


def build_unet():
    return UNet2DConditionModel(
        sample_size=16, in_channels=2 * LATENT_CHANNELS, out_channels=LATENT_CHANNELS, block_out_channels=[96, 160, 224],
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], layers_per_block=1,
        cross_attention_dim=WIDTH, attention_head_dim=4, norm_num_groups=16, transformer_layers_per_block=[1, 2, 2],
        addition_embed_type="text", addition_embed_type_num_heads=8,  # the whole condition, pooled, beside the time
    )  # attention_head_dim is, by diffusers' old misnomer, the number of heads


def plain_attention(unet):
    """Writes attention as products and softmax: it exports to plain nodes, and trains a third faster on a CPU."""
    unet.set_attn_processor(AttnProcessor())
    return unet


@torch.no_grad()
def grow(small, unet):
    """Fills `unet`, which has more layers or input channels than `small`, so that it computes the same: new weights start with no effect."""
    state = small.state_dict()
    more = unet.conv_in.in_channels - small.conv_in.in_channels
    state["conv_in.weight"] = F.pad(state["conv_in.weight"], (0, 0, 0, 0, 0, more))
    missing, unexpected = unet.load_state_dict(state, strict=False)
    if unexpected:
        raise SystemExit(f"a U-Net grows by layers and input channels only, and has no place for {unexpected[:3]}")
    for name in missing:
        if re.search(r"\.(to_out\.0|ff\.net\.2)\.|^add_embedding\.norm2\.", name):
            unet.get_parameter(name).zero_()
    return unet


class NormalisedImageProjection(nn.Module):
    """diffusers' ImageProjection behind an L2 norm, so that the input may be a weighted mean of embeddings."""

    def __init__(self):
        super().__init__()
        self.projection = ImageProjection(image_embed_dim=EMBEDDING, cross_attention_dim=WIDTH, num_image_text_embeds=IMAGE_TOKENS)

    def forward(self, image_embeds):
        return self.projection(F.normalize(image_embeds, dim=-1) * EMBEDDING**0.5)


def last_stage(work):
    """The last stage that trained the denoiser."""
    return "step_distillation" if (work / "step_distillation.pt").exists() else "unet"


def trained_text_encoder(clip, work):
    """`clip` with the text tower that was trained with the U-Net; its states are the condition."""
    load_module(clip.text_model, work, last_stage(work), "text")
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


def rotate_hue(pixels, rng):
    """`pixels` [H, W, 3] with colours rotated about the grey axis and made paler or stronger; white, grey and black stay."""
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) * 3**-0.5
    grey = np.full((3, 3), 1 / 3)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.4)
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * grey
    return ((pixels / 127.5 - 1) @ (strength * turn + (1 - strength) * grey).T).clip(-1, 1) * 127.5 + 127.5


def alter(pixels, rng):
    """Removes the style of one sticker [3, 128, 128] uint8: the outlines stay, colours and lines change."""
    image = Image.fromarray(pixels.transpose(1, 2, 0))
    paper = ImageOps.invert(image.convert("L")).point(lambda v: 255 if v > 8 else 0)  # the sticker, without background
    if rng.random() < 0.85:  # flat shades
        image = image.quantize(rng.randint(3, 8)).convert("RGB")
    if rng.random() < 0.5:  # thin lines removed
        image = image.filter(ImageFilter.MedianFilter(rng.choice([3, 5, 7])))
    values = np.asarray(image, np.float32)
    if rng.random() < 0.5:
        values = rotate_hue(values, rng)
    inside = np.asarray(paper)[..., None] > 0
    if rng.random() < 0.3:  # shaded from one side
        slope, place = rng.uniform(0, 2 * np.pi), np.mgrid[-1:1:128j, -1:1:128j]
        shade = (np.cos(slope) * place[0] + np.sin(slope) * place[1])[..., None]
        values = np.where(inside, values * (1 + rng.uniform(0.1, 0.35) * shade), values)
    if rng.random() < 0.3:  # lighter or darker
        values = np.where(inside, 255 * (values.clip(0, 255) / 255) ** rng.uniform(0.6, 1.6), values)
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.25:  # outlined
        edges = image.convert("L").filter(ImageFilter.FIND_EDGES).point(lambda v: 255 if v > 40 else 0).filter(ImageFilter.MaxFilter(3))
        edges = ImageOps.expand(ImageOps.crop(edges, 2), 2, 0)  # the frame is no outline
        image.paste(tuple(rng.randint(0, 90) for _ in range(3)), mask=edges)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2)))
    return np.asarray(image).transpose(2, 0, 1)


@torch.no_grad()
def encode_altered(stickers, work, scale):
    """Latents of ALTERATIONS alterations of every training sticker [A, N, C, 16, 16], scaled like the others; zeros for held-out ones."""
    path = work / "altered.pt"
    if not path.exists():
        vae, rng = load_module(build_vae(), work, "vae", "vae"), random.Random(SEED)
        latents = torch.zeros(ALTERATIONS, len(stickers.rows), LATENT_CHANNELS, 16, 16)
        for own in latents:
            for at in range(0, len(stickers.train), 32):
                rows = stickers.train[at : at + 32]
                pixels = np.stack([alter(stickers.pixels[row], rng) for row in rows]).astype(np.float32)
                own[rows] = vae.encode(torch.from_numpy(pixels / 127.5 - 1)).latent_dist.mode()
        torch.save(latents * scale, path)
    return torch.load(path)


@torch.no_grad()
def embed_stickers(clip, stickers, work):
    path = work / "embeddings.pt"
    if not path.exists():
        parts = [image_embeddings(clip, stickers.float_pixels(slice(at, at + 64))) for at in range(0, len(stickers.rows), 64)]
        torch.save(torch.cat(parts), path)
    return torch.load(path)


class Examples:
    """Draws batches: targets, references, texts and style embeddings."""

    def __init__(self, stickers, latents, altered_latents, embeddings, seed):
        self.stickers, self.latents, self.altered, self.embeddings = stickers, latents, altered_latents, embeddings
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
        """How well two drawings are aligned: the cosine of their latents minus the mean picture."""
        a, b = (self.latents[0, i] - self.mean for i in (one, other))
        return F.cosine_similarity(a.flatten(), b.flatten(), dim=0).item()

    def style_embedding(self, row):
        """The mean embedding of 1 to 5 other stickers of the same style; sometimes also of the same colour."""
        sticker = self.stickers.rows[row]
        pool = self.of_style[sticker["style"]]
        if self.rng.random() < 0.3:
            pool = self.of_color.get((sticker["style"], sticker["colors"][0]), pool)
        others = [i for i in self.rng.sample(pool, min(len(pool), self.rng.randint(1, 5))) if i != row]
        others = others or self.rng.sample(self.of_style[sticker["style"]], 2)
        return F.normalize(self.embeddings[others].mean(0), dim=-1)

    def reference(self, row):
        """The picture to redraw into `row`: its kind, its latents, and whether it is mirrored."""
        if row not in self.near:
            peers = [i for i in self.of_concept[self.stickers.rows[row]["concept"]] if i != row]
            self.near[row] = [i for i in peers if self.likeness(i, row) >= ALIGNED]
        kind, mirrored = self.rng.random(), int(self.rng.random() < 0.1)
        if kind < 0.12:
            return "none", torch.zeros_like(self.latents[0, row]), mirrored
        if kind < 0.17:
            return "itself", self.latents[mirrored, row], mirrored
        if kind < 0.55 and self.near[row]:
            return "another", self.latents[mirrored, self.rng.choice(self.near[row])], mirrored
        return "altered", self.altered[self.rng.randrange(len(self.altered)), row], 0

    def batch(self, size):
        """Targets and references [B, C, 16, 16]; whether there is a reference [B]; the timestep [B] of the noised reference
        at which the path to the target starts, 0 if it starts from noise; texts; style embeddings [B, E]; whether each is used [B]."""
        if len(self.queue) < size:
            order = self.stickers.train.tolist()
            self.rng.shuffle(order)
            self.queue += order
        rows, self.queue = self.queue[:size], self.queue[size:]
        targets, references, guided, starts, texts, embeds, pictured = [], [], [], [], [], [], []
        for row in rows:
            sticker = self.stickers.rows[row]
            dropped = self.rng.random() < 0.1
            told, shown = self.rng.choice([(True, False)] * 4 + [(False, True)] * 2 + [(True, True)] * 2)
            kind, reference, mirrored = self.reference(row)
            is_path = kind in ("another", "altered") and self.rng.random() < STARTS_FROM_REFERENCE
            starts.append(self.rng.randint(300, 998) if is_path else 0)
            text = prompt(sticker, self.rng, style=told, colors=self.rng.random() < (0.7 if kind == "altered" else 0.35))
            bare = shown and not told and self.rng.random() < 0.15
            targets.append(self.latents[mirrored, row])
            references.append(reference)
            guided.append(kind != "none")
            texts.append("" if dropped or bare else text)
            pictured.append(shown and not dropped)
            embeds.append(self.style_embedding(row) if pictured[-1] else self.embeddings[row])
        return (torch.stack(targets), torch.stack(references), torch.tensor(guided), torch.tensor(starts), texts,
                torch.stack(embeds), torch.tensor(pictured))


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
    latents, scale = encode_stickers(stickers, arguments.work)
    altered_latents = encode_altered(stickers, arguments.work, scale)
    embeddings = embed_stickers(clip, stickers, arguments.work)
    unet, projection, text = plain_attention(build_unet()).train(), NormalisedImageProjection().train(), clip.text_model.requires_grad_(True).train()
    modules = {"unet": unet, "projection": projection, "text": text}
    trainer = Trainer("unet", modules, arguments.work, arguments.minutes, lr=arguments.rate, ema=0.999, slower={"text": 0.3})
    examples = Examples(stickers, latents, altered_latents, embeddings, trainer.step)
    cumulative = DDIMScheduler(**SCHEDULE).alphas_cumprod
    noise_rng = torch.Generator().manual_seed(trainer.step)
    column = lambda values: values.view(-1, 1, 1, 1)
    mean_of = lambda error, chosen: error[chosen].mean().item() if chosen.any() else 0.0
    while not trainer.done:
        target, reference, guided, start_at, texts, embeds, pictured = examples.batch(arguments.batch)
        size = len(target)
        ids = torch.tensor([e.ids for e in tokenizer.encode_batch(texts)])
        tokens = projection(embeds) * pictured.view(-1, 1, 1)
        anywhere, chance = torch.rand(size, generator=noise_rng), torch.rand(size, generator=noise_rng)
        is_path = start_at > 0
        t = torch.where(chance < NOISY_SHARE, 999 - anywhere * (999 - NOISY_FROM), anywhere * 999)
        t = torch.where(is_path, anywhere * (start_at + 1), torch.where(chance > 1 - NOISE_ALONE, 999, t)).long()
        a, s = column(cumulative[t].sqrt()), column((1 - cumulative[t]).sqrt())
        ratio = column(is_path * (cumulative[start_at] / (1 - cumulative[start_at])).sqrt())
        noise = torch.randn(target.shape, generator=noise_rng) + ratio * (reference - target)
        with half_precision():
            states = text(input_ids=ids).last_hidden_state
            noised = torch.where(column(t) < 999, a * target + s * noise, noise)
            seen = torch.cat([noised, reference / scale], 1)
            predicted = unet(seen, t, torch.cat([states, tokens], 1)).sample.float()
        error = F.mse_loss(predicted, a * noise - s * target, reduction="none").mean((1, 2, 3))
        trainer.update(error.mean(), alone=mean_of(error, ~guided), beside=mean_of(error, guided & ~is_path), path=mean_of(error, is_path))
    trainer.save()


if __name__ == "__main__":
    main()
