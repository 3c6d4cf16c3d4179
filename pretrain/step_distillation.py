"""Trains the U-Net to redraw a reference in two steps, without guidance, and in the requested style.

Sampling in many steps adds up the errors of a small U-Net: pictures get blotches, and the style of the reference remains. At the first
step the U-Net already sees the whole reference beside the noise. So this stage trains it on the two steps themselves (STEPS, DDIM's), and each
step predicts the finished picture x0:

  The squared error is not the aim here: its minimum is a mean of pictures, which has no style. Half of the examples have a known target
  and use absolute differences, whose minimum is a median.
  Discriminators (discriminators.py) score every picture: is it real, and in the requested style? They also score examples without a known
  target, as when no drawing of the object in the requested style lies on the reference, or none exists.

After A. Sauer et al., "Adversarial Diffusion Distillation", 2023, and P. Isola et al., "Image-to-Image Translation with
Conditional Adversarial Networks", 2017 (absolute differences and a patch discriminator).

References are those of unet.py, and

  foreign   a drawing of the object in another style, aligned with the target or not: no target is known, but the coarse picture must
            stay.

Below the first step, z_t is made from what a step may start from: the U-Net's own first prediction, the target itself, or the reference, as
image-to-image with a strength below 1 starts.
"""

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler

from clip import trained_clip
from common import EXEMPLAR_STYLES, SEED, Trainer, half_precision, load_module, load_stickers, stage_arguments, start
from discriminators import DiscriminatorTrainer, Windows, augment, latent_discriminator, pixel_discriminator
from prompts import prompt, style_words
from tokenizer import clip_tokenizer
from unet import (
    ALIGNED, SCHEDULE, Examples, NormalisedImageProjection, build_unet, embed_stickers, encode_altered, encode_stickers, plain_attention,
)
from vae import LATENT_CHANNELS, reconstruction_loss, trained_vae

STEPS = (999, 499)
FIRST_STEP = 0.6  # of the examples
CLASSIFIER_MINUTES = 3  # of training the discriminators' style classifiers first
FOREIGN_WEIGHT = 8.0  # of the discriminators' gradient where no target is known
COARSE_WEIGHT = 0.1  # of the coarse difference between a foreign reference and its redrawing
PIXELS = 1.0  # weight of differences in the decoded windows, beside those of latents
SOFTNESS = 0.1  # smaller differences count by their square


class DistillationExamples(Examples):
    """`Examples` with foreign references, and only the two mildest alterations of each sticker."""

    def __init__(self, *given):
        super().__init__(*given)
        self.peers, self.mild = {}, {}

    def reference(self, row):
        kind, mirrored = self.rng.random(), int(self.rng.random() < 0.1)
        if kind < 0.04:
            return "none", torch.zeros_like(self.latents[0, row]), mirrored
        if kind < 0.06:
            return "itself", self.latents[mirrored, row], mirrored
        rows = self.stickers.rows
        if row not in self.peers:
            peers = [i for i in self.of_concept[rows[row]["concept"]] if i != row]
            self.peers[row] = sorted(peers, key=lambda i: EXEMPLAR_STYLES.index(rows[i]["style"]))
            self.near[row] = [i for i in peers if self.likeness(i, row) >= ALIGNED]
            distance = (self.altered[:, row] - self.latents[0, row]).square().mean((1, 2, 3))
            self.mild[row] = distance.argsort()[:2].tolist()
        if kind < 0.5 and self.peers[row]:
            other = self.peers[row][0] if self.rng.random() < 0.5 else self.rng.choice(self.peers[row])
            return "foreign", self.latents[mirrored, other], mirrored
        if kind < 0.7 and self.near[row]:
            return "another", self.latents[mirrored, self.rng.choice(self.near[row])], mirrored
        return "altered", self.altered[self.rng.choice(self.mild[row]), row], 0

    def batch(self, size):
        """`example` of `size` stickers, each column stacked. No sticker repeats before all have come once."""
        if len(self.queue) < size:
            order = self.stickers.train.tolist()
            self.rng.shuffle(order)
            self.queue += order
        rows, self.queue = self.queue[:size], self.queue[size:]
        examples = [self.example(row) for row in rows]
        columns = {key: [example[key] for example in examples] for key in examples[0]}
        stacked = lambda values: torch.stack(values) if torch.is_tensor(values[0]) else torch.tensor(values)
        return {key: values if key == "text" else stacked(values) for key, values in columns.items()}

    def example(self, row):
        sticker = self.stickers.rows[row]
        kind, reference, mirrored = self.reference(row)
        dropped = kind != "foreign" and self.rng.random() < 0.08
        told, shown = self.rng.choice([(True, False)] * 2 + [(False, True)] * 2 + [(True, True)])
        text = prompt(sticker, self.rng, style=told, colors=self.rng.random() < (0.7 if kind == "altered" else 0.35))
        bare = shown and not told and self.rng.random() < 0.3
        if kind in ("foreign", "none") and self.rng.random() < 0.4:  # the usual prompts of text-to-image and image-to-image
            text = f"{sticker['title']}, {style_words(sticker['style'])}" if told else sticker["title"]
        return {
            "target": self.latents[mirrored, row], "reference": reference, "foreign": kind == "foreign", "alone": kind == "none",
            "text": "" if dropped or bare else text, "shown": shown and not dropped, "dropped": dropped,
            "embedding": self.style_embedding(row) if shown else self.embeddings[row], "style": self.stickers.styles.index(sticker["style"]),
        }


