"""The autoencoder: 128x128 RGB <-> 16x16 latents of 12 channels (AutoencoderKL).

Trained on 64x64 crops, then for the last tenth on whole pictures. Loss = L1 + 2 MSE + edges (L1 of the finite
differences, which keeps outlines sharp) + 5e-4 KL.
"""

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from common import Trainer, half_precision, load_module, load_stickers, stage_arguments, start

LATENT_CHANNELS = 12
PATCH = 2


class PatchAutoencoder(AutoencoderKL):
    """AutoencoderKL over 2x2 patches: the costly full-size level becomes a rearrangement of pixels."""

    def encode(self, pixels):
        return super().encode(F.pixel_unshuffle(pixels, PATCH))

    def decode(self, latents):
        decoded = super().decode(latents)
        decoded.sample = F.pixel_shuffle(decoded.sample, PATCH)
        return decoded


def build_vae():
    return PatchAutoencoder(
        in_channels=3 * PATCH**2, out_channels=3 * PATCH**2, latent_channels=LATENT_CHANNELS, sample_size=128 // PATCH,
        down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3,
        block_out_channels=[32, 64, 96], layers_per_block=1, norm_num_groups=8, mid_block_add_attention=False,
    )


def trained_vae(work):
    return load_module(build_vae(), work, "vae", "vae")


def reconstruction_loss(made, real):
    difference = made - real
    edges = sum((torch.diff(made, dim=d) - torch.diff(real, dim=d)).abs().mean() for d in (2, 3))
    return difference.abs().mean() + 2 * difference.square().mean() + 0.5 * edges, difference.square().mean()


def crops(pixels, rows, size, rng):
    """Random crops, flipped at random; of four places the one with most ink, half of the time."""
    out = np.empty((len(rows), 3, size, size), np.uint8)
    for n, row in enumerate(rows):
        image = pixels[row]
        places = [tuple(rng.integers(0, 128 - size + 1, 2)) for _ in range(4 if rng.random() < 0.5 else 1)]
        windows = [image[:, y : y + size, x : x + size] for y, x in places]
        crop = max(windows, key=lambda w: w[:, ::4, ::4].std()) if len(windows) > 1 else windows[0]
        crop = crop[:, :, ::-1] if rng.random() < 0.5 else crop
        out[n] = crop[rng.permutation(3)] if rng.random() < 0.2 else crop
    return torch.from_numpy(out.astype(np.float32) / 127.5 - 1)


def main():
    parser = stage_arguments(__doc__, 24)
    parser.add_argument("--rate", type=float, default=2e-3)
    arguments = parser.parse_args()
    start(arguments)
    stickers = load_stickers(arguments.stickers, arguments.work)
    vae = build_vae().train()
    trainer = Trainer("vae", {"vae": vae}, arguments.work, arguments.minutes, lr=arguments.rate, weight_decay=1e-4, ema=0.995)
    rng = np.random.default_rng(trainer.step + 1)
    while not trainer.done:
        whole = trainer.progress > 0.85
        rows = rng.choice(stickers.train, 4 if whole else 16)
        images = crops(stickers.pixels, rows, 128 if whole else 64, rng)
        with half_precision():
            posterior = vae.encode(images).latent_dist
            latents = posterior.sample() if rng.random() < 0.5 else posterior.mode()
            made = vae.decode(latents).sample.float()
        loss, mse = reconstruction_loss(made, images)
        kl = posterior.kl().float().mean() / posterior.mean[0].numel()
        trainer.update(loss + 5e-4 * kl, mse=mse, kl=kl)
    trainer.save()


if __name__ == "__main__":
    main()
