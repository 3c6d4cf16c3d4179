"""Writes tests/golden/mini-pack/golden.json.gz: what transformers, diffusers and ONNX Runtime make of a pack in Python.

    npm run build && python pretrain/golden_pack.py [--pack models/mini]

The tests compare the TypeScript code with it: token ids equal, numbers within 1e-3, the same picture for the same
latents. Long outputs are thinned out. The file names the pack's manifest by hash, so that another pack fails the test
until this has been run again.
"""

import argparse
import gzip
import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, LCMScheduler
from diffusers.schedulers import scheduling_lcm
from transformers import AutoTokenizer

import torch

ROOT = Path(__file__).parent.parent
TEXTS = ["a red cat, flat vector style", "", "The  QUICK\tbrown fox's 42 jumps!!", "Ünïcödé — naïve café, 日本語 😀👍🏽", "<|endoftext|> x <|startoftext|>",
         "it's we're they'll I'd, don't", "cat " * 60, "\u0000\u200b a\u0301 ﬁ ½ Ⅳ", "new\nline\r\nand 'quoted' \"words\""]
PROMPT, NEGATIVE, GUIDANCE, SEED = "a red apple, flat vector style", "blurry", 3.0, 11
STEPS = {"ddim": 4, "dpm++": 4, "lcm": 3}
SCHEDULERS = {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler, "lcm": LCMScheduler}


class Pack:
    def __init__(self, folder):
        self.folder, self.open = folder, {}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.options = options

    def run(self, name, **inputs):
        if name not in self.open:
            self.open[name] = onnxruntime.InferenceSession(str(self.folder / name), self.options, providers=["CPUExecutionProvider"])
        return self.open[name].run(None, inputs)

    def json(self, name):
        return json.loads((self.folder / name).read_text("utf-8"))


