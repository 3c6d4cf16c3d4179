"""Critics of the U-Net's pictures: would the hand that was asked for have drawn this?

As A. Sauer et al., "Adversarial Diffusion Distillation", 2023: a hinge loss on patches, conditioned on the hand by projection (T. Miyato,
M. Koyama, "cGANs with Projection Discriminator", 2018), and beside it a classifier of hands that learns from real pictures only (A. Odena
et al., "Conditional Image Synthesis with Auxiliary Classifier GANs", 2017). One critic looks at latents, for what is drawn with what, one at
windows of the decoded picture, for how: that a surface is flat can hardly be seen in latents. Real pictures come out of the
autoencoder too, since its touch is no hand's.
"""

import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from common import half_precision

SHIFT = 2  # latent pixels
HOLE = 5
WINDOW = 8
STEEP = 12
DRIFT = 0.01  # keeps what is said of real pictures and of made ones near 0


class Critic(nn.Module):
    """Patches of a picture, without norms: what tells hands apart is in absolute values and how they lie beside each other."""

    def __init__(self, patches, width, num_styles):
        super().__init__()
        self.patches = patches
        self.real = nn.Conv2d(width, 1, 1)
        self.of_style = nn.Embedding(num_styles, width)
        self.style = nn.Conv2d(width, num_styles, 1)
        nn.init.zeros_(self.of_style.weight)

    def forward(self, seen, style):
        """What is seen [B, C, h, w] and hands [B]: how real each patch looks, [B, P]; logits of the hands [B, S]."""
        x = self.patches(seen)
        real = self.real(x)[:, 0] + (self.of_style(style)[:, :, None, None] * x).sum(1)
        return real.flatten(1).float(), self.style(x).mean((2, 3)).float()


def latent_critic(channels, num_styles):
    return Critic(nn.Sequential(
        nn.Conv2d(channels, 96, 1), nn.SiLU(), nn.Conv2d(96, 192, 3, padding=1), nn.SiLU(),
        nn.Conv2d(192, 192, 2, stride=2), nn.SiLU(), nn.Conv2d(192, 256, 3, padding=1), nn.SiLU()), 256, num_styles)


class Steps(nn.Module):
    """Pixels [B, 3, h, w], and the steps between neighbours, small ones enlarged: [B, 9, h, w]."""

    def forward(self, pixels):
        down, right = F.pad(pixels.diff(dim=2), (0, 0, 0, 1)), F.pad(pixels.diff(dim=3), (0, 1))
        return torch.cat([pixels, torch.tanh(STEEP * down), torch.tanh(STEEP * right)], 1)


def pixel_critic(num_styles):
    return Critic(nn.Sequential(
        Steps(), nn.Conv2d(9, 64, 4, 2, 1), nn.SiLU(), nn.Conv2d(64, 96, 4, 2, 1), nn.SiLU(),
        nn.Conv2d(96, 192, 4, 2, 1), nn.SiLU(), nn.Conv2d(192, 256, 3, padding=1), nn.SiLU()), 256, num_styles)


def cut(latents, rows, columns):
    """`latents` [B, C, h, w] at the rows [B, y] and columns [B, x]: [B, C, y, x]."""
    return latents[torch.arange(len(latents))[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def disturbed(latents, generator):
    """Shifted by up to SHIFT pixels, the rim repeated, and half of them with a square cut out: real ones are few (S. Zhao et
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


class Criticism:
    """A critic with its optimiser."""

    def __init__(self, critic, seed, rate=5e-4):
        self.critic = critic.train()
        self.optimizer = torch.optim.AdamW(critic.parameters(), lr=rate, betas=(0.5, 0.99), weight_decay=0.01, fused=True)
        self.generator = torch.Generator().manual_seed(seed)

    def judge(self, seen, style):
        """The loss of pictures [B, C, h, w] that were to be in the hands [B], one a picture: [B]; and whether the hand is told right."""
        self.critic.requires_grad_(False)
        with half_precision():
            patches, logits = self.critic(seen, style)
        self.critic.requires_grad_(True)
        return F.cross_entropy(logits, style, reduction="none") - patches.mean(1), logits.argmax(1) == style

    def learn(self, made, made_style, real, real_style):
        """From pictures made, and from real ones; the loss of the hands told, and how far real is told from made."""
        with half_precision():
            patches, logits = self.critic(torch.cat([real, made.detach()]), torch.cat([real_style, made_style]))
        of_real, of_made = patches.split([len(real), len(made)])
        classified = F.cross_entropy(logits[: len(real)], real_style)
        drift = of_real.square().mean() + of_made.square().mean()
        loss = F.relu(1 - of_real).mean() + F.relu(1 + of_made).mean() + classified + DRIFT * drift
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return classified.item(), (of_real.mean() - of_made.mean()).item() / 2

    def tell_apart(self, view, latents, style, rows, minutes, size=64):
        """Learns the hands alone: by `view(latents, generator)` of latents [2, N, C, h, w], mirrored and not, of which `rows` may be seen."""
        optimizer = torch.optim.AdamW(self.critic.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
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
                logits = self.critic(seen, style[chosen])[1]
            loss = F.cross_entropy(logits, style[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def told(self, seen, style):
        """The share of pictures whose hand it tells."""
        return (self.critic(seen, style)[1].argmax(1) == style).float().mean().item()

    def state(self):
        return {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state):
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(state["optimizer"])