def column(values):
    return values.view(-1, 1, 1, 1)


def mean_of(values, chosen):
    return values[chosen].float().mean().item() if chosen.any() else 0.0


def main():
    parser = stage_arguments(__doc__, 60)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--adversarial-weight", type=float, default=0.8, help="norm of each discriminator's gradient, relative to that of the known targets")
    arguments = parser.parse_args()
    start(arguments)
    work = arguments.work
    stickers = load_stickers(arguments.stickers, work)
    clip = trained_clip(stickers, work)
    clip.set_attn_implementation("eager")
    tokenizer = clip_tokenizer(stickers, work)
    latents, scale = encode_stickers(stickers, work)
    altered, embeddings = encode_altered(stickers, work, scale), embed_stickers(clip, stickers, work)
    modules = {"unet": plain_attention(build_unet()), "projection": NormalisedImageProjection(), "text": clip.text_model}
    for key, module in modules.items():
        load_module(module, work, "unet", key).requires_grad_(True).train()
    unet, projection, text = modules.values()
    trainer = Trainer("step_distillation", modules, work, arguments.minutes, lr=arguments.rate, ema=0.998, slower={"text": 0.3})
    examples = DistillationExamples(stickers, latents, altered, embeddings, trainer.step)
    labels = torch.tensor([stickers.styles.index(row["style"]) for row in stickers.rows])
    windows = Windows(trained_vae(work), scale)
    discriminators = {
        "latent": DiscriminatorTrainer(latent_discriminator(LATENT_CHANNELS, len(stickers.styles)), trainer.step),
        "pixel": DiscriminatorTrainer(pixel_discriminator(len(stickers.styles)), trainer.step, rate=1e-3),
    }
    train, held = torch.from_numpy(stickers.train), stickers.held_out
    for (name, discriminator), view in zip(discriminators.items(), (augment, windows.random)):
        path = work / f"discriminator-{name}.pt"
        if path.exists():
            discriminator.restore(torch.load(path))
        else:
            discriminator.train_classifier(view, latents, labels, train, CLASSIFIER_MINUTES)
            torch.save(discriminator.state(), path)
        accuracy = discriminator.style_accuracy(view(latents[0, held], discriminator.generator), labels[held])
        print(f"{name} discriminator: recognises the style of {accuracy:.3f} of the held-out stickers", flush=True)
    cumulative = DDIMScheduler(**SCHEDULE).alphas_cumprod
    steps, random = torch.tensor(STEPS), torch.Generator().manual_seed(SEED + trainer.step)
    while not trainer.done:
        of = examples.batch(arguments.batch)
        target, reference, style, foreign = of["target"], of["reference"], of["style"], of["foreign"]
        size = len(target)
        chance, source = torch.rand(size, generator=random), torch.rand(size, generator=random)
        t = torch.where(chance < FIRST_STEP, STEPS[0], steps[1 + torch.randint(len(STEPS) - 1, (size,), generator=random)])
        t = torch.where(of["alone"], 999 - (chance * 999), t).long()
        is_first = t == STEPS[0]
        noise = torch.randn(target.shape, generator=random)
        a, s = column(cumulative[t].sqrt()), column((1 - cumulative[t]).sqrt())
        ids = torch.tensor([e.ids for e in tokenizer.encode_batch(of["text"])])
        with half_precision():
            states = text(input_ids=ids).last_hidden_state
            condition = torch.cat([states, projection(of["embedding"]) * of["shown"].view(-1, 1, 1)], 1)
            from_reference = ~of["alone"] & (source < 0.25)
            own = ~is_first & ~of["alone"] & ~from_reference & (foreign | (source > 0.6))
            clean = torch.where(column(from_reference), reference, target)
            if own.any():
                with torch.no_grad():
                    first = torch.full((int(own.sum()),), STEPS[0])
                    seen = torch.cat([noise[own], reference[own] / scale], 1)
                    guessed = unet(seen, first, condition[own]).sample.float()
                    clean[own] = cumulative[STEPS[0]].sqrt() * noise[own] - (1 - cumulative[STEPS[0]]).sqrt() * guessed
            noised = torch.where(column(is_first), noise, a * clean + s * noise)
            predicted = unet(torch.cat([noised, reference / scale], 1), t, condition).sample.float()
        v = predicted.detach().requires_grad_(True)
        made = a * noised - s * v
        error = ((made - target).square() + SOFTNESS**2).sqrt().mean((1, 2, 3)) - SOFTNESS
        left = (F.avg_pool2d(made, 2) - F.avg_pool2d(reference, 2)).square().mean((1, 2, 3))
        (gradient,) = torch.autograd.grad(torch.where(foreign, COARSE_WEIGHT * left, error).sum() / size, v, retain_graph=True)
        scored, known = ~of["dropped"] & ~of["alone"], ~foreign
        places = windows.places(made, random)
        with torch.no_grad():
            real = windows.decoded(target, places)
        redrawn_windows = windows.decoded(made, places)
        window_loss, _ = reconstruction_loss(redrawn_windows[known], real[known])
        (finer,) = torch.autograd.grad(PIXELS * window_loss * known.sum() / size, v, retain_graph=True)
        gradient = gradient + finer
        loudness = column(torch.where(foreign, FOREIGN_WEIGHT, 1.0))
        seen = {"latent": (augment(made[scored], random), augment(target, random)), "pixel": (redrawn_windows[scored], real)}
        figures, total = {}, gradient
        for name, discriminator in discriminators.items():
            redrawn, genuine = seen[name]
            adversarial, recognised = discriminator.generator_loss(redrawn, style[scored])
            (push,) = torch.autograd.grad(adversarial.sum() / size, v, retain_graph=True)
            weight = arguments.adversarial_weight * gradient[known].norm() / push[known].norm().clamp(min=1e-12)
            total = total + weight * push * loudness
            classified, gap = discriminator.update(redrawn, style[scored], genuine, style)
            figures |= {f"{name}_style": mean_of(recognised, known[scored]), f"{name}_foreign_style": mean_of(recognised, foreign[scored]),
                        f"{name}_classified": classified, f"{name}_gap": gap, f"{name}_weight": weight}
        guided = known & ~of["alone"]
        trainer.update(
            (predicted * total).sum(), first=mean_of(error.detach(), guided & is_first), later=mean_of(error.detach(), guided & ~is_first),
            alone=mean_of(error.detach(), of["alone"]), windows=window_loss, left=mean_of(left.detach(), foreign), **figures)
        if trainer.step % 100 == 0:
            for name, discriminator in discriminators.items():
                torch.save(discriminator.state(), work / f"discriminator-{name}.pt")
    trainer.save()


if __name__ == "__main__":
    main()
