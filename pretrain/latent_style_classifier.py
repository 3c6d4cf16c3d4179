"""A style classifier that reads latents, so that only the best of several samples has to be decoded.

It learns what the classifier of style_classifier.py says about the decoded samples (G. Hinton et al., "Distilling the Knowledge in a
Neural Network", 2015, section 2). The training samples are like those it chooses among later: exemplars, redrawn in a style by the
trained U-Net. A network that learned from stickers alone accepted nearly all samples, because the discriminators had trained the U-Net to
satisfy such a network. This one sees which samples miss the style. Held-out pairs are never sampled.
"""

import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from diffusers import DDIMScheduler

from clip import trained_clip
from common import (
    SEED, SIZE, Trainer, fit_to_extent, half_precision, style_extents, load_module, load_stickers, choose_exemplars, save_atomically, stage_arguments, start,
)
from step_distillation import STEPS
from prompts import STYLE_WORDS, style_words
from style_classifier import BINS, MAX_DEVIATION, colour_histogram, load_decoded_stickers, half_size, load_style_classifier
from tokenizer import clip_tokenizer
from unet import IMAGE_TOKENS, SCHEDULE, build_unet, encode_stickers, last_stage, plain_attention, trained_text_encoder
from vae import LATENT_CHANNELS, trained_vae

WIDTH, BLOCKS = 64, 4
PIXELS = 4  # of the half-size picture per latent and axis
TEXTURES = 32  # random patterns that are searched for in the half-size picture
RIDGE = 10.0
FLOOR = 1e-6  # added to the shares of colours: the square root has no finite slope at 0
SAMPLING = 2 / 3  # of the minutes; the rest trains the classifier
SAVE_EVERY = 960  # samples
BATCH = 48
REAL = 1 / 4  # of the examples are stickers, the others samples


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x):
        return x + self.layers(x)


class LatentStyleClassifier(nn.Module):
    """Latents [B, 12, 16, 16], as the decoder takes them, to log-likelihoods [B, S] of the styles in the order of STYLE_WORDS, up to a
    constant per sample.

    The network decodes a picture of half the size, at a tenth of the decoder's cost. Its features are the colours of that picture and the
    mean and deviation of each channel of each layer, like the features that style_classifier.py computes from the whole picture.
    """

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(LATENT_CHANNELS, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(Block(WIDTH) for _ in range(BLOCKS))
        self.last = nn.Sequential(nn.GroupNorm(8, WIDTH), nn.SiLU(), nn.Conv2d(WIDTH, 3 * PIXELS**2, 3, padding=1))
        self.textures = nn.Conv2d(3, TEXTURES, 3)
        num_features = 2 * (WIDTH * (1 + BLOCKS) + TEXTURES) + BINS**3
        self.centre = nn.Parameter(torch.zeros(num_features), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(num_features), requires_grad=False)
        self.linear = nn.Linear(num_features, len(STYLE_WORDS))

    def features(self, latents):
        """The half-size picture [B, 3, 64, 64], and features [B, F]."""
        computed = [self.first(latents)]
        for block in self.blocks:
            computed.append(block(computed[-1]))
        picture = F.pixel_shuffle(self.last(computed[-1]), PIXELS)
        shown = picture.clamp(-1, 1)
        computed.append(F.silu(self.textures(shown)))
        statistics = [value for x in computed for value in (x.mean((2, 3)), x.std((2, 3)))]
        return picture, torch.cat([*statistics, colour_histogram(shown, FLOOR)], 1)

    def standardised(self, features):
        return ((features - self.centre) / self.spread).clamp(-MAX_DEVIATION, MAX_DEVIATION)

    def forward(self, latents):
        _, features = self.features(latents)
        return self.linear(self.standardised(features))

    @torch.no_grad()
    def fit(self, features, logits):
        """Ridge regression (A. E. Hoerl, R. W. Kennard, 1970) of `logits` [N, S] on `features` [N, F]."""
        self.centre.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3)
        x, mean = self.standardised(features).double(), logits.mean(0).double()
        level = x.mean(0)
        x = x - level
        weights = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1], dtype=x.dtype), x.T @ (logits.double() - mean))
        self.linear.weight.copy_(weights.T)
        self.linear.bias.copy_(mean - level @ weights)


def load_latent_style_classifier(work):
    classifier = load_module(LatentStyleClassifier(), work, "latent_style_classifier", "classifier")
    if not classifier.centre.any():  # no checkpoint, or its training was interrupted
        path = work / "latent_style_classifier.pt"
        raise SystemExit(f"{path} must hold a fitted classifier: run latent_style_classifier.py to its end, unpack a pack, or export other --parts")
    return classifier