def drawing(size, shift=0):
    """A picture that both sides can compute; [size, size, 3] uint8. A ring on a slope of colours."""
    y, x = np.mgrid[:size, :size]
    far = (x - size // 2 - shift) ** 2 + (y - size // 2) ** 2
    ring = (far < (size // 3) ** 2) & (far > (size // 5) ** 2)
    picture = np.stack([(x * 2 + shift) % 256, (y * 3) % 256, (x + y + 5 * shift) % 256], -1)
    picture[ring] = [220, 40 + shift, 60]
    return picture.astype(np.uint8)


def planes(picture):
    """[1, 3, H, W] in -1 ... 1: what the packs' preprocessors make of a picture that has their size."""
    return (picture.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32)


def wave(length, step):
    """Numbers that both sides can compute."""
    return np.sin(np.arange(length) * step).astype(np.float32)


def thinned(values, stride):
    return {"stride": stride, "values": [round(float(v), 5) for v in np.asarray(values).reshape(-1)[::stride]]}


def normals(seed, length, times=1):
    """Our `new Random(seedFrom(seed, 0)).normals(length)`, so often."""
    script = (f"import {{ Random, seedFrom }} from './dist/ml/nn/random.js'; const r = new Random(seedFrom({seed}, 0));"
              f"console.log(JSON.stringify(Array.from({{ length: {times} }}, () => Array.from(r.normals({length})))));")
    out = subprocess.run(["node", "--input-type=module", "-e", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return np.array(json.loads(out), np.float32)


def token_ids(pack):
    result = {}
    for folder in ("tokenizer", "clip"):
        tokenizer = AutoTokenizer.from_pretrained(pack.folder / folder)
        length = pack.json(f"{folder}/tokenizer_config.json")["model_max_length"]
        result[folder] = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=length).input_ids
    result["captioner"] = [AutoTokenizer.from_pretrained(pack.folder / "captioner")(text).input_ids for text in TEXTS]
    return result


def clip(pack, size):
    ids = AutoTokenizer.from_pretrained(pack.folder / "clip")(TEXTS, padding="max_length", truncation=True, max_length=pack.json("clip/tokenizer_config.json")["model_max_length"], return_tensors="np")
    names = [slot.name for slot in onnxruntime.InferenceSession(str(pack.folder / "clip/onnx/text_model.onnx")).get_inputs()]
    texts = pack.run("clip/onnx/text_model.onnx", **{name: ids[name].astype(np.int64) for name in names})[0]
    images = np.concatenate([pack.run("clip/onnx/vision_model.onnx", pixel_values=planes(drawing(size, shift)))[0] for shift in (0, 9)])
    unit = lambda rows: [[round(float(v), 5) for v in row / np.linalg.norm(row)] for row in rows]
    return {"texts": unit(texts), "images": unit(images)}


def captioner(pack, size):
    config = pack.json("captioner/config.json")
    tokenizer = AutoTokenizer.from_pretrained(pack.folder / "captioner")
    decoder = config["decoder"]
    heads, width = decoder["n_head"], decoder["n_embd"]
    begin = pack.json("captioner/generation_config.json").get("decoder_start_token_id", config["decoder_start_token_id"])
    states = pack.run("captioner/onnx/encoder_model.onnx", pixel_values=planes(drawing(size)))[0]
    past = {f"past_key_values.{n}.{kind}": np.zeros((1, heads, 0, width // heads), np.float32) for n in range(decoder["n_layer"]) for kind in ("key", "value")}
    wanted = None
    tokens = [begin]
    while len(tokens) <= 32 and (len(tokens) == 1 or tokens[-1] != config["eos_token_id"]):
        session = pack.open.get("captioner/onnx/decoder_model_merged.onnx")
        flag = {"use_cache_branch": np.array([len(tokens) > 1])} if session and "use_cache_branch" in [i.name for i in session.get_inputs()] else {}
        logits, *present = pack.run("captioner/onnx/decoder_model_merged.onnx", input_ids=np.array([tokens[-1:]]), encoder_hidden_states=states, **past, **flag)
        wanted = logits[0, -1] if wanted is None else wanted
        past = dict(zip(past, present))
        tokens.append(int(logits[0, -1].argmax()))
    text = " ".join(tokenizer.decode(tokens, skip_special_tokens=True).split())
    return {"begin": begin, "firstLogits": thinned(wanted, 7), "caption": text}


def trajectory(pack, name, shape, condition, reference):
    """Guided denoising by diffusers' own scheduler from our noise, and the picture; `reference`, where the U-Net sees one,
    is beside the latents as in diffusers' StableDiffusionInstructPix2PixPipeline with an image guidance of 1."""
    config = pack.json("scheduler/scheduler_config.json")
    scheduler = SCHEDULERS[name].from_config(config)
    scheduler.set_timesteps(STEPS[name])
    size = int(np.prod(shape))
    noises = normals(SEED, size, STEPS[name])
    draws = iter(torch.from_numpy(noises[1:]).reshape(-1, 1, *shape))
    scheduling_lcm.randn_tensor = lambda *_, **__: next(draws)
    latents = torch.from_numpy(noises[0]).reshape(1, *shape)
    latents = latents * float(scheduler.init_noise_sigma)
    for t in scheduler.timesteps:
        both = beside(np.repeat(latents.numpy(), 2, 0), reference)
        out = torch.from_numpy(pack.run("unet/model.onnx", sample=both, timestep=np.full(2, int(t), np.int64), encoder_hidden_states=condition)[0])
        guided = out[:1] + GUIDANCE * (out[1:] - out[:1])
        latents = scheduler.step(guided, t, latents).prev_sample
    scale = pack.json("vae_decoder/config.json")["scaling_factor"]
    sample = pack.run("vae_decoder/model.onnx", latent_sample=(latents / scale).numpy())[0]
    pixels = np.clip((sample + 1) * 127.5, 0, 255).transpose(0, 2, 3, 1)
    return {"scheduler": name, "numSteps": STEPS[name], "timesteps": [int(t) for t in scheduler.timesteps],
            "latents": thinned(latents, 7), "pixels": {"stride": 101, "values": [round(float(v), 2) for v in pixels.reshape(-1)[::101]]}}


def beside(latents, reference):
    """The reference's channels after those of the latents; [B, C, h, w] -> [B, 2 C, h, w]."""
    return latents if reference is None else np.concatenate([latents, np.repeat(reference, len(latents), 0)], 1)


def diffusion(pack, size):
    unet, vae = pack.json("unet/config.json"), pack.json("vae_decoder/config.json")
    shape = (vae["latent_channels"], unet["sample_size"], unet["sample_size"])
    tokenizer = AutoTokenizer.from_pretrained(pack.folder / "tokenizer")
    length = pack.json("tokenizer/tokenizer_config.json")["model_max_length"]
    ids = tokenizer([NEGATIVE, PROMPT], padding="max_length", truncation=True, max_length=length, return_tensors="np").input_ids.astype(np.int64)
    states = pack.run("text_encoder/model.onnx", input_ids=ids)[0]
    embedding = wave(pack.json("clip/config.json")["projection_dim"], 0.37)
    tokens = pack.run("image_projection/model.onnx", image_embeds=embedding[None])[0]
    condition = np.concatenate([states, np.zeros((2, *tokens.shape[1:]), np.float32)], 1)
    sample = wave(int(np.prod(shape)), 0.7).reshape(1, *shape)
    drawn = pack.run("vae_encoder/model.onnx", sample=planes(drawing(size)))[0]
    reference = drawn if unet["in_channels"] > shape[0] else None
    predicted = pack.run("unet/model.onnx", sample=beside(sample, reference), timestep=np.array([500]), encoder_hidden_states=condition[1:])[0]
    decoded = pack.run("vae_decoder/model.onnx", latent_sample=(sample / vae["scaling_factor"]).astype(np.float32))[0]
    return {
        "prompt": PROMPT, "negativePrompt": NEGATIVE, "guidanceScale": GUIDANCE, "seed": SEED,
        "textStates": thinned(states[1], 13), "imageTokens": thinned(tokens, 3),
        "unet": thinned(predicted, 3), "encoded": thinned(drawn * vae["scaling_factor"], 3), "seesReference": reference is not None,
        "decoded": thinned(np.clip(decoded, -1, 1), 53),
        "trajectories": [trajectory(pack, name, shape, condition, reference) for name in SCHEDULERS],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=ROOT / "models" / "mini")
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "golden" / "mini-pack")
    arguments = parser.parse_args()
    pack = Pack(arguments.pack)
    size = pack.json("vae_decoder/config.json")["image_size"]
    golden = {
        "source": f"onnxruntime {onnxruntime.__version__}, pretrain/golden_pack.py",
        "weights": weights_hash(pack.json("manifest.json")),
        "texts": TEXTS,
        "tokenIds": token_ids(pack),
        "clip": clip(pack, size),
        "captioner": captioner(pack, size),
        "diffusion": diffusion(pack, size),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n"
    data = gzip.compress(text.encode(), mtime=0)  # the same bytes for the same numbers
    (arguments.out / "golden.json.gz").write_bytes(data)
    print(f"{arguments.out / 'golden.json.gz'}: {len(data):,} bytes")


def weights_hash(manifest):
    """SHA-256 of the checksums of the models and their configuration, without the card and the figures, which may be rewritten."""
    lines = sorted(f"{f['path']} {f['sha256']}\n" for f in manifest["files"] if "/" in f["path"])
    return hashlib.sha256("".join(lines).encode()).hexdigest()


if __name__ == "__main__":
    main()
