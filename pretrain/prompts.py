"""Text for a sticker: natural sentences and keyword lists, both in the distribution of every model here."""

STYLE_WORDS = {
    "fluent-3d": "glossy 3d style",
    "fluent-flat": "flat vector style",
    "noto": "noto style with soft gradients",
    "twemoji": "twemoji style with bold simple shapes",
    "emojione": "emojione cartoon style",
    "fxemoji": "fxemoji icon style",
}


def style_words(style):
    return STYLE_WORDS.get(style, f"{style.replace('-', ' ')} style")


def join_and(words):
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def prompt(row, rng, style=True, colors=True):
    """One random text that says what `row` shows and, if asked, its colours and its style."""
    title, palette, words = row["title"], row["colors"] if colors else [], style_words(row["style"])
    form = rng.random()
    if form < 0.25:  # the plain title first: what most callers ask with
        parts = [title, *([join_and(palette)] if palette else []), *([words] if style else [])]
        return ", ".join(parts)
    form = (form - 0.25) / 0.75
    if form < 0.2:  # the catalogue's own caption, cut to what is asked for
        subject = row["caption"].split(",")[0]
        parts = [subject, *([join_and(palette)] if palette else []), *([f"in {words}"] if style else [])]
        return ", ".join(parts)
    if form < 0.4:
        color = " ".join(palette[: rng.randint(1, 2)]) if palette else ""
        text = " ".join(filter(None, [rng.choice(["a", "the", "an emoji of a", "a sticker of a", ""]), color, title]))
        return text + (rng.choice([", ", " in ", ", in "]) + words if style else "")
    count = rng.randint(1, 5)
    subject = rng.sample(row["keywords"], min(count, len(row["keywords"])))
    if rng.random() < 0.75:
        subject = [title, *subject]
    rng.shuffle(subject)
    taste = [*palette[: rng.randint(1, 3)], *([words] if style else [])]
    if rng.random() < 0.5:
        rng.shuffle(taste)
    return ", ".join(dict.fromkeys(subject + taste if rng.random() < 0.7 else taste + subject))
