"""The language model (LlamaForCausalLM, 2.7 million parameters) and its byte-level BPE tokenizer.

It learns two things from the catalogue's text alone:

- LLM_k: the prompt of prompts/keywords.v1.txt -> keywords of one item, separated by commas, closed by the end token.
  Captions have the errors of a small captioner (another object, missing colours, no style); titles are written as in shops.
- LLM_g: the prompt of prompts/preference.v1.txt -> a sentence about the appearance that a list of keywords describes, so that the
  hidden states over that prompt hold style, colours and theme.

    python language.py --stickers DIR --work WORK [--minutes 20] [--out DIR]

`--out` writes the trained model in Hugging Face layout (float16 safetensors) and `WORK/language-metrics.json`.
"""

import json
import random
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from common import SEED, Trainer, half_precision, load_module, load_stickers, stage_arguments, start
from prompts import join_and, prompt, style_words

VOCABULARY = 4096
CONTEXT = 256
END = "<|endoftext|>"
MAX_TEXT = 160  # characters of an item's text, of a caption: they are a shop's input
MAX_ANSWER = 72  # tokens; the longest of the catalogue has 66
MAX_KEYWORDS = 8  # n of the paper: keywords of a preference
BATCH = 32
PROMPTS = Path(__file__).parent.parent / "prompts"
GROUP_WORDS = {
    "animals-nature": "animals and nature", "food-drink": "food and drink", "travel-places": "travel and places",
    "people-body": "people and gestures", "smileys-emotion": "faces and feelings", "objects": "objects",
    "symbols": "signs and symbols", "activities": "games, sport and celebrations",
}
NOISE = ["new", "sale", "set of 2", "(2024)", "no. 7", "size M", "free shipping", "limited edition", "classic", "- best price", "SKU-1182"]


# -- Prompts ---------------------------------------------------------------------------------------------------------


# White space, control, zero-width and direction characters; src/ml/language/prompt-template.ts has the same.
BLANK = re.compile("[\\x00-\\x20\\x7f-\\xa0\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u2064\\u3000\\ufeff]+")


def template(name):
    """The prompt file's text without its last line break."""
    return (PROMPTS / f"{name}.txt").read_text("utf-8").removesuffix("\n")


def quoted(text, length=MAX_TEXT):
    """One line of plain characters without double quotes, cut at a word: what may stand between a prompt's quotes."""
    text = BLANK.sub(" ", text.replace('"', "'")).strip(" ")
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0]


def filled(name, **slots):
    """In one pass, so that a slot's text with another slot's name in it stays text."""
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: quoted(slots[slot[1]]) if slot[1] in slots else "", template(name))


def keyword_prompt(caption, text):
    return filled("keywords.v1", caption=caption, text=text)


def preference_prompt(keywords):
    return filled("preference.v1", keywords=", ".join(keywords))


# -- Examples --------------------------------------------------------------------------------------------------------


def item_keywords(row, colors=True, style=True):
    """The wanted keywords: the object, its style, its colours, related words; without repeats."""
    words = [*row["keywords"][:3], *([style_words(row["style"])] if style else []), *(row["colors"] if colors else []), *row["keywords"][3:]]
    return list(dict.fromkeys(words))


def preference_sentence(rows, keywords):
    """What the keywords and their objects have in common."""
    said = set(keywords)
    styles = Counter(style_words(r["style"]) for r in rows).most_common()
    colors = [c for c, _ in Counter(c for r in rows for c in r["colors"]).most_common() if c in said][:3]
    group, count = Counter(r["group"] for r in rows).most_common(1)[0]
    themes = [GROUP_WORDS.get(group, group.replace("-", " "))] if 2 * count > len(rows) else []
    has_style = bool(said & {w for s, _ in styles for w in (s, *telling_words(s))})
    parts = [f"pictures in {styles[0][0]}" if has_style else "pictures in any style"]
    parts += [f"mostly {join_and(colors)}"] if colors else []
    parts += [f"of {join_and(themes)}"] if themes else []
    every_color = {c for r in rows for c in r["colors"]}
    objects = [k for k in keywords if k not in every_color and not any(k in s for s, _ in styles)][:3]
    return " " + ", ".join(parts) + (f"; for example {join_and(objects)}" if objects else "") + "."