# -- Samples ---------------------------------------------------------------------------------------------------------


class SampleGenerator:
    """Redraws exemplars in styles that are given by words, as the product does."""

    def __init__(self, stickers, work):
        self.stickers, self.vae = stickers, trained_vae(work)
        _, self.scale = encode_stickers(stickers, work)
        self.unet = load_module(plain_attention(build_unet()), work, last_stage(work), "unet")
        clip = trained_text_encoder(trained_clip(stickers, work), work)
        clip.set_attn_implementation("eager")
        self.text, self.tokenizer = clip.text_model, clip_tokenizer(stickers, work)
        self.extents, self.decoded, self.references = style_extents(stickers), {}, {}
        self.cumulative = DDIMScheduler(**SCHEDULE).alphas_cumprod

    def exemplar(self, row):
        """A sticker as the pack's exemplar bank decodes it: [3, 128, 128] uint8."""
        if row not in self.decoded:
            latents = self.vae.encode(pixels_of(fit_to_extent(self.stickers.pixels[row], SIZE))).latent_dist.mode()
            pixels = self.vae.decode(latents).sample[0].clamp(-1, 1)
            self.decoded[row] = ((pixels + 1) * 127.5).round().to(torch.uint8).numpy()
        return self.decoded[row]

    def reference(self, row, style):
        """Its latents at the size that `style` usually draws in."""
        key = row, self.extents[style]
        if key not in self.references:
            self.references[key] = self.vae.encode(pixels_of(fit_to_extent(self.exemplar(row), self.extents[style]))).latent_dist.mode()[0]
        return self.references[key]

    def samples(self, jobs, noise):
        """Scaled latents of (row, style) pairs from `noise` [B, C, 16, 16], and their pictures in [-1, 1]."""
        texts = [f"{self.stickers.rows[row]['title']}, {style_words(style)}" for row, style in jobs]
        ids = torch.tensor([e.ids for e in self.tokenizer.encode_batch(texts)])
        reference = torch.stack([self.reference(row, style) for row, style in jobs])
        z, last = noise, len(STEPS) - 1
        with half_precision():
            states = self.text(input_ids=ids).last_hidden_state
            condition = torch.cat([states, torch.zeros(len(jobs), IMAGE_TOKENS, states.shape[2])], 1)
            for n, t in enumerate(STEPS):
                a, b = self.cumulative[t], self.cumulative[0 if n == last else STEPS[n + 1]]
                v = self.unet(torch.cat([z, reference], 1), torch.full((len(jobs),), t), condition).sample.float()
                z = b.sqrt() * (a.sqrt() * z - (1 - a).sqrt() * v) + (1 - b).sqrt() * (a.sqrt() * v + (1 - a).sqrt() * z)
        pictures = self.vae.decode(z / self.scale).sample.clamp(-1, 1)
        return z, ((pictures + 1) * 127.5).round() / 127.5 - 1


def pixels_of(sticker):
    return torch.from_numpy(sticker[None].astype(np.float32) / 127.5 - 1)


def sample_jobs(stickers):
    """(row, style, pair) of every exemplar in every style except held-out pairs. The (concept, style) pairs are in random order and
    numbered; a style is its position in STYLE_WORDS."""
    held = {(stickers.rows[row]["concept"], stickers.rows[row]["style"]) for row in stickers.held_out.tolist()}
    exemplars = choose_exemplars(stickers)
    pairs = [(concept, label) for concept in exemplars for label, style in enumerate(STYLE_WORDS) if (concept, style) not in held]
    random.Random(SEED).shuffle(pairs)
    return [(row, label, n) for n, (concept, label) in enumerate(pairs) for row in exemplars[concept]]


