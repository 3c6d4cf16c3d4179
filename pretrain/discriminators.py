"""Discriminators for the U-Net's pictures: is this picture real, and in the requested style?

The loss is a hinge loss on patches (A. Sauer et al., "Adversarial Diffusion Distillation", 2023), conditioned on the style by projection
(T. Miyato, M. Koyama, "cGANs with Projection Discriminator", 2018). A style classifier beside it learns from real pictures only (A. Odena et
al., "Conditional Image Synthesis with Auxiliary Classifier GANs", 2017). One discriminator reads latents: it sees colours and shapes. One
reads windows of the decoded picture: it sees how surfaces are drawn, which latents hardly show. Real pictures pass through the autoencoder
too, so that its own artefacts say nothing.
"""

import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from common import half_precision

SHIFT = 2  # latent pixels
HOLE = 5
WINDOW = 8
STEEPNESS = 12
DRIFT = 0.01  # keeps the scores of real and of generated pictures near 0


class Discriminator(nn.Module):
    """Scores patches of a picture. It has no norm layers: styles differ in absolute values and in the differences between neighbours."""

    def __init__(self, patches, width, num_styles):
        super().__init__()
        self.patches = patches
        self.real = nn.Conv2d(width, 1, 1)
        self.of_style = nn.Embedding(num_styles, width)
        self.style = nn.Conv2d(width, num_styles, 1)
        nn.init.zeros_(self.of_style.weight)

    def forward(self, seen, style):
        """Input [B, C, h, w] and styles [B] to a score per patch [B, P], high for real, and logits of the styles [B, S]."""
        x = self.patches(seen)
        real = self.real(x)[:, 0] + (self.of_style(style)[:, :, None, None] * x).sum(1)
        return real.flatten(1).float(), self.style(x).mean((2, 3)).float()


def latent_discriminator(channels, num_styles):
    return Discriminator(nn.Sequential(
        nn.Conv2d(channels, 96, 1), nn.SiLU(), nn.Conv2d(96, 192, 3, padding=1), nn.SiLU(),
        nn.Conv2d(192, 192, 2, stride=2), nn.SiLU(), nn.Conv2d(192, 256, 3, padding=1), nn.SiLU()), 256, num_styles)


class NeighbourDifferences(nn.Module):
    """Pixels [B, 3, h, w], and the differences between neighbours, small ones enlarged: [B, 9, h, w]."""

    def forward(self, pixels):
        down, right = F.pad(pixels.diff(dim=2), (0, 0, 0, 1)), F.pad(pixels.diff(dim=3), (0, 1))
        return torch.cat([pixels, torch.tanh(STEEPNESS * down), torch.tanh(STEEPNESS * right)], 1)


def pixel_discriminator(num_styles):
    return Discriminator(nn.Sequential(
        NeighbourDifferences(), nn.Conv2d(9, 64, 4, 2, 1), nn.SiLU(), nn.Conv2d(64, 96, 4, 2, 1), nn.SiLU(),
        nn.Conv2d(96, 192, 4, 2, 1), nn.SiLU(), nn.Conv2d(192, 256, 3, padding=1), nn.SiLU()), 256, num_styles)


def cut(latents, rows, columns):
    """`latents` [B, C, h, w] at the rows [B, y] and columns [B, x]: [B, C, y, x]."""
    return latents[torch.arange(len(latents))[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def augment(latents, generator):
    """Shifts each by up to SHIFT pixels, repeating the rim, and cuts a square out of half of them, since real pictures are few (S. Zhao et
    al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020)."""
    size, side = len(latents), latents.shape[-1]
    shifts = torch.randint(-SHIFT, SHIFT + 1, (size, 2), generator=generator)
    places = torch.arange(side)
    moved = cut(latents, (places + shifts[:, :1]).clamp(0, side - 1), (places + shifts[:, 1:]).clamp(0, side - 1))
    corners = torch.randint(-HOLE // 2, side - HOLE // 2, (size, 2), generator=generator)
    inside = lambda corner: (places >= corner) & (places < corner + HOLE)
    hole = inside(corners[:, :1])[:, :, None] & inside(corners[:, 1:])[:, None, :] & (torch.rand(size, 1, 1, generator=generator) < 0.5)
    return moved * ~hole[:, None]


class Windows:
    """Windows of the pictures that latents decode to."""

    def __init__(self, vae, scale):
        self.vae, self.scale = vae, scale

    def places(self, latents, generator):
        corners = torch.randint(1, latents.shape[-1] - WINDOW, (len(latents), 2), generator=generator)
        return corners[:, :1] + torch.arange(WINDOW), corners[:, 1:] + torch.arange(WINDOW)

    def decoded(self, latents, places):
        with half_precision():
            return self.vae.decode(cut(latents, *places) / self.scale).sample.float()

    def random(self, latents, generator):
        return self.decoded(latents, self.places(latents, generator))


class DiscriminatorTrainer:
    """A discriminator with its optimiser."""

    def __init__(self, discriminator, seed, rate=5e-4):
        self.discriminator = discriminator.train()
        self.optimizer = torch.optim.AdamW(discriminator.parameters(), lr=rate, betas=(0.5, 0.99), weight_decay=0.01, fused=True)
        self.generator = torch.Generator().manual_seed(seed)

    def generator_loss(self, seen, style):
        """The generator's loss for pictures [B, C, h, w] requested in the styles [B], one per picture: [B]; and whether each style is recognised."""
        self.discriminator.requires_grad_(False)
        with half_precision():
            patches, logits = self.discriminator(seen, style)
        self.discriminator.requires_grad_(True)
        return F.cross_entropy(logits, style, reduction="none") - patches.mean(1), logits.argmax(1) == style

    def update(self, made, made_style, real, real_style):
        """One step on generated and real pictures; gives the style classifier's loss, and the gap between real and generated scores."""
        with half_precision():
            patches, logits = self.discriminator(torch.cat([real, made.detach()]), torch.cat([real_style, made_style]))
        of_real, of_made = patches.split([len(real), len(made)])
        classified = F.cross_entropy(logits[: len(real)], real_style)
        drift = of_real.square().mean() + of_made.square().mean()
        loss = F.relu(1 - of_real).mean() + F.relu(1 + of_made).mean() + classified + DRIFT * drift
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return classified.item(), (of_real.mean() - of_made.mean()).item() / 2

    def train_classifier(self, view, latents, style, rows, minutes, size=64):
        """Trains the style classifier alone, on `view(latents, generator)` of the `rows` of latents [2, N, C, h, w], mirrored and not."""
        optimizer = torch.optim.AdamW(self.discriminator.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        start, progress = time.monotonic(), 0.0
        while progress < 1:
            progress = (time.monotonic() - start) / 60 / minutes
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * min(1, 2 * (1.02 - min(progress, 1)))
            chosen = rows[torch.randint(len(rows), (size,), generator=self.generator)]
            mirrored = torch.randint(2, (size,), generator=self.generator)
            with torch.no_grad():
                seen = view(latents[mirrored, chosen], self.generator)
            with half_precision():
                logits = self.discriminator(seen, style[chosen])[1]
            loss = F.cross_entropy(logits, style[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def style_accuracy(self, seen, style):
        """The share of pictures whose style it recognises."""
        return (self.discriminator(seen, style)[1].argmax(1) == style).float().mean().item()

    def state(self):
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state):
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
