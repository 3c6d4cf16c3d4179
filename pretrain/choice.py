"""Which of several drafts of a thing is most in the hand that was asked for, told from their latents.

Only the draft that is kept need be decoded then. What style.py's classifier says of a decoded draft is learned by a small network that
sees its latents alone (G. Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, section 2), from drafts such as those
it will choose among: remembered drawings, redrawn in a hand by the trained U-Net. A network of that kind which learned from stickers alone
finds nearly all drafts right, as the critics had taught the U-Net to please such a one; here it is told which are not.
Held-out pairs are not drawn.
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
    SEED, SIZE, Trainer, fitted, half_precision, hand_extents, load_module, load_stickers, remembered, save_whole, stage_arguments, start,
)
from fewstep import STEPS
from prompts import STYLE_WORDS, style_words
from style import BINS, MAX_DEVIATION, colour_histogram, decoded_stickers, halved, trained_style
from tokenizer import clip_tokenizer
from unet import IMAGE_TOKENS, SCHEDULE, build_unet, encode_stickers, last_stage, plain_attention, trained_text_encoder
from vae import LATENT_CHANNELS, trained_vae

WIDTH, BLOCKS = 64, 4
PIXELS = 4  # of the small picture, along each latent; the whole one has twice as many
TEXTURES = 32  # patterns looked for in the small picture, chosen at random
RIDGE = 10.0
FLOOR = 1e-6  # added to the shares of colours: the root of none has no slope by which one could learn
DRAWING = 2 / 3  # of the minutes; the rest is for learning
SAVE_EVERY = 960  # drafts
BATCH = 48
REAL = 1 / 4  # of the examples are stickers, the others drafts


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x):
        return x + self.layers(x)


class DraftClassifier(nn.Module):
    """Latents [B, 12, 16, 16], as the decoder takes them, to log-likelihoods [B, S] of the hands in the order of STYLE_WORDS, up to a
    constant of each draft.

    It makes a small picture of them, at a tenth of the decoder's cost, and goes by which colours are there and by the means and deviations of
    what it computed on the way, as style.py's classifier does of the whole picture.
    """

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(LATENT_CHANNELS, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(Block(WIDTH) for _ in range(BLOCKS))
        self.last = nn.Sequential(nn.GroupNorm(8, WIDTH), nn.SiLU(), nn.Conv2d(WIDTH, 3 * PIXELS**2, 3, padding=1))
        self.textures = nn.Conv2d(3, TEXTURES, 3)
        features = 2 * (WIDTH * (1 + BLOCKS) + TEXTURES) + BINS**3
        self.centre = nn.Parameter(torch.zeros(features), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(features), requires_grad=False)
        self.linear = nn.Linear(features, len(STYLE_WORDS))

    def seen(self, latents):
        """The small picture [B, 3, 64, 64], and features [B, F]."""
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
        _, features = self.seen(latents)
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


def trained_choice(work):
    classifier = load_module(DraftClassifier(), work, "choice", "choice")
    if not classifier.centre.any():  # there is none, or its training was stopped
        raise SystemExit(f"{work / 'choice.pt'} must hold a fitted classifier: run choice.py to its end, unpack a pack, or export other --parts")
    return classifier


# -- Drafts ----------------------------------------------------------------------------------------------------------


class Artist:
    """Draws remembered stickers in hands that are asked for by words, as the product does."""

    def __init__(self, stickers, work):
        self.stickers, self.vae = stickers, trained_vae(work)
        _, self.scale = encode_stickers(stickers, work)
        self.unet = load_module(plain_attention(build_unet()), work, last_stage(work), "unet")
        clip = trained_text_encoder(trained_clip(stickers, work), work)
        clip.set_attn_implementation("eager")
        self.text, self.tokenizer = clip.text_model, clip_tokenizer(stickers, work)
        self.extents, self.decoded, self.references = hand_extents(stickers), {}, {}
        self.cumulative = DDIMScheduler(**SCHEDULE).alphas_cumprod

    def drawing(self, row):
        """A sticker as the pack remembers it, decoded: [3, 128, 128] uint8."""
        if row not in self.decoded:
            latents = self.vae.encode(pixels_of(fitted(self.stickers.pixels[row], SIZE))).latent_dist.mode()
            pixels = self.vae.decode(latents).sample[0].clamp(-1, 1)
            self.decoded[row] = ((pixels + 1) * 127.5).round().to(torch.uint8).numpy()
        return self.decoded[row]

    def reference(self, row, style):
        """Its latents at the size in which a hand draws."""
        key = row, self.extents[style]
        if key not in self.references:
            self.references[key] = self.vae.encode(pixels_of(fitted(self.drawing(row), self.extents[style]))).latent_dist.mode()[0]
        return self.references[key]

    def drafts(self, jobs, noise):
        """Latents, scaled, of (row, style)s from `noise` [B, C, 16, 16], and their pictures in [-1, 1]."""
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


def asked_drafts(stickers):
    """(row, hand, pair) of every remembered drawing in every hand, but for held-out pairs; (concept, hand) pairs in random order, each with
    a number."""
    held = {(stickers.rows[row]["concept"], stickers.rows[row]["style"]) for row in stickers.held_out.tolist()}
    drawn = remembered(stickers)
    pairs = [(concept, hand) for concept in drawn for hand, style in enumerate(STYLE_WORDS) if (concept, style) not in held]
    random.Random(SEED).shuffle(pairs)
    return [(row, hand, n) for n, (concept, hand) in enumerate(pairs) for row in drawn[concept]]


@torch.no_grad()
def make_drafts(stickers, work, minutes):
    """As many drafts as can be made in that time, kept in WORK/drafts.pt: `latents` [N, C, 16, 16] as the decoder takes them, float16; `small`
    [N, 3, 64, 64], their pictures at half their size, in 0 .. 255; `logits` [N, S], what style.py's classifier says of the whole ones; `hands` [N],
    which were asked for; `pairs` [N], which of them are of one thing in one hand."""
    path, jobs = work / "drafts.pt", asked_drafts(stickers)
    made = torch.load(path) if path.exists() else {}
    parts = {key: [made[key]] if made else [] for key in ("latents", "small", "logits", "hands", "pairs")}
    spent, count = made.get("spent", 0.0), len(made.get("pairs", []))
    if count == len(jobs) or spent >= 60 * minutes:
        return made
    artist, classifier, styles = Artist(stickers, work), trained_style(work), list(STYLE_WORDS)
    while count < len(jobs) and spent < 60 * minutes:
        started = time.monotonic()
        for at in range(count, min(count + SAVE_EVERY, len(jobs)), BATCH):
            rows, hands, pairs = zip(*jobs[at : min(at + BATCH, count + SAVE_EVERY)])
            noise = torch.stack([torch.randn(LATENT_CHANNELS, 16, 16, generator=torch.Generator().manual_seed(SEED + pair)) for pair in pairs])
            z, pictures = artist.drafts([(row, styles[hand]) for row, hand in zip(rows, hands)], noise)
            own = {"latents": (z / artist.scale).half(), "small": halved(pictures), "logits": classifier(pictures),
                   "hands": torch.tensor(hands), "pairs": torch.tensor(pairs)}
            for key, values in own.items():
                parts[key].append(values)
        spent += time.monotonic() - started
        made = {key: torch.cat(values) for key, values in parts.items()} | {"spent": spent}
        count = len(made["pairs"])
        save_whole(made, path)
        print(f"{count:,} of {len(jobs):,} drafts, {spent:.0f} s", flush=True)
    return made


# -- Learning --------------------------------------------------------------------------------------------------------


class Examples:
    """Drafts and training stickers: latents [N, C, 16, 16], small pictures and logits. Every tenth pair of drafts is kept apart."""

    def __init__(self, drafts, stickers, work):
        latents, scale = encode_stickers(stickers, work)
        rows, decoded = torch.from_numpy(stickers.train), decoded_stickers(work)
        kept_apart = drafts["pairs"] % 10 == 0
        self.apart = {key: drafts[key][kept_apart] for key in ("latents", "logits", "hands", "pairs")}
        of_stickers = {"latents": (latents[0, rows] / scale).half(), "small": decoded["small"][rows], "logits": decoded["logits"][rows]}
        self.parts = [{key: drafts[key][~kept_apart] for key in of_stickers}, of_stickers]

    def batch(self, size, generator):
        """Latents, and small pictures in [-1, 1]."""
        counts = size - round(REAL * size), round(REAL * size)
        rows = [torch.randint(len(part["latents"]), (count,), generator=generator) for part, count in zip(self.parts, counts)]
        latents, small = (torch.cat([part[key][own] for part, own in zip(self.parts, rows)]).float() for key in ("latents", "small"))
        return latents, small / 127.5 - 1

    def all(self, key):
        return torch.cat([part[key] for part in self.parts])

    @torch.no_grad()
    def chosen(self, classifier):
        """Of pairs kept apart: how often style.py's classifier finds the first draft right, the one of two that `classifier` chooses, and the one
        that it would choose itself."""
        told = torch.cat([classifier(part.float()) for part in self.apart["latents"].split(BATCH)])
        logits, hands, pairs = (self.apart[key] for key in ("logits", "hands", "pairs"))
        right = (logits.argmax(1) == hands).float()
        likely = [x.log_softmax(1).gather(1, hands[:, None]).squeeze(1) for x in (told, logits)]
        first = torch.nonzero(pairs[:-1] == pairs[1:]).squeeze(1)  # the two drafts of a pair follow each other
        choices = [torch.where(x[first + 1] > x[first], first + 1, first) for x in likely]
        return tuple(right[rows].mean().item() for rows in (first, *choices))


def main():
    parser = stage_arguments(__doc__, 45)
    parser.add_argument("--rate", type=float, default=2e-3)
    arguments = parser.parse_args()
    start(arguments)
    work = arguments.work
    stickers = load_stickers(arguments.stickers, work)
    examples = Examples(make_drafts(stickers, work, DRAWING * arguments.minutes), stickers, work)
    classifier = DraftClassifier()
    trainer = Trainer("choice", {"choice": classifier}, work, (1 - DRAWING) * arguments.minutes, lr=arguments.rate)
    generator = torch.Generator().manual_seed(SEED + trainer.step)
    while not trainer.done:
        latents, small = examples.batch(BATCH, generator)
        picture, _ = classifier.seen(latents)
        apart = picture - small
        trainer.update(apart.abs().mean() + 2 * apart.square().mean(), squared=apart.detach().square().mean())
    with torch.no_grad():
        features = torch.cat([classifier.seen(part.float())[1] for part in examples.all("latents").split(BATCH)])
    classifier.fit(features, examples.all("logits"))
    trainer.save()
    print("right of the drafts kept apart: the first %.3f, the chosen %.3f, style.py's own choice %.3f" % examples.chosen(trained_choice(work)))


if __name__ == "__main__":
    main()