@torch.no_grad()
def make_samples(stickers, work, minutes):
    """As many samples as that time allows, kept in WORK/samples.pt: `latents` [N, C, 16, 16] as the decoder takes them, float16; `small`
    [N, 3, 64, 64], their pictures at half size, in 0 .. 255; `logits` [N, S] of style_classifier.py's classifier for the whole pictures;
    `styles` [N], the requested ones; `pairs` [N], equal for samples of one object in one style."""
    path, jobs = work / "samples.pt", sample_jobs(stickers)
    made = torch.load(path) if path.exists() else {}
    parts = {key: [made[key]] if made else [] for key in ("latents", "small", "logits", "styles", "pairs")}
    spent, count = made.get("spent", 0.0), len(made.get("pairs", []))
    if count == len(jobs) or spent >= 60 * minutes:
        return made
    generator, classifier, names = SampleGenerator(stickers, work), load_style_classifier(work), list(STYLE_WORDS)
    while count < len(jobs) and spent < 60 * minutes:
        started = time.monotonic()
        for at in range(count, min(count + SAVE_EVERY, len(jobs)), BATCH):
            rows, styles, pairs = zip(*jobs[at : min(at + BATCH, count + SAVE_EVERY)])
            noise = torch.stack([torch.randn(LATENT_CHANNELS, 16, 16, generator=torch.Generator().manual_seed(SEED + pair)) for pair in pairs])
            z, pictures = generator.samples([(row, names[style]) for row, style in zip(rows, styles)], noise)
            own = {"latents": (z / generator.scale).half(), "small": half_size(pictures), "logits": classifier(pictures),
                   "styles": torch.tensor(styles), "pairs": torch.tensor(pairs)}
            for key, values in own.items():
                parts[key].append(values)
        spent += time.monotonic() - started
        made = {key: torch.cat(values) for key, values in parts.items()} | {"spent": spent}
        count = len(made["pairs"])
        save_atomically(made, path)
        print(f"{count:,} of {len(jobs):,} samples, {spent:.0f} s", flush=True)
    return made


# -- Learning --------------------------------------------------------------------------------------------------------


class Examples:
    """Samples and training stickers: latents [N, C, 16, 16], half-size pictures and logits. Every tenth pair of samples is for validation."""

    def __init__(self, samples, stickers, work):
        latents, scale = encode_stickers(stickers, work)
        rows, decoded = torch.from_numpy(stickers.train), load_decoded_stickers(work)
        is_validation = samples["pairs"] % 10 == 0
        self.validation = {key: samples[key][is_validation] for key in ("latents", "logits", "styles", "pairs")}
        of_stickers = {"latents": (latents[0, rows] / scale).half(), "small": decoded["small"][rows], "logits": decoded["logits"][rows]}
        self.parts = [{key: samples[key][~is_validation] for key in of_stickers}, of_stickers]

    def batch(self, size, generator):
        """Latents, and half-size pictures in [-1, 1]."""
        counts = size - round(REAL * size), round(REAL * size)
        rows = [torch.randint(len(part["latents"]), (count,), generator=generator) for part, count in zip(self.parts, counts)]
        latents, small = (torch.cat([part[key][own] for part, own in zip(self.parts, rows)]).float() for key in ("latents", "small"))
        return latents, small / 127.5 - 1

    def all(self, key):
        return torch.cat([part[key] for part in self.parts])

    @torch.no_grad()
    def selection_accuracy(self, classifier):
        """On validation pairs, how often style_classifier.py's classifier accepts the first sample, the one of two that `classifier`
        selects, and the one that it would select itself."""
        predicted = torch.cat([classifier(part.float()) for part in self.validation["latents"].split(BATCH)])
        logits, styles, pairs = (self.validation[key] for key in ("logits", "styles", "pairs"))
        right = (logits.argmax(1) == styles).float()
        likely = [x.log_softmax(1).gather(1, styles[:, None]).squeeze(1) for x in (predicted, logits)]
        first = torch.nonzero(pairs[:-1] == pairs[1:]).squeeze(1)  # the two samples of a pair follow each other
        selected = [torch.where(x[first + 1] > x[first], first + 1, first) for x in likely]
        return tuple(right[rows].mean().item() for rows in (first, *selected))


def main():
    parser = stage_arguments(__doc__, 45)
    parser.add_argument("--rate", type=float, default=2e-3)
    arguments = parser.parse_args()
    start(arguments)
    work = arguments.work
    stickers = load_stickers(arguments.stickers, work)
    examples = Examples(make_samples(stickers, work, SAMPLING * arguments.minutes), stickers, work)
    classifier = LatentStyleClassifier()
    trainer = Trainer("latent_style_classifier", {"classifier": classifier}, work, (1 - SAMPLING) * arguments.minutes, lr=arguments.rate)
    generator = torch.Generator().manual_seed(SEED + trainer.step)
    while not trainer.done:
        latents, small = examples.batch(BATCH, generator)
        picture, _ = classifier.features(latents)
        difference = picture - small
        trainer.update(difference.abs().mean() + 2 * difference.square().mean(), squared=difference.detach().square().mean())
    with torch.no_grad():
        features = torch.cat([classifier.features(part.float())[1] for part in examples.all("latents").split(BATCH)])
    classifier.fit(features, examples.all("logits"))
    trainer.save()
    print("validation pairs in the requested style: first sample %.3f, selected %.3f, selected by style_classifier.py %.3f"
          % examples.selection_accuracy(load_latent_style_classifier(work)))


if __name__ == "__main__":
    main()
