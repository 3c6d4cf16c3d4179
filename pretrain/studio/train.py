"""Trains the two projections of the photo encoder pair on frozen features (as LiT, Zhai et al. 2022, with both towers frozen).

    python train.py --work DIR [--fold 0] [--steps 2000]

Loss, for a batch of pictures and one text each:
- InfoNCE both ways; texts that several pictures share are positives of all of them;
- the same between two texts of one picture, so that titles lie near kinds;
- structure: cosines among pictures, and among texts, stay as the frozen towers have them (with colour beside kind for pictures);
- ImageNet: the picture's similarities to 1,000 class names follow the trunk's own class probabilities.
Pictures of fold `--fold` are held out, by product. `--folds` trains and measures every fold.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from data import COLOURS, FOLDS, KINDS, SEED

DIMENSION = 256
BATCH = 128
TEMPERATURE, CLASS_TEMPERATURE = 0.06, 0.05
WEIGHTS = {"texts": 1.5, "image_structure": 4.0, "text_structure": 2.0, "classes": 0.3}
COLOUR_WEIGHT = 0.8  # length of the colour histogram beside the trunk's unit vector


class Projections(nn.Module):
    """`image`: standardised features and histogram -> D. `text`: centred MiniLM -> D."""

    def __init__(self, features, colours, texts):
        super().__init__()
        for name, values in (("features", features), ("colours", colours), ("texts", texts)):
            self.register_buffer(f"{name}_mean", values.mean(0))
        self.register_buffer("scale", torch.stack([(features - self.features_mean).norm(dim=1).mean(), (colours - self.colours_mean).norm(dim=1).mean()]))
        self.image = nn.Linear(features.shape[1] + colours.shape[1], DIMENSION)
        self.text = nn.Linear(texts.shape[1], DIMENSION)
        with torch.no_grad():  # begin with the principal directions: nothing is lost
            for layer, values in ((self.image, self.joined(features, colours)), (self.text, F.normalize(texts - self.texts_mean, dim=1))):
                directions = torch.linalg.svd(values - values.mean(0), full_matrices=False)[2][:DIMENSION]
                layer.weight.zero_()
                layer.weight[:len(directions)] = directions
                layer.bias.zero_()

    def joined(self, features, colours):
        kind = (features - self.features_mean) / self.scale[0]
        return torch.cat([kind, COLOUR_WEIGHT * (colours - self.colours_mean) / self.scale[1]], -1)

    def images(self, features, colours):
        return self.image(self.joined(features, colours))

    def captions(self, texts):
        return self.text(F.normalize(texts - self.texts_mean, dim=-1))


def cosines(a, b):
    return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T


def contrast(similarity, positive):
    """Cross-entropy both ways, with every positive of a row equally likely."""
    logits = similarity / TEMPERATURE
    both = 0
    for one, target in ((logits, positive), (logits.T, positive.T)):
        both = both - (F.log_softmax(one, 1) * target / target.sum(1, keepdim=True)).sum(1).mean()
    return both / 2


def train(data, rows, steps, report=print):
    generator = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    pictures, features, colours, encoded = data["pictures"], data["features"], data["colours"], data["encoded"]
    index = {text: n for n, text in enumerate(data["texts"])}
    pools = [torch.tensor([index[text] for text in one.texts]) for one in pictures]
    allowed = torch.zeros(len(pictures), len(index), dtype=torch.bool)
    for n, pool in enumerate(pools):
        allowed[n, pool] = True
    classes = torch.tensor([index[text] for text in data["classes"]])
    model = Projections(features[rows, 0], colours[rows, 0], encoded)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    # A shop's few products count as much as the many clothes.
    shares = {"luma": 0.5, "vendure": 0.1, "clothing": 0.4}
    counts = {source: sum(pictures[n].source == source for n in rows.tolist()) for source in shares}
    chance = torch.tensor([shares[pictures[n].source] / counts[pictures[n].source] for n in rows.tolist()])
    for step in range(steps):
        batch = rows[torch.multinomial(chance, BATCH, generator=generator)]
        view = torch.randint(features.shape[1], (BATCH,), generator=generator)
        picked = torch.stack([pool[torch.randint(len(pool), (2,), generator=generator)] for pool in (pools[n] for n in batch.tolist())])
        image_input = F.dropout(model.joined(features[batch, view], colours[batch, view]), 0.1)
        image = model.image(image_input)
        text, other = model.captions(encoded[picked[:, 0]]), model.captions(encoded[picked[:, 1]])
        loss = contrast(cosines(image, text), allowed[batch][:, picked[:, 0]].float())
        loss = loss + WEIGHTS["texts"] * contrast(cosines(text, other), ((picked[:, :1] == picked[:, 1]) | allowed[batch][:, picked[:, 1]]).float())
        known, said = model.joined(features[batch, view], colours[batch, view]), encoded[picked[:, 0]] - model.texts_mean
        loss = loss + WEIGHTS["image_structure"] * F.mse_loss(cosines(image, image), cosines(known, known))
        loss = loss + WEIGHTS["text_structure"] * F.mse_loss(cosines(text, text), cosines(said, said))
        likely = F.softmax(data["logits"][batch], 1)
        ours = F.log_softmax(cosines(image, model.captions(encoded[classes])) / CLASS_TEMPERATURE, 1)
        loss = loss + WEIGHTS["classes"] * -(likely * ours).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 499:
            report(f"step {step + 1}: loss {loss.item():.4f}")
    return model.eval()


def recalls(similarity, same):
    """R@1 and R@5 of rows; `same` marks the right columns."""
    order = similarity.argsort(1, descending=True)
    hits = same.gather(1, order)
    return {f"r@{k}": hits[:, :k].any(1).float().mean().item() for k in (1, 5)}


def neighbours(similarity, labels, known, asked, k=5):
    """Accuracy of the majority among the k nearest of `known`; ties go to the nearer."""
    right = 0
    for n in asked:
        near = [labels[m] for m in sorted(known, key=lambda m: -similarity[n, m])[:k]]
        right += max(near, key=lambda label: (near.count(label), -near.index(label))) == labels[n]
    return right / len(asked)


@torch.no_grad()
def measure(data, model, rows, held):
    """Figures on held-out products. kNN asks held-out pictures among the training's."""
    pictures, encoded = data["pictures"], data["encoded"]
    index = {text: n for n, text in enumerate(data["texts"])}
    images = model.images(data["features"][:, 0], data["colours"][:, 0])
    say = lambda texts: model.captions(encoded[[index[text] for text in texts]])
    figures = {}
    # One picture a colour of a product; its text is the shop's title with the colour.
    shop = [n for n in held if pictures[n].source == "luma" and pictures[n].colour] + [n for n in held if pictures[n].source == "vendure"]
    texts = [f"{pictures[n].title}, {pictures[n].colour}" if pictures[n].source == "luma" else pictures[n].title for n in shop]
    similarity = cosines(images[shop], say(texts))
    same = torch.tensor([[a == b for b in texts] for a in texts])
    products = torch.tensor([[pictures[a].product == pictures[b].product for b in shop] for a in shop])
    figures["retrieval"] = {"pictures": len(shop), "products": len({pictures[n].product for n in shop}),
                            "image_to_text": recalls(similarity, same), "text_to_image": recalls(similarity.T, same.T),
                            "image_to_text_of_product": recalls(similarity, products), "text_to_image_of_product": recalls(similarity.T, products.T)}
    kinds, trunk = list(KINDS), cosines(data["features"][:, 0] - model.features_mean, data["features"][:, 0] - model.features_mean)
    ours = cosines(images, images)
    for source in ("luma", "clothing"):
        known, asked = ([n for n in part if pictures[n].source == source and pictures[n].kind] for part in (rows, held))
        present = sorted({pictures[n].kind for n in known})
        guess = cosines(images[asked], say([f"a photo of a {kind}" for kind in present])).argmax(1).tolist()
        labels = [one.kind for one in pictures]
        figures[f"kind_{source}"] = {"pictures": len(asked), "kinds": len(present),
                                     "zero_shot": sum(present[g] == labels[n] for g, n in zip(guess, asked)) / len(asked),
                                     "knn": neighbours(ours, labels, known, asked), "knn_trunk_alone": neighbours(trunk, labels, known, asked)}
    known, asked = ([n for n in part if pictures[n].source == "luma" and pictures[n].colour] for part in (rows, held))
    words = sorted({pictures[n].colour for n in known})
    labels = [one.colour for one in pictures]
    guess = cosines(images[asked], say([f"a {word} product" for word in words])).argmax(1).tolist()
    figures["colour_luma"] = {"pictures": len(asked), "colours": len(words), "zero_shot": sum(words[g] == labels[n] for g, n in zip(guess, asked)) / len(asked),
                              "knn": neighbours(ours, labels, known, asked), "knn_trunk_alone": neighbours(trunk, labels, known, asked)}
    # Similar items by titles alone: share of the 5 nearest titles with the same kind, among all products and for held-out ones.
    first = {}
    for n, one in enumerate(pictures):
        if one.source == "luma" and one.kind:
            first.setdefault(one.product, n)
    products = list(first.values())
    for name, vectors in (("ours", say([pictures[n].title for n in products])), ("minilm_alone", encoded[[index[pictures[n].title] for n in products]])):
        near = cosines(vectors, vectors)
        near.fill_diagonal_(-2)
        top = near.argsort(1, descending=True)[:, :5]
        hits = torch.tensor([[pictures[products[m]].kind == pictures[products[a]].kind for m in top[a].tolist()] for a in range(len(products))]).float().mean(1)
        unseen = torch.tensor([n in set(held) for n in products])
        figures[f"title_precision_at_5_{name}"] = {"all": hits.mean().item(), "held_out": hits[unseen].mean().item(), "products": len(products), "held_out_products": int(unseen.sum())}
    return figures


def split(pictures, fold):
    rows = torch.tensor([n for n, one in enumerate(pictures) if one.fold != fold])
    return rows, [n for n, one in enumerate(pictures) if one.fold == fold]


def mean_of(parts):
    return {key: mean_of([part[key] for part in parts]) if isinstance(value, dict) else sum(part[key] for part in parts) / len(parts)
            for key, value in parts[0].items()}


def rounded(value):
    return {key: rounded(one) for key, one in value.items()} if isinstance(value, dict) else round(value, 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--folds", action="store_true", help="train and measure every fold; fold 0 gives the shipped weights")
    a = parser.parse_args()
    torch.set_num_threads(1)
    data = torch.load(a.work / "features.pt", weights_only=False)
    parts = []
    for fold in range(FOLDS if a.folds else 1):
        rows, held = split(data["pictures"], fold)
        model = train(data, rows, a.steps)
        parts.append(measure(data, model, rows.tolist(), held))
        print(json.dumps(rounded(parts[-1])), flush=True)
        if fold == 0:
            torch.save(model, a.work / "projections.pt")
    figures = {"held_out_fold": rounded(parts[0]), **({"mean_of_5_folds": rounded(mean_of(parts))} if a.folds else {})}
    (a.work / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