def telling_words(style):
    return [w for w in style.split() if w not in {"with", "style", "and"}]


class Examples:
    """Seeded (prompt, answer) pairs of the given rows."""

    def __init__(self, rows, rng):
        self.rows, self.rng = rows, rng
        self.by_group, self.by_style, self.by_color = {}, {}, {}
        for row in rows:
            self.by_group.setdefault(row["group"], []).append(row)
            self.by_style.setdefault(row["style"], []).append(row)
            for color in row["colors"]:
                self.by_color.setdefault(color, []).append(row)

    def caption(self, row, noise):
        """(caption, whether it names the colours, the style, the right object)"""
        rng = self.rng
        form = rng.random() if noise else 1.0
        if form < 0.25:  # a captioner's error: right colours and style, but another object of the group
            other = rng.choice(self.by_group[row["group"]])
            return row["caption"].replace(row["caption"].split(",")[0], other["caption"].split(",")[0], 1), True, True, False
        if form < 0.35:
            return row["caption"].split(",")[0], False, False, True
        if form < 0.45:
            return f"{row['caption'].split(',')[0]} in {style_words(row['style'])}", False, True, True
        if form < 0.55:
            return prompt(row, rng, style=False, colors=False), False, False, True
        if form < 0.62:  # words lost on the way
            words = row["caption"].split(" ")
            del words[rng.randrange(max(1, len(words) // 2))]
            return " ".join(words), True, True, True
        if form < 0.65:
            return "", False, False, False
        return row["caption"], True, True, True

    def text(self, row, noise):
        rng = self.rng
        title, form = row["title"], rng.random() if noise else 1.0
        if form < 0.1:
            return ""
        if form < 0.25:
            return f"{title}. {', '.join(rng.sample(row['keywords'], min(3, len(row['keywords']))))}"
        if form < 0.4:
            return " ".join(rng.sample([title.title(), rng.choice(NOISE)], 2))
        if form < 0.5:
            return title.upper() if rng.random() < 0.3 else title.capitalize()
        return title

    def of_keywords(self):
        rng = self.rng
        if rng.random() < 0.08:
            return self.of_unknown()
        row = rng.choice(self.rows)
        caption, colors, style, right = self.caption(row, True)
        text = self.text(row, True) if right else row["title"]
        if not text and right is False:
            text = row["title"]
        return keyword_prompt(caption, text), " " + ", ".join(item_keywords(row, colors, style))

    def of_unknown(self):
        """An object that the catalogue does not have: its own words are the keywords."""
        rng = self.rng
        words = list(dict.fromkeys(w for _ in range(rng.randint(1, 4)) for w in rng.choice(self.rows)["title"].lower().split()[:2]))
        rng.shuffle(words)
        color = rng.choice(sorted(self.by_color)) if rng.random() < 0.5 else None
        caption = ", ".join([f"a {words[0]}", *([color] if color else [])]) if rng.random() < 0.8 else ""
        return keyword_prompt(caption, " ".join(words).title()), " " + ", ".join([*words, *([color] if color and caption else [])])

    def taste(self):
        """Some items that one person might like: alike in style, in colour, in theme, or in several of these."""
        rng = self.rng
        pool = self.rows
        style, color, group = rng.random() < 0.75, rng.random() < 0.5, rng.random() < 0.5
        if style:
            pool = self.by_style[rng.choice(sorted(self.by_style))]
        if color:
            chosen = rng.choice(sorted(self.by_color))
            pool = [r for r in pool if chosen in r["colors"]] or pool
        if group:
            chosen = rng.choice(sorted(self.by_group))
            pool = [r for r in pool if r["group"] == chosen] or pool
        return [rng.choice(pool) for _ in range(rng.randint(2, 6))]

    def of_preference(self):
        rng = self.rng
        rows = self.taste()
        split = rng.random() < 0.35  # an extractor without a model gives a style as single words
        counts = Counter()
        for row in rows:
            words = item_keywords(row)
            if split:
                words = list(dict.fromkeys(w for k in words for w in (telling_words(k) if k == style_words(row["style"]) else [k])))
            if rng.random() < 0.3:
                words = rng.sample(words, max(3, len(words) // 2))
            counts.update(words)
        order = {w: rng.random() for w in counts}
        keywords = sorted(counts, key=lambda w: (-counts[w], order[w]))[: rng.randint(4, MAX_KEYWORDS)]
        if rng.random() < 0.3:
            rng.shuffle(keywords)
        return preference_prompt(keywords), preference_sentence(rows, keywords)

    def sequence(self, tokenizer, several):
        """Token ids, and the target of each (-100 where none): one pair, or two one after the other."""
        ids, targets = [], []
        for _ in range(2 if several else 1):
            question, answer = self.of_keywords() if self.rng.random() < 0.65 else self.of_preference()
            asked = tokenizer.encode(question).ids
            said = [*tokenizer.encode(answer).ids[: MAX_ANSWER - 1], tokenizer.token_to_id(END)]
            ids += asked + said
            targets += [-100] * len(asked) + said
        return ids[:CONTEXT], targets[:CONTEXT]

    def batch(self, tokenizer, size):
        several = self.rng.random() < 0.3
        pairs = [self.sequence(tokenizer, several) for _ in range(size // 2 if several else size)]
        longest = max(len(ids) for ids, _ in pairs)
        end = tokenizer.token_to_id(END)
        ids = torch.tensor([ids + [end] * (longest - len(ids)) for ids, _ in pairs])
        targets = torch.tensor([t + [-100] * (longest - len(t)) for _, t in pairs])
        return ids, targets


# -- Tokenizer and model ---------------------------------------------------------------------------------------------


def corpus(stickers):
    rows = [stickers.rows[i] for i in stickers.train]
    examples = Examples(rows, random.Random(SEED))
    for row in rows:
        yield row["caption"]
        yield " " + ", ".join(item_keywords(row))
        yield row["title"]
        yield row["title"].title()
    for _ in range(4000):
        yield "".join(examples.of_keywords())
        yield "".join(examples.of_preference())


def language_tokenizer(stickers, work):
    path = Path(work) / "language-tokenizer.json"
    if not path.exists():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[END], show_progress=False
        )
        tokenizer.train_from_iterator(corpus(stickers), trainer)
        tokenizer.save(str(path))
    return Tokenizer.from_file(str(path))


def build_language(tokenizer):
    end = tokenizer.token_to_id(END)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=192, intermediate_size=512, num_hidden_layers=5,
        num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=CONTEXT, rms_norm_eps=1e-5,
        tie_word_embeddings=True, bos_token_id=end, eos_token_id=end, pad_token_id=end, attn_implementation="eager",  # with bfloat16 three times as fast here as "sdpa"
    ))


def trained_language(stickers, work):
    return load_module(build_language(language_tokenizer(stickers, work)), work, "language", "language")


def answer_loss(model, ids, targets):
    """Cross-entropy of the answers' tokens; the vocabulary is multiplied at these places only."""
    with half_precision():
        hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
        places = targets[:, 1:] != -100
        logits = model.lm_head(hidden[places])
    return F.cross_entropy(logits.float(), targets[:, 1:][places])


# -- Figures ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def answers(model, tokenizer, questions, batch=64):
    """Greedy continuations as text."""
    end = tokenizer.token_to_id(END)
    result = []
    for at in range(0, len(questions), batch):
        encoded = [tokenizer.encode(q).ids for q in questions[at : at + batch]]
        longest = max(map(len, encoded))
        ids = torch.tensor([[end] * (longest - len(e)) + e for e in encoded])
        mask = torch.tensor([[0] * (longest - len(e)) + [1] * len(e) for e in encoded])
        output = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=MAX_ANSWER, do_sample=False, pad_token_id=end)
        result += [tokenizer.decode(o.tolist()).strip() for o in output[:, longest:]]
    return result


def f1(wanted, got):
    hits = len(set(wanted) & set(got))
    return 2 * hits / (len(set(wanted)) + len(set(got))) if hits else 0.0


def measure(model, tokenizer, stickers):
    """Keyword F1 on pictures never trained on; a keyword counts when it is the catalogue's, letter for letter."""
    held_out = [stickers.rows[i] for i in stickers.held_out]
    examples = Examples([stickers.rows[i] for i in stickers.train], random.Random(SEED + 1))
    wrong = [r["caption"].replace(r["caption"].split(",")[0], examples.rng.choice(examples.by_group[r["group"]])["caption"].split(",")[0], 1) for r in held_out]
    kinds = {
        "captionAndTitle": [keyword_prompt(r["caption"], r["title"]) for r in held_out],
        "wrongThingInCaption": [keyword_prompt(c, r["title"]) for c, r in zip(wrong, held_out)],
        "captionOnly": [keyword_prompt(r["caption"], "") for r in held_out],
    }
    figures = {"heldOut": len(held_out), "keywordF1": {}, "colorRecall": {}, "styleRecall": {}}
    for kind, questions in kinds.items():
        said = [[k.strip() for k in a.split(",")] for a in answers(model, tokenizer, questions)]
        figures["keywordF1"][kind] = float(np.mean([f1(item_keywords(r), s) for r, s in zip(held_out, said)]))
        figures["colorRecall"][kind] = float(np.mean([c in s for r, s in zip(held_out, said) for c in r["colors"]]))
        figures["styleRecall"][kind] = float(np.mean([style_words(r["style"]) in s for r, s in zip(held_out, said)]))
    tastes = Examples(held_out, random.Random(SEED + 2))
    pairs = []
    while len(pairs) < 200:  # a taste without one style has no right answer
        question, answer = tastes.of_preference()
        if sum(style_words(s) in question for s in tastes.by_style) == 1:
            pairs.append((question, answer))
    said = answers(model, tokenizer, [q for q, _ in pairs])
    first = lambda text: text.strip().split(",")[0]
    figures["preferenceStyle"] = float(np.mean([first(a) == first(s) for (_, a), s in zip(pairs, said)]))
    figures["preferenceExact"] = float(np.mean([a.strip() == s for (_, a), s in zip(pairs, said)]))
    figures["examples"] = [{"prompt": q, "answer": s} for q, s in [*zip(kinds["captionAndTitle"][:2], answers(model, tokenizer, kinds["captionAndTitle"][:2])), *zip([q for q, _ in pairs[:2]], said[:2])]]
    return figures


# -- Export ----------------------------------------------------------------------------------------------------------


def export_language(stickers, work, folder):
    """Writes config.json, generation_config.json, model.safetensors (float16) and the tokenizer's files into `folder`."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = language_tokenizer(stickers, work)
    model = trained_language(stickers, work).half()
    model.generation_config.update(max_new_tokens=MAX_ANSWER, do_sample=False)
    model.save_pretrained(folder)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END, unk_token=END,
        model_max_length=CONTEXT, clean_up_tokenization_spaces=False,
    )
    fast.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text("utf-8"))
    config["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that every version and transformers.js know
    path.write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    return sum(p.stat().st_size for p in folder.iterdir())


def main():
    parser = stage_arguments(__doc__, 20)
    parser.add_argument("--out", type=Path, help="where the trained model goes, in Hugging Face layout")
    arguments = parser.parse_args()
    start(arguments)
    stickers = load_stickers(arguments.stickers, arguments.work)
    tokenizer = language_tokenizer(stickers, arguments.work)
    model = build_language(tokenizer).train()
    trainer = Trainer("language", {"language": model}, arguments.work, arguments.minutes, lr=3e-3, weight_decay=0.05, ema=0.99)
    rows = [stickers.rows[i] for i in stickers.train]
    examples = Examples(rows, random.Random(SEED + trainer.step))
    while not trainer.done:
        trainer.update(answer_loss(model, *examples.batch(tokenizer, BATCH)))
    trainer.save()
    figures = measure(trained_language(stickers, arguments.work), tokenizer, stickers)
    figures["steps"], figures["seconds"] = trainer.step, round(trainer.spent)
    (arguments.work / "language-metrics.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in figures.items() if k != "examples"}))
    if arguments.out:
        total = export_language(stickers, arguments.work, arguments.out)
        print(f"{arguments.out}: {total / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
