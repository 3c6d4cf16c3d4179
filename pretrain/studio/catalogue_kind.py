"""Fits the classifier of photographs and drawings on the pack's own image embeddings: `catalogue_kind.json` of the pack.

    python catalogue_kind.py --pack ../../models/studio --work DIR --stickers DIR --luma DIR --vendure DIR --clothing DIR [--posters DIR]

A logistic regression. Every style of sticker and every source of photographs is held out in turn; posters are never trained on.
`vitrine stickers export DIR` writes the stickers.
"""

import argparse
import hashlib
import json
import random
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.nn import functional as F

from data import SEED
from towers import read

COUNT = 150
RIDGE = 2e-4


def sample(folder, pattern="*"):
    paths = sorted(path for path in folder.rglob(pattern) if path.suffix in (".jpg", ".jpeg", ".png", ".webp"))
    return random.Random(SEED).sample(paths, min(COUNT, len(paths)))


def embedded(session, paths):
    rows = [session.run(None, {"pixel_values": read(path)[None].numpy()})[0][0] for path in paths]
    return F.normalize(torch.from_numpy(np.stack(rows)), dim=1)


def fit(sources):
    """Weights and bias; each kind, and each source of it, counts the same."""
    rows = torch.cat([vectors for vectors, _ in sources])
    labels = torch.cat([torch.full((len(vectors),), float(label)) for vectors, label in sources])
    counts = {label: sum(l == label for _, l in sources) for _, label in sources}
    weights = torch.cat([torch.full((len(vectors),), 1 / (2 * counts[label] * len(vectors))) for vectors, label in sources])
    w, b = torch.zeros(rows.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([w, b], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = (F.binary_cross_entropy_with_logits(rows @ w + b, labels, reduction="none") * weights).sum() + RIDGE * (w ** 2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return w.detach(), b.detach()


def accuracy(model, vectors, label):
    return float((((vectors @ model[0] + model[1]) > 0).float() == label).float().mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pack", "work", "stickers", "luma", "vendure", "clothing"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--posters", type=Path)
    a = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(a.pack / "clip" / "onnx" / "vision_model.onnx"), options)
    groups = {f"stickers: {folder.name}": (sample(folder), 1) for folder in sorted((a.stickers / "images").iterdir())}
    groups.update({"luma": (sample(a.luma / "images"), 0), "vendure": (sample(a.vendure / "images"), 0), "clothing": (sample(a.clothing / "images"), 0)})
    if a.posters:
        groups["posters"] = (sample(a.posters), 0)
    cache = a.work / f"kinds-{hashlib.sha256((a.pack / 'clip/onnx/vision_model.onnx').read_bytes()).hexdigest()[:12]}.pt"
    if not cache.exists():
        torch.save({name: (embedded(session, paths), label) for name, (paths, label) in groups.items()}, cache)
    sources = torch.load(cache)
    posters = sources.pop("posters", None)
    figures = {name: round(accuracy(fit([one for other, one in sources.items() if other != name]), *sources[name]), 4) for name in sources}
    model = fit(list(sources.values()))
    half = fit([(vectors[::2], label) for vectors, label in sources.values()])
    halves = {name: round(accuracy(half, vectors[1::2], label), 4) for name, (vectors, label) in sources.items()}
    figures = {"source_never_seen": figures, "half_of_each_source_never_seen": halves}
    if posters:
        figures["film_posters_never_seen_as_photographs"] = round(accuracy(model, *posters), 4)
    content = {"classes": ["PHOTOGRAPHS", "DRAWINGS"], "weights": [round(float(x), 5) for x in model[0]], "bias": round(float(model[1]), 5)}
    (a.pack / "catalogue_kind.json").write_text(json.dumps(content) + "\n")
    (a.work / "catalogue_kind.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
