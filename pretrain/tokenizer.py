"""The two tokenizers: CLIP's byte-level BPE (lower case, `</w>`) for conditions, GPT-2's for the captioner."""

import json
import random

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from common import SEED, load_stickers
from prompts import prompt

MAX_LENGTH = 32
VOCABULARY = 3072
START, END = "<|startoftext|>", "<|endoftext|>"
CLIP_PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def corpus(stickers):
    rng = random.Random(SEED)
    for row in stickers.rows:
        yield row["caption"]
        yield ", ".join(row["keywords"])
        yield prompt(row, rng)


def train_clip_tokenizer(stickers):
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix="", unk_token=END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(CLIP_PATTERN), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 2 - len(alphabet), initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator(corpus(stickers), trainer)
    # CLIP's order: every byte, every byte at a word's end, the merges, and last the two special tokens.
    spec = json.loads(tokenizer.to_str())
    merges = [m if isinstance(m, str) else " ".join(m) for m in spec["model"]["merges"]]
    tokens = [*sorted(alphabet), *(f"{b}</w>" for b in sorted(alphabet))]
    tokens += [t for t in dict.fromkeys(m.replace(" ", "") for m in merges) if t not in set(tokens)]
    tokens += [START, END]
    vocabulary = {token: n for n, token in enumerate(tokens)}
    tokenizer.model = models.BPE(
        vocab=vocabulary, merges=[tuple(m.split(" ")) for m in merges],
        end_of_word_suffix="</w>", continuing_subword_prefix="", unk_token=END,
    )
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.RobertaProcessing(
        sep=(END, vocabulary[END]), cls_token=(START, vocabulary[START]), add_prefix_space=False, trim_offsets=False
    )
    return tokenizer


def train_caption_tokenizer(stickers):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2048, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[END], show_progress=False
    )
    tokenizer.train_from_iterator((row["caption"] for row in stickers.rows), trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def write(tokenizer, folder, configuration):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    model = json.loads(tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False), "utf-8")
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), "utf-8")
    special = {k: configuration[k] for k in ("bos_token", "eos_token", "unk_token", "pad_token")}
    for name, value in {"tokenizer_config.json": configuration, "special_tokens_map.json": special}.items():
        (folder / name).write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def write_clip_tokenizer(tokenizer, folder):
    write(tokenizer, folder, {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": MAX_LENGTH, "do_lower_case": True,
        "bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END, "add_prefix_space": False,
        "errors": "replace", "clean_up_tokenization_spaces": True,
    })


def write_caption_tokenizer(tokenizer, folder):
    write(tokenizer, folder, {
        "tokenizer_class": "GPT2Tokenizer", "model_max_length": 48, "bos_token": END, "eos_token": END,
        "unk_token": END, "pad_token": END, "add_prefix_space": False, "clean_up_tokenization_spaces": False,
    })


def clip_tokenizer(stickers, work):
    path = work / "clip-tokenizer.json"
    if not path.exists():
        train_clip_tokenizer(stickers).save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(MAX_LENGTH)
    end = tokenizer.token_to_id(END)
    tokenizer.enable_padding(pad_id=end, pad_token=END, length=MAX_LENGTH)
    return tokenizer


def caption_tokenizer(stickers, work):
    path = work / "caption-tokenizer.json"
    if not path.exists():
        train_caption_tokenizer(stickers).save(str(path))
    return Tokenizer.from_file(str(path))
