"""A style classifier for whole pictures: is a redrawing in the requested style?

The U-Net reaches a style better from one reference than from another, and not always from the same one. So it makes several samples, and the
one that a classifier of real pictures recognises best is kept (A. Razavi et al., "Generating Diverse High-Fidelity Images with VQ-VAE-2",
2019, section 3.4). The features are statistics of a network's channels (X. Huang, S. Belongie, "Arbitrary Style Transfer in Real-time with
Adaptive Instance Normalization", 2017), here of the autoencoder's encoder, and a colour histogram. The classifier is linear discriminant
analysis (J. H. Friedman, "Regularized Discriminant Analysis", 1989, with lambda = 1).

It learns from training stickers only, as drawn and through the autoencoder, and from no picture that the U-Net made. A network trained on
latents accepted nearly all of those, because the discriminators had trained the U-Net to satisfy such a network. latent_style_classifier.py
learns what this classifier says about decoded samples.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

from common import load_stickers, save_atomically, stage_arguments, start
from prompts import STYLE_WORDS
from unet import encode_stickers
from vae import PATCH, trained_vae

BINS = 8  # of red, of green and of blue
SHRINKAGE = 0.02  # gamma: how far the covariance shrinks towards a sphere
MAX_DEVIATION = 8.0  # larger standardised features are clipped
BATCH = 32


def colour_histogram(pixels, floor=0.0):
    """Square roots of the shares of BINS x BINS x BINS colours of pictures [B, 3, H, W] in [-1, 1], each plus `floor`: [B, BINS ** 3]. A pixel
    counts for the eight bins around it, more for the nearer ones."""
    places = ((pixels.flatten(2) + 1) * (BINS / 2) - 0.5).clamp(0, BINS - 1)
    near = (1 - (places[:, :, None] - torch.arange(BINS, dtype=places.dtype).view(-1, 1)).abs()).clamp(min=0)  # [B, 3, BINS, P]
    red, green, blue = near.unbind(1)
    both = (red[:, :, None] * green[:, None]).flatten(1, 2)
    return ((both @ blue.transpose(1, 2) / places.shape[2]).flatten(1).clamp(min=0) + floor).sqrt()


class StyleClassifier(nn.Module):
    """Pictures [B, 3, 128, 128] in [-1, 1] to log-likelihoods [B, S] of the styles in the order of STYLE_WORDS, up to a constant per picture."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.seen = []
        for module in encoder.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(lambda _module, _input, output: self.seen.append(output))
        features = BINS**3 + 2 * sum(m.out_channels for m in encoder.modules() if isinstance(m, nn.Conv2d))
        self.centre = nn.Parameter(torch.zeros(features))
        self.spread = nn.Parameter(torch.ones(features))
        self.linear = nn.Linear(features, len(STYLE_WORDS))

    def features(self, pixels):
        self.seen.clear()
        self.encoder(pixels)
        statistics = [value for x in self.seen for value in (x.mean((2, 3)), x.std((2, 3)))]
        self.seen.clear()
        return torch.cat([*statistics, colour_histogram(pixels)], 1)

    def standardised(self, features):
        return ((features - self.centre) / self.spread).clamp(-MAX_DEVIATION, MAX_DEVIATION)

    def forward(self, pixels):
        return self.linear(self.standardised(self.features(pixels)))

    @torch.no_grad()
    def fit(self, features, labels):
        """Linear discriminant analysis of `features` [N, F] with the style labels [N]."""
        self.centre.copy_(features.mean(0))
        self.spread.copy_(features.std(0) + 1e-3)
        x = self.standardised(features).double()
        means = torch.stack([x[labels == label].mean(0) for label in range(len(STYLE_WORDS))])
        residuals = x - means[labels]
        scatter = residuals.T @ residuals / len(x)
        scatter = (1 - SHRINKAGE) * scatter + SHRINKAGE * scatter.diagonal().mean() * torch.eye(len(scatter), dtype=scatter.dtype)
        weights = torch.linalg.solve(scatter, means.T)
        self.linear.weight.copy_(weights.T)
        self.linear.bias.copy_(-0.5 * (means * weights.T).sum(1))


class PixelEncoder(nn.Module):
    """The autoencoder's encoder, from plain pixels."""

    def __init__(self, vae):
        super().__init__()
        self.encoder = vae.encoder
        self.fold = nn.PixelUnshuffle(PATCH)

    def forward(self, pixels):
        return self.encoder(self.fold(pixels))


def load_style_classifier(work):
    path = work / "style.pt"
    if not path.exists():  # a pack does not hold it
        raise SystemExit(f"{path} must be there: run style_classifier.py")
    classifier = StyleClassifier(PixelEncoder(trained_vae(work)))
    classifier.load_state_dict(torch.load(path))
    return classifier.eval().requires_grad_(False)


def load_decoded_stickers(work):
    """Every sticker through the autoencoder: `small` [N, 3, 64, 64], at half size, and the classifier's `logits` [N, S]."""
    return torch.load(work / "style-decoded.pt")


def half_size(pictures):
    """Pictures in [-1, 1] at half size, in 0 .. 255."""
    return ((F.avg_pool2d(pictures, 2) + 1) * 127.5).round().to(torch.uint8)


def style_labels(stickers, rows):
    order = list(STYLE_WORDS)
    return torch.tensor([order.index(stickers.rows[row]["style"]) for row in rows])


def main():
    parser = stage_arguments(__doc__, 0)
    arguments = parser.parse_args()
    start(arguments)
    path = arguments.work / "style.pt"
    if path.exists():
        return
    stickers, vae = load_stickers(arguments.stickers, arguments.work), trained_vae(arguments.work)
    latents, scale = encode_stickers(stickers, arguments.work)
    classifier = StyleClassifier(PixelEncoder(vae)).eval()
    features, small = {"drawn": [], "decoded": []}, []
    with torch.no_grad():
        for at in range(0, len(stickers.rows), BATCH):
            pixels = stickers.float_pixels(slice(at, at + BATCH))
            decoded = vae.decode(latents[0, at : at + BATCH] / scale).sample.clamp(-1, 1)
            small.append(half_size(decoded))
            for seen, images in (("drawn", pixels), ("decoded", decoded)):
                features[seen].append(classifier.features(images))
    features = {seen: torch.cat(parts) for seen, parts in features.items()}
    train, held = stickers.train, stickers.held_out
    labels = style_labels(stickers, train)
    classifier.fit(torch.cat([own[train] for own in features.values()]), torch.cat([labels] * len(features)))
    logits = classifier.linear(classifier.standardised(features["decoded"])).detach()
    save_atomically({"small": torch.cat(small), "logits": logits}, arguments.work / "style-decoded.pt")
    save_atomically(classifier.state_dict(), path)
    recognised = logits[held].argmax(1) == style_labels(stickers, held)
    print(f"recognises the style of {recognised.float().mean():.3f} of the held-out stickers")


if __name__ == "__main__":
    main()
