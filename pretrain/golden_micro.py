"""Expected losses of MICRO's training, for tests/unit/ml/ranking/micro-golden.test.ts.

An implementation for the purpose: dense matrices, automatic differentiation, 64 bits, written from the published equations
and what the authors' code CRIPAC-DIG/MICRO does, not from src/ml/ranking. Two epochs from given weights over given batches:
in the second the graph of the learned features is built from features that were trained.

    python pretrain/golden_micro.py tests/golden/micro/epochs.json
"""

import json
import sys

import torch
import torch.nn.functional as F

USERS, ITEMS, SIZE, CLUSTERS = 24, 48, 12, 4
LENGTHS = {"visual": 14, "textual": 9}
BATCH, BATCHES, EPOCHS = 32, 4, 2
NEIGHBOURS, RAW_WEIGHT, LAYERS = 10, 0.9, 2
CONTRAST_WEIGHT, TEMPERATURE, L2_WEIGHT, RATE = 0.03, 0.5, 1e-5, 1e-2


def rounded(tensor):
    """Exactly representable in the file and in 32 bits."""
    return tensor.to(torch.float32).to(torch.float64)


def knn_graph(features):
    """Cosines, the highest of each row with itself, symmetrically normalized by row sums; dense."""
    unit = features / features.norm(dim=1, keepdim=True)
    similarities = unit @ unit.T
    values, places = similarities.topk(NEIGHBOURS, dim=1)
    assert (values > 0).all(), "similarities that are not positive are treated differently"
    kept = torch.zeros_like(similarities).scatter(1, places, values)
    roots = kept.sum(dim=1) ** -0.5
    return roots[:, None] * kept * roots[None, :]


def contrast(z1, z2, anchors):
    z1, z2 = F.normalize(z1), F.normalize(z2)
    within = torch.exp(z1[anchors] @ z1.T / TEMPERATURE)
    between = torch.exp(z1[anchors] @ z2.T / TEMPERATURE)
    own = torch.exp((z1[anchors] * z1[anchors]).sum(1) / TEMPERATURE)
    pair = torch.exp((z1[anchors] * z2[anchors]).sum(1) / TEMPERATURE)
    return -torch.log(pair / (within.sum(1) + between.sum(1) - own)).mean()


class Micro:
    def __init__(self, train, features, weights):
        self.p = {name: value.clone().requires_grad_() for name, value in weights.items()}
        self.raw = {name: knn_graph(value) for name, value in features.items()}
        adjacency = torch.zeros(USERS + ITEMS, USERS + ITEMS, dtype=torch.float64)
        for user, items in enumerate(train):
            for item in items:
                adjacency[user, USERS + item] = adjacency[USERS + item, user] = 1
        looped = adjacency + torch.eye(USERS + ITEMS, dtype=torch.float64)
        self.walk = looped / looped.sum(dim=1, keepdim=True)

    def graphs(self):
        mixed = {}
        for name, raw in self.raw.items():
            learned = self.p[f"{name}.features"] @ self.p[f"{name}.weight"] + self.p[f"{name}.bias"]
            mixed[name] = (1 - RAW_WEIGHT) * knn_graph(learned) + RAW_WEIGHT * raw
        return mixed

    def losses(self, graphs, batch):
        p = self.p
        views = [graph @ p["items"] for graph in graphs.values()]
        hidden = [torch.tanh(v @ p["fusion.weight"] + p["fusion.bias"]) for v in views]
        scores = torch.stack([h @ p["fusion.query"] for h in hidden], dim=1)
        weights = torch.softmax(scores, dim=1)
        fused = sum(weights[:, m : m + 1] * view for m, view in enumerate(views))
        levels = [torch.cat([p["users"], p["items"]])]
        for _ in range(LAYERS):
            levels.append(self.walk @ levels[-1])
        nodes = torch.stack(levels).mean(dim=0)
        users, items = nodes[:USERS], nodes[USERS:] + F.normalize(fused)
        u, chosen, other = users[batch["users"]], items[batch["positives"]], items[batch["negatives"]]
        bpr = -F.logsigmoid((u * chosen).sum(1) - (u * other).sum(1)).mean()
        squares = u.square().sum() + chosen.square().sum() + other.square().sum()
        anchors = torch.tensor(batch["anchors"])
        contrastive = CONTRAST_WEIGHT * sum(contrast(view, fused, anchors) for view in views)
        return {"bpr": bpr, "contrastive": contrastive, "l2": L2_WEIGHT * 0.5 * squares / len(u)}


def main(path):
    generator = torch.Generator().manual_seed(5)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def draw(count, bound):
        return torch.randint(bound, (count,), generator=generator).tolist()

    clusters = torch.arange(ITEMS) % CLUSTERS
    features = {
        name: rounded(normal(CLUSTERS, length)[clusters] + 0.4 * normal(ITEMS, length))
        for name, length in LENGTHS.items()
    }
    train = [sorted(set(draw(6, ITEMS))) for _ in range(USERS)]
    weights = {
        "users": 0.2 * normal(USERS, SIZE),
        "items": 0.2 * normal(ITEMS, SIZE),
        "fusion.weight": 0.3 * normal(SIZE, SIZE),
        "fusion.bias": 0.3 * normal(SIZE),
        "fusion.query": 0.3 * normal(SIZE),
    }
    for name, length in LENGTHS.items():
        weights[f"{name}.features"] = features[name]
        weights[f"{name}.weight"] = 0.3 * normal(length, SIZE)
        weights[f"{name}.bias"] = 0.1 * normal(SIZE)
    weights = {name: rounded(value) for name, value in weights.items()}

    batches = []
    for number in range(EPOCHS * BATCHES):
        users = draw(BATCH, USERS)
        positives = [train[u][draw(1, len(train[u]))[0]] for u in users]
        negatives = []
        for u in users:
            item = draw(1, ITEMS)[0]
            while item in train[u]:
                item = draw(1, ITEMS)[0]
            negatives.append(item)
        # All items in the first epoch, some in the second.
        order = torch.randperm(ITEMS, generator=generator).tolist()
        anchors = order if number < BATCHES else order[:15]
        batches.append(
            {"users": users, "positives": positives, "negatives": negatives, "anchors": anchors}
        )

    model = Micro(train, features, weights)
    optimizer = torch.optim.Adam(model.p.values(), lr=RATE)
    expected = []
    for epoch in range(EPOCHS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.96 ** (epoch / 50)
        graphs = model.graphs()
        for number in range(BATCHES):
            losses = model.losses(graphs, batches[epoch * BATCHES + number])
            optimizer.zero_grad(set_to_none=True)
            sum(losses.values()).backward()
            optimizer.step()
            graphs = {name: graph.detach() for name, graph in graphs.items()}
            expected.append({name: loss.item() for name, loss in losses.items()})

    config = {
        "embeddingSize": SIZE, "numNeighbours": NEIGHBOURS, "rawWeight": RAW_WEIGHT, "numLayers": LAYERS,
        "contrastWeight": CONTRAST_WEIGHT, "temperature": TEMPERATURE, "l2Weight": L2_WEIGHT,
    }
    golden = {
        "config": config, "learningRate": RATE, "batchesPerEpoch": BATCHES,
        "numUsers": USERS, "numItems": ITEMS, "train": train, "batches": batches,
        "weights": {name: {"shape": list(value.shape), "values": value.flatten().tolist()} for name, value in weights.items()},
        "losses": expected,
        "finalItems": model.p["items"].flatten().tolist(),
        "finalFeatures": model.p["visual.features"].flatten().tolist(),
    }  # fmt: skip
    with open(path, "w") as file:
        json.dump(golden, file)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
