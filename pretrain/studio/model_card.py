"""Writes `metrics.json`, the figures in README.md (between two marks), and the manifest of models/studio.

    python model_card.py --work DIR --pack ../../models/studio
"""

import argparse
import json
from pathlib import Path

from manifest import write_manifest

BEGIN, END = "<!-- figures: pretrain/studio/model_card.py -->", "<!-- end of figures -->"


def percent(value):
    return f"{100 * value:.1f} %"


def table(header, rows):
    return "\n".join([f"| {' | '.join(header)} |", f"|---|{'--:|' * (len(header) - 1)}", *(f"| {' | '.join(row)} |" for row in rows)])


def figures_of(metrics):
    columns = [(title, metrics[name]) for name, title in (("held_out_fold", "held out from the pack's weights"), ("mean_of_5_folds", "mean of 5 folds")) if name in metrics]
    rows = []
    for name, pick in (
        ("R@1, R@5 image -> title with colour", lambda m: [m["retrieval"]["image_to_text"][k] for k in ("r@1", "r@5")]),
        ("R@1, R@5 title with colour -> image", lambda m: [m["retrieval"]["text_to_image"][k] for k in ("r@1", "r@5")]),
        ("Luma kind: zero-shot, kNN, kNN of the trunk alone", lambda m: [m["kind_luma"][k] for k in ("zero_shot", "knn", "knn_trunk_alone")]),
        ("clothing kind (17): zero-shot, kNN, kNN of the trunk alone", lambda m: [m["kind_clothing"][k] for k in ("zero_shot", "knn", "knn_trunk_alone")]),
        ("Luma colour (10): zero-shot, kNN, kNN of the trunk alone", lambda m: [m["colour_luma"][k] for k in ("zero_shot", "knn", "knn_trunk_alone")]),
        ("similar titles of one kind, precision@5: held-out products, all; MiniLM alone: held-out, all",
         lambda m: [m["title_precision_at_5_ours"][k] for k in ("held_out", "all")] + [m["title_precision_at_5_minilm_alone"][k] for k in ("held_out", "all")]),
    ):
        rows.append([name, *(", ".join(percent(value) for value in pick(m)) for _, m in columns)])
    asked = metrics["held_out_fold"]["retrieval"]
    kinds = metrics["catalogue_kind"]
    seen, half = kinds["source_never_seen"], kinds["half_of_each_source_never_seen"]
    return "\n\n".join([
        f"Products are held out whole. Retrieval is among {asked['pictures']:.0f} photographs of {asked['products']:.0f} held-out products of Luma and Vendure.",
        table(["", *(title for title, _ in columns)], rows),
        "Photographs or drawings, right answers for single images (a catalogue's verdict takes the majority of 64):",
        table(["source", "no image of the source seen", "half of its images seen"], [[name, percent(seen[name]), percent(half[name])] for name in seen]),
        *([f"Film posters, never trained on: {percent(kinds['film_posters_never_seen_as_photographs'])} count as photographs."] if "film_posters_never_seen_as_photographs" in kinds else []),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("work", "pack"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    a = parser.parse_args()
    metrics = {**json.loads((a.work / "metrics.json").read_text()), "catalogue_kind": json.loads((a.work / "catalogue_kind.json").read_text())}
    (a.pack / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    card = (a.pack / "README.md").read_text()
    before, rest = card.split(BEGIN)
    (a.pack / "README.md").write_text(f"{before}{BEGIN}\n\n{figures_of(metrics)}\n\n{END}{rest.split(END)[1]}")
    print(f"{a.pack}: {write_manifest(a.pack) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
