"""What every stage shares: the sticker folder, the held-out pairs, the training clock, checkpoints and curves.

A sticker folder holds `catalog.jsonl`, one sticker a line, and its pictures, 128x128 RGB on white:

    {"id": "noto:swan", "concept": "swan", "style": "noto", "title": "swan", "caption": "a swan, white, ...",
     "keywords": ["swan", "bird"], "group": "animals-nature", "colors": ["white"], "file": "images/noto/swan.png"}
"""

import argparse
import csv
import json
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

SEED = 17
SIZE = 128
LONGEST_STEP = 60  # seconds; a longer step means that the process was suspended, which is no training time
HELD_OUT_SHARE = 0.05
MIN_STYLES_TO_HOLD_OUT = 3
PAPER = 245  # a pixel at least this bright is background
EXEMPLAR_STYLES = ["fluent-flat", "twemoji", "emojione", "fxemoji", "noto", "fluent-3d"]  # in order of preference: flat drawings are redrawn best
EXEMPLARS_PER_OBJECT = 2  # in the first of these styles that have it


@dataclass
class Stickers:
    rows: list  # the catalogue's lines, in file order
    pixels: np.ndarray  # [N, 3, 128, 128] uint8
    train: np.ndarray  # row numbers used for training
    held_out: np.ndarray  # row numbers never trained on

    @property
    def styles(self):
        return sorted({row["style"] for row in self.rows})

    def index(self):
        return {(row["concept"], row["style"]): i for i, row in enumerate(self.rows)}

    def float_pixels(self, rows):
        """[B, 3, 128, 128] float32 in [-1, 1]."""
        return torch.from_numpy(self.pixels[rows].astype(np.float32) / 127.5 - 1)


def hold_out(rows, seed=SEED):
    """A seeded 5 % of the (concept, style) pairs of concepts drawn in at least 3 styles, at most one style a concept."""
    styles_of = {}
    for row in rows:
        styles_of.setdefault(row["concept"], []).append(row["style"])
    rng = random.Random(seed)
    concepts = sorted(c for c, styles in styles_of.items() if len(styles) >= MIN_STYLES_TO_HOLD_OUT)
    chosen = rng.sample(concepts, round(HELD_OUT_SHARE * len(rows)))
    return {(concept, rng.choice(sorted(styles_of[concept]))) for concept in chosen}


