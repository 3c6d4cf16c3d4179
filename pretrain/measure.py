"""Measures a pack on the held-out stickers, using its ONNX files only, and draws contact sheets.

    python measure.py --stickers DIR --pack models/mini --work DIR [--count 40] [--parts redraw,sheets]

Every figure of the model card comes from here. Writes metrics.json beside the pack and into --work, and
contact-{images,words,text}.png into --work.
"""

import argparse
import csv
import json
import random
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from tokenizers import Tokenizer

from common import SEED, load_stickers
from prompts import style_words

STOP_WORDS = {"a", "an", "the", "in", "with", "of", "and"}


class Pack:
    """The pack's ONNX files and the loop over them that redraws a picture (DDIM, eta 0), as the product runs it."""

    def __init__(self, folder, threads=1):
        self.folder = Path(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = lambda name: onnxruntime.InferenceSession(self.folder / name, options, providers=["CPUExecutionProvider"])
        self.open = {}
        self.tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer/tokenizer.json"))
        length = self.read("tokenizer/tokenizer_config.json")["model_max_length"]
        end = self.tokenizer.token_to_id("<|endoftext|>")
        self.tokenizer.enable_truncation(length)
        self.tokenizer.enable_padding(pad_id=end, pad_token="<|endoftext|>", length=length)
        self.scale = self.read("vae_encoder/config.json")["scaling_factor"]
        schedule = self.read("scheduler/scheduler_config.json")
        betas = np.linspace(schedule["beta_start"] ** 0.5, schedule["beta_end"] ** 0.5, schedule["num_train_timesteps"]) ** 2
        self.cumulative = np.cumprod(1 - betas)
        index = self.read("model_index.json")
        self.steps, self.guidance = index.get("default_num_steps", 12), index.get("default_guidance_scale", 3.0)
        self.strength = index.get("default_strength", 1.0)

    def read(self, name):
        return json.loads((self.folder / name).read_text("utf-8"))

    def run(self, name, **inputs):
        if name not in self.open:
            self.open[name] = self.session(name)
        return self.open[name].run(None, inputs)

    def batched(self, name, key, values, size=32):
        return np.concatenate([self.run(name, **{key: values[at : at + size]})[0] for at in range(0, len(values), size)])

    def ids(self, texts):
        return np.array([e.ids for e in self.tokenizer.encode_batch(texts)], np.int64)

    def embed_images(self, pixels):
        return unit(self.batched("clip/onnx/vision_model.onnx", "pixel_values", pixels))

    def embed_texts(self, texts):
        return unit(self.batched("clip/onnx/text_model.onnx", "input_ids", self.ids(texts)))

    def encode(self, pixels):
        return self.batched("vae_encoder/model.onnx", "sample", pixels) * self.scale

    def decode(self, latents):
        return self.batched("vae_decoder/model.onnx", "latent_sample", (latents / self.scale).astype(np.float32))

    def condition(self, texts, embeds=None):
        """[B, 36, D]: text states, then the image tokens of `embeds`, or zeros."""
        states = self.batched("text_encoder/model.onnx", "input_ids", self.ids(texts))
        if embeds is None:
            tokens = np.zeros((len(texts), 4, states.shape[2]), np.float32)
        else:
            tokens = self.batched("image_projection/model.onnx", "image_embeds", embeds.astype(np.float32))
        return np.concatenate([states, tokens], 1)

    def redraw(self, pixels, condition, seed=SEED):
        """As the pack is drawn: from the reference's latents noised to its strength, with them beside the noise, under `condition`."""
        steps, guidance, strength = self.steps, self.guidance, self.strength
        latents = self.encode(pixels)
        noise = np.random.default_rng(seed).standard_normal(latents.shape[1:]).astype(np.float32)
        stride = len(self.cumulative) // steps
        times = np.arange(len(self.cumulative), 0, -stride)[:steps] - 1  # "trailing"
        times = times[steps - min(round(steps * strength), steps) :]
        empty = self.condition([""] * len(pixels))
        a = lambda t: float(self.cumulative[max(t, 0)])
        z = a(times[0]) ** 0.5 * latents + (1 - a(times[0])) ** 0.5 * noise if strength < 1 else np.broadcast_to(noise, latents.shape)
        reference = latents / self.scale
        for t in times:
            at, before = a(t), a(t - stride)
            v = self.velocity(z, t, condition, reference)
            if guidance != 1:
                plain = self.velocity(z, t, empty, reference)
                v = plain + guidance * (v - plain)
            clean, noisy = at**0.5 * z - (1 - at) ** 0.5 * v, at**0.5 * v + (1 - at) ** 0.5 * z
            z = before**0.5 * clean + (1 - before) ** 0.5 * noisy
        return np.clip(self.decode(z), -1, 1)

    def velocity(self, z, t, condition, reference, size=16):
        z = np.concatenate([z, reference], 1)
        return np.concatenate([
            self.run("unet/model.onnx", sample=z[at : at + size].astype(np.float32), timestep=np.full(len(z[at : at + size]), t, np.int64),
                     encoder_hidden_states=condition[at : at + size])[0] for at in range(0, len(z), size)])

    def caption(self, pixels):
        """Greedy captions, one picture at a time."""
        config = self.read("captioner/config.json")
        tokenizer = Tokenizer.from_file(str(self.folder / "captioner/tokenizer.json"))
        end, layers, heads, width = (config["eos_token_id"], *(config["decoder"][k] for k in ("n_layer", "n_head", "n_embd")))
        slots = [f"past_key_values.{n}.{kind}" for n in range(layers) for kind in ("key", "value")]
        for image in pixels:
            states = self.run("captioner/onnx/encoder_model.onnx", pixel_values=image[None])[0]
            past = {slot: np.zeros((1, heads, 0, width // heads), np.float32) for slot in slots}
            tokens = [end]
            while len(tokens) < 40 and (len(tokens) == 1 or tokens[-1] != end):
                logits, *present = self.run("captioner/onnx/decoder_model_merged.onnx", input_ids=np.array([tokens[-1:]]), encoder_hidden_states=states, **past)
                past = dict(zip(slots, present))
                tokens.append(int(logits[0, -1].argmax()))
            yield tokenizer.decode([t for t in tokens if t != end])


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def psnr(a, b):
    """Peak signal-to-noise ratio of pictures in [-1, 1], in dB, one a picture."""
    return 10 * np.log10(4 / np.maximum(np.square(a - b).mean((1, 2, 3)), 1e-10))


def words_of(caption):
    return set(caption.replace(",", " ").lower().split()) - STOP_WORDS


def measure_autoencoder(pack, images):
    made = np.clip(pack.decode(pack.encode(images)), -1, 1)
    values = psnr(made, images)
    return {"psnr_db_mean": values.mean(), "psnr_db_p10": np.percentile(values, 10), "pictures": len(images)}


def measure_clip(pack, rows, images, count=200):
    chosen = random.Random(SEED).sample(range(len(rows)), min(count, len(rows)))
    scores = pack.embed_images(images[chosen]) @ pack.embed_texts([rows[i]["caption"] for i in chosen]).T
    rank = (scores > np.diag(scores)[:, None]).sum(1)
    styles = sorted({row["style"] for row in rows})
    by_words = pack.embed_images(images) @ pack.embed_texts([style_words(s) for s in styles]).T
    return {"among": len(chosen), "image_to_caption_r1": (rank < 1).mean(), "image_to_caption_r5": (rank < 5).mean(),
            "style_by_words_accuracy": np.mean([styles[n] == row["style"] for n, row in zip(by_words.argmax(1), rows)])}


def measure_captioner(pack, rows, images, count=200):
    chosen = random.Random(SEED).sample(range(len(rows)), min(count, len(rows)))
    precision, recall, titles, samples = [], [], [], []
    for i, said in zip(chosen, pack.caption(images[chosen])):
        told, meant = words_of(said), words_of(rows[i]["caption"])
        precision.append(len(told & meant) / max(len(told), 1))
        recall.append(len(told & meant) / len(meant))
        titles.append(said.split(",")[0] == rows[i]["caption"].split(",")[0])
        samples.append({"said": said, "meant": rows[i]["caption"]})
    p, r = np.mean(precision), np.mean(recall)
    return {"pictures": len(chosen), "word_precision": p, "word_recall": r, "word_f1": 2 * p * r / (p + r), "title_exact": np.mean(titles)}, samples[:12]


def measure_style_classifier(pack, rows, images):
    """How often the pack's classifier recognises the style of a real picture from its latents."""
    labels = pack.read("style_classifier/config.json")["id2label"]
    predicted = pack.batched("style_classifier/model.onnx", "latent_sample", pack.encode(images) / pack.scale).argmax(1)
    return {"pictures": len(rows), "accuracy": np.mean([labels[str(n)] == row["style"] for n, row in zip(predicted, rows)])}


def style_features(images):
    """Hand-crafted features that share nothing with the pack: colour histogram, differences of neighbours, share of background, borders."""
    levels = ((images + 1) * 127.5).clip(0, 255)
    histogram = np.stack([np.bincount(((x // 43).astype(int) * np.array([36, 6, 1])[:, None, None]).sum(0).ravel(), minlength=216) / x[0].size for x in levels])
    steps = []
    for axis in (2, 3):
        d = np.abs(np.diff(levels, axis=axis)).max(1)
        steps += [((d >= lo) & (d < hi)).mean((1, 2)) for lo, hi in ((0, 0.5), (0.5, 2), (2, 5), (5, 12), (12, 30), (30, 80), (80, 256))]
    ink = levels.min(1) < 245
    shape = [ink.mean((1, 2)), ink[:, :6].mean((1, 2)), ink[:, -6:].mean((1, 2)), ink[:, :, :6].mean((1, 2)), ink[:, :, -6:].mean((1, 2))]
    return np.concatenate([np.sqrt(histogram), np.sqrt(np.stack(steps + shape, 1))], 1)


class StyleScorer:
    """A softmax regression on `style_features`, trained on autoencoded training stickers (so that the autoencoder's
    own artefacts tell nothing), independent of CLIP and of the U-Net."""

    def __init__(self, pack, stickers, work, count=1200):
        self.styles = stickers.styles
        manifest = {f["path"]: f["sha256"] for f in pack.read("manifest.json")["files"]}
        cache = work / f"style-scorer-{manifest['vae_decoder/model.onnx'][:12]}.npz"
        if not cache.exists():
            self.learn(pack, stickers, count)
            np.savez(cache, mean=self.mean, std=self.std, weights=self.weights)
        kept = np.load(cache)
        self.mean, self.std, self.weights = kept["mean"], kept["std"], kept["weights"]

    def learn(self, pack, stickers, count):
        rows = random.Random(SEED).sample(stickers.train.tolist(), min(count, len(stickers.train)))
        real = stickers.float_pixels(rows).numpy()
        x = style_features(np.clip(pack.decode(pack.encode(real)), -1, 1))
        self.mean, self.std = x.mean(0), x.std(0) + 1e-3
        y = np.array([self.styles.index(stickers.rows[r]["style"]) for r in rows])
        self.weights = np.zeros((x.shape[1] + 1, len(self.styles)))
        x = self.prepare(x)
        for step in range(600):
            p = softmax(x @ self.weights)
            p[np.arange(len(y)), y] -= 1
            self.weights -= 0.3 * (x.T @ p / len(y) + 3e-3 * self.weights)

    def prepare(self, x):
        return np.concatenate([(x - self.mean) / self.std, np.ones((len(x), 1))], 1)

    def __call__(self, images):
        return [self.styles[n] for n in (self.prepare(style_features(images)) @ self.weights).argmax(1)]


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def taste_of(pack, stickers, style, rng, count=5, without=None):
    rows = [i for i in stickers.train.tolist() if stickers.rows[i]["style"] == style and stickers.rows[i]["concept"] != without]
    return unit(pack.embed_images(stickers.float_pixels(rng.sample(rows, count)).numpy()).mean(0))


def redraw_cases(stickers, count):
    """(reference row, held-out target row): the same object; the reference has another style and was seen in training."""
    rng, index = random.Random(SEED), stickers.index()
    held = stickers.held_out.tolist()
    cases = []
    for target in rng.sample(held, min(count, len(held))):
        row = stickers.rows[target]
        others = [index[row["concept"], s] for s in stickers.styles if s != row["style"] and (row["concept"], s) in index]
        cases.append((rng.choice(others), target))
    return cases


def measure_redraw(pack, stickers, count, work):
    cases, rng = redraw_cases(stickers, count), random.Random(SEED)
    style_of = StyleScorer(pack, stickers, work)
    references = stickers.float_pixels([r for r, _ in cases]).numpy()
    targets = stickers.float_pixels([t for _, t in cases]).numpy()
    rows = [stickers.rows[t] for _, t in cases]
    embeds = np.stack([taste_of(pack, stickers, row["style"], rng, without=row["concept"]) for row in rows])
    reference_embeds, target_embeds = pack.embed_images(references), pack.embed_images(targets)
    wanted = [row["style"] for row in rows]
    hits = lambda images: np.mean([a == b for a, b in zip(style_of(images), wanted)])
    cosine = lambda a, b: float((a * b).sum(1).mean())
    held = stickers.held_out.tolist()[::3]
    recognised = style_of(np.clip(pack.decode(pack.encode(stickers.float_pixels(held).numpy())), -1, 1))
    result = {"cases": len(cases), "steps": pack.steps, "guidance": pack.guidance,
              "judge_accuracy_on_real_held_out": np.mean([a == stickers.rows[i]["style"] for a, i in zip(recognised, held)]),
              "reference_itself": {"judged_wanted_style": hits(references), "clip_to_target": cosine(reference_embeds, target_embeds)}}
    for name, condition in (("image_tokens", pack.condition([row["title"] for row in rows], embeds)),
                            ("style_words", pack.condition([f"{row['title']}, {style_words(row['style'])}" for row in rows]))):
        made = pack.redraw(references, condition)
        made_embeds = pack.embed_images(made)
        result[f"{name}@{pack.strength}"] = {"judged_wanted_style": hits(made), "clip_to_target": cosine(made_embeds, target_embeds),
                                             "clip_to_reference": cosine(made_embeds, reference_embeds), "psnr_to_reference_db": psnr(made, references).mean()}
    return result


def draw_sheet(pack, stickers, path, by, objects=8):
    """One row per object: the reference, then that object in every style."""
    rng = random.Random(SEED + 1)
    cases = rng.sample(redraw_cases(stickers, 60), objects)
    styles = stickers.styles
    sheet = Image.new("RGB", ((len(styles) + 1) * 132, objects * 132), "#888")
    tastes = np.stack([taste_of(pack, stickers, style, rng) for style in styles])
    for n, (reference, _) in enumerate(cases):
        row = stickers.rows[reference]
        if by == "images":
            condition = pack.condition([row["title"]] * len(styles), tastes)
        else:
            condition = pack.condition([f"{row['title']}, {style_words(s)}" for s in styles])
        pixels = np.repeat(stickers.float_pixels([reference]).numpy(), len(styles), 0)
        made = ((pack.redraw(pixels, condition) + 1) * 127.5).round().astype(np.uint8)
        for column, image in enumerate([stickers.pixels[reference], *made]):
            sheet.paste(Image.fromarray(image.transpose(1, 2, 0)), (column * 132, n * 132))
    sheet.save(path)


def training_record(work):
    """Steps and minutes of the checkpoints exported, and the last figures of each training's curve."""
    record = {}
    for path in sorted(work.glob("*-curve.csv")):
        name = path.name.removesuffix("-curve.csv")
        state = torch.load(work / f"{name}.pt", weights_only=False)
        with path.open(newline="") as file:
            *_, last = csv.DictReader(file)
        figures = {k: float(v) for k, v in last.items() if k not in ("step", "seconds", "rate")}
        record[name] = {"steps": state["step"], "minutes": state["spent"] / 60, "last": figures}
    return record


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return round(float(value), 4) if isinstance(value, (float, np.floating)) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("stickers", "pack", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40, help="held-out pairs to redraw (default 40)")
    parser.add_argument("--parts", default="autoencoder,clip,captioner,style,redraw,sheets", help="what to measure; the rest stays as it is in --work")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    stickers = load_stickers(arguments.stickers, arguments.work)
    pack = Pack(arguments.pack)
    rows = [stickers.rows[i] for i in stickers.held_out]
    images = stickers.float_pixels(stickers.held_out).numpy()
    path = arguments.work / "metrics.json"
    metrics = json.loads(path.read_text()) if path.exists() else {}
    metrics |= {"held_out": len(rows), "trained_on": len(stickers.train)}
    if "sheets" in parts:
        draw_sheet(pack, stickers, arguments.work / "contact-images.png", "images")
        draw_sheet(pack, stickers, arguments.work / "contact-words.png", "words")
    if "autoencoder" in parts:
        metrics["autoencoder"] = measure_autoencoder(pack, images)
    if "clip" in parts:
        metrics["clip"] = measure_clip(pack, rows, images)
    if "captioner" in parts:
        metrics["captioner"], metrics["caption_samples"] = measure_captioner(pack, rows, images)
    if "style" in parts:
        metrics["style_classifier"] = measure_style_classifier(pack, rows, images)
    if "redraw" in parts:
        metrics["redraw"] = measure_redraw(pack, stickers, arguments.count, arguments.work)
    language = arguments.work / "language-metrics.json"  # language.py measures its own model at its end
    if language.exists():
        metrics["language"] = {k: v for k, v in json.loads(language.read_text()).items() if k != "examples"}
    metrics["training"] = metrics.get("training", {}) | training_record(arguments.work)  # what was unpacked and not trained further keeps its record
    if (arguments.work / "parity.json").exists():
        metrics["parity"] = json.loads((arguments.work / "parity.json").read_text())
    text = json.dumps(rounded(metrics), indent=2) + "\n"
    for folder in (arguments.work, arguments.pack):
        (folder / "metrics.json").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