def load_stickers(folder, work):
    folder, work = Path(folder), Path(work)
    rows = [json.loads(line) for line in (folder / "catalog.jsonl").read_text("utf-8").splitlines() if line]
    cache = work / "pixels.npy"
    if not cache.exists() or len(np.load(cache, mmap_mode="r")) != len(rows):
        pixels = np.stack([np.asarray(Image.open(folder / r["file"]).convert("RGB").resize((SIZE, SIZE))) for r in rows])
        temporary = work / f"pixels.{os.getpid()}.npy"
        np.save(temporary, np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        temporary.replace(cache)
    pairs = hold_out(rows)
    held = np.array([(r["concept"], r["style"]) in pairs for r in rows])
    return Stickers(rows, np.load(cache), np.flatnonzero(~held), np.flatnonzero(held))


def drawn_box(pixels):
    """The bounding box of a sticker [3, H, W]: top, bottom, left, right. A white sticker gives the whole picture."""
    ink = pixels.min(0) < PAPER
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if len(rows) else (0, pixels.shape[1], 0, pixels.shape[2])


def style_extents(stickers):
    """The median longer side of each style's drawings, in pixels. Size tells styles apart as much as drawing does."""
    sizes = {}
    for row in stickers.train.tolist():
        top, bottom, left, right = drawn_box(stickers.pixels[row])
        sizes.setdefault(stickers.rows[row]["style"], []).append(max(bottom - top, right - left))
    return {style: int(np.median(of_style)) for style, of_style in sorted(sizes.items())}


def fit_to_extent(pixels, extent):
    """Centres a sticker [3, 128, 128] uint8 and scales its longer side to `extent` pixels."""
    top, bottom, left, right = drawn_box(pixels)
    scale = extent / max(bottom - top, right - left)
    size = tuple(max(1, round(scale * side)) for side in (right - left, bottom - top))
    image = Image.new("RGB", (SIZE, SIZE), "white")
    image.paste(
        Image.fromarray(pixels.transpose(1, 2, 0)).crop((left, top, right, bottom)).resize(size, Image.LANCZOS),
        ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return np.asarray(image).transpose(2, 0, 1)


def choose_exemplars(stickers):
    """The exemplars of every object, by concept: training stickers in the first EXEMPLARS_PER_OBJECT of EXEMPLAR_STYLES that have it."""
    rows_of = {}
    for row in stickers.train.tolist():
        rows_of.setdefault(stickers.rows[row]["concept"], []).append(row)
    place = lambda row: EXEMPLAR_STYLES.index(stickers.rows[row]["style"])
    return {concept: sorted(rows, key=place)[:EXEMPLARS_PER_OBJECT] for concept, rows in rows_of.items()}


def seed_all(seed=SEED):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def stage_arguments(description, minutes):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--stickers", required=True, type=Path, help="the sticker folder")
    parser.add_argument("--work", required=True, type=Path, help="where checkpoints and caches go")
    parser.add_argument("--minutes", type=float, default=minutes, help=f"training time (default {minutes})")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def half_precision():
    """bfloat16 for matrix products and convolutions where the processor has it (AVX512-BF16, AMX): twice as fast there, and
    many times slower where it must be emulated."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.ops.mkldnn._is_mkldnn_bf16_supported())


def start(arguments):
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    seed_all()


class Trainer:
    """The clock of one training: progress in [0, 1], warm-up and cosine decay, checkpoints, EMA, a CSV curve.

    Training stops when its time is spent, so the number of steps depends on the machine; the time already spent is
    kept in the checkpoint, and a restarted stage resumes from there.
    """

    def __init__(self, name, modules, work, minutes, lr, weight_decay=0.01, warmup_steps=100, ema=None, save_every=120, slower=None):
        self.name, self.modules, self.budget, self.lr = name, modules, minutes * 60, lr
        self.warmup_steps, self.save_every, self.work = warmup_steps, save_every, Path(work)
        self.path = self.work / f"{name}.pt"
        self.curve = self.work / f"{name}-curve.csv"
        self.params = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
        # `slower`: the share of the rate for a module that starts from trained weights.
        groups = [{"params": [p for p in m.parameters() if p.requires_grad], "share": (slower or {}).get(key, 1.0)} for key, m in modules.items()]
        self.optimizer = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay, fused=True)
        self.ema_decay = ema
        self.ema = self._copies() if ema else None
        self.step, self.spent, self.sums, self.count, self.warm_from = 0, 0.0, {}, 0, 0
        if self.path.exists():
            state = torch.load(self.path, weights_only=False)
            for key, module in modules.items():
                module.load_state_dict(state["modules"][key])
            if state["optimizer"]:
                self.optimizer.load_state_dict(state["optimizer"])
            else:  # unpacked from a pack: the rate warms up again
                self.warm_from = state["step"]
            self.ema, self.step, self.spent = state["ema"], state["step"], state["spent"]
            if ema and not self.ema:  # the average restarts at these weights
                self.ema = self._copies()
            seed_all(SEED + self.step)
        self.last_save = self.last_tick = time.monotonic()

    @property
    def progress(self):
        return min(1.0, self.spent / self.budget)

    @property
    def done(self):
        return self.spent >= self.budget

    def _copies(self):
        return {key: {name: value.clone() for name, value in module.state_dict().items()} for key, module in self.modules.items()}

    def update(self, loss, clip=1.0, **figures):
        rate = self.lr * min(1, (self.step + 1 - self.warm_from) / self.warmup_steps) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * self.progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.params, clip)
        self.optimizer.step()
        self.step += 1
        if self.ema:
            decay = min(self.ema_decay, (1 + self.step) / (10 + self.step))
            for key, module in self.modules.items():
                for name, value in module.state_dict().items():
                    if value.dtype.is_floating_point:
                        self.ema[key][name].lerp_(value, 1 - decay)
                    else:
                        self.ema[key][name].copy_(value)
        now = time.monotonic()
        self.spent, self.last_tick = self.spent + min(now - self.last_tick, LONGEST_STEP), now
        self.count += 1
        for key, value in {"loss": loss, **figures}.items():
            self.sums[key] = self.sums.get(key, 0.0) + float(value.detach() if isinstance(value, torch.Tensor) else value)
        if self.step % 50 == 0:
            self._append(rate)
        if now - self.last_save > self.save_every:
            self.save()

    def _append(self, rate):
        new = not self.curve.exists()
        with self.curve.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "seconds", "rate", *self.sums])
            writer.writerow([self.step, round(self.spent), f"{rate:.3g}", *(f"{v / self.count:.5f}" for v in self.sums.values())])
        self.sums, self.count = {}, 0

    def save(self):
        self.last_save = time.monotonic()
        save_atomically({"modules": {k: m.state_dict() for k, m in self.modules.items()}, "ema": self.ema,
                    "optimizer": self.optimizer.state_dict(), "step": self.step, "spent": self.spent}, self.path)


def save_atomically(value, path):
    """Writes the file whole or not at all."""
    temporary = path.with_suffix(".tmp")
    torch.save(value, temporary)
    temporary.replace(path)


def load_module(module, work, name, key, ema=True):
    """Loads the weights of a stage (their moving average if it has one); the module stays untrained if the stage has not run."""
    path = Path(work) / f"{name}.pt"
    if path.exists():
        state = torch.load(path, weights_only=False)
        module.load_state_dict((state["ema"] if ema and state["ema"] else state["modules"])[key])
    return module.eval().requires_grad_(False)
