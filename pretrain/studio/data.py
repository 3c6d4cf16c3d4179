"""Picture-text pairs of real shops, and the held-out products.

Sources, each optional: Luma (Magento 2 sample data), @vendure/create (npm), the clothing data set (CC0). A picture has a product, a kind,
a colour word (the shop's, or measured) and texts that describe it. Products are held out whole, by a hash of their id.
"""

import csv
import hashlib
import html
import re
from dataclasses import dataclass, field
from pathlib import Path

SEED = 17
HELD_OUT_SHARE = 0.2
FOLDS = 5

# What shoppers call the kinds; the first name is the one that captions and zero-shot recognition use.
KINDS = {
    "hoodie": ("hoodie", "hooded sweatshirt", "sweatshirt", "pullover", "full-zip hoodie", "fleece", "crew neck sweater"),
    "jacket": ("jacket", "outerwear", "coat", "parka", "windbreaker", "shell", "rain jacket", "down jacket"),
    "t-shirt": ("t-shirt", "tee", "short-sleeved t-shirt", "v-neck tee", "crew neck tee", "performance tee", "jersey"),
    "tank top": ("tank top", "tank", "sleeveless top", "singlet", "camisole", "racerback tank", "bra top", "sports bra"),
    "pants": ("pants", "trousers", "leggings", "track pants", "sweatpants", "joggers", "capri", "tights", "jeans"),
    "shorts": ("shorts", "short pants", "running shorts", "short", "board shorts", "cargo shorts"),
    "bag": ("bag", "backpack", "duffle bag", "tote", "messenger bag", "shoulder bag", "rucksack"),
    "watch": ("watch", "wrist watch", "digital watch", "analog watch", "chronograph", "timepiece"),
    "fitness equipment": ("fitness equipment", "exercise gear", "jump rope", "dumbbell", "yoga mat", "water bottle", "exercise ball", "resistance band"),
    "blazer": ("blazer", "suit jacket"), "blouse": ("blouse", "women's blouse"),
    "bodysuit": ("bodysuit", "baby bodysuit", "romper"), "dress": ("dress", "gown", "summer dress"), "hat": ("hat", "cap", "beanie"),
    "long-sleeved shirt": ("long-sleeved shirt", "longsleeve", "long sleeve top"), "polo shirt": ("polo shirt", "polo"),
    "shirt": ("shirt", "button-up shirt"), "shoes": ("shoes", "sneakers", "pair of shoes", "boots"), "skirt": ("skirt", "mini skirt"), "top": ("top", "women's top"),
    "undershirt": ("undershirt", "sleeveless undershirt", "vest"),
}
LUMA_KINDS = {"Hoodies & Sweatshirts": "hoodie", "Jackets": "jacket", "Tees": "t-shirt", "Tanks": "tank top", "Bras & Tanks": "tank top",
              "Pants": "pants", "Shorts": "shorts", "Bags": "bag", "Watches": "watch", "Fitness Equipment": "fitness equipment"}
CLOTHING_KINDS = {"Blazer": "blazer", "Blouse": "blouse", "Body": "bodysuit", "Dress": "dress", "Hat": "hat", "Hoodie": "hoodie",
                  "Longsleeve": "long-sleeved shirt", "Outwear": "jacket", "Pants": "pants", "Polo": "polo shirt", "Shirt": "shirt", "Shoes": "shoes",
                  "Shorts": "shorts", "Skirt": "skirt", "T-Shirt": "t-shirt", "Top": "top", "Undershirt": "undershirt"}
COLOURS = ("black", "white", "gray", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "beige")
LUMA_COLOURS = {"Lavender": "purple"}
FILE_COLOURS = {"bk": "black", "br": "brown", "gr": "gray", "lb": "blue", "sa": "gray"}


@dataclass
class Picture:
    source: str
    path: Path
    product: str
    kind: str | None
    colour: str | None
    title: str | None = None
    category: str | None = None
    texts: list = field(default_factory=list)

    @property
    def fold(self):
        """0 is held out from the shipped weights."""
        return int(hashlib.sha256(f"{SEED}:{self.product}".encode()).hexdigest(), 16) % FOLDS


def plain(text):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text or ""))).strip()


def sentences(text, count=2):
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", plain(text)) if 20 < len(part) < 220][:count]


def luma(root):
    """One picture of every colour of every product; back views are not in the folder."""
    fixtures = [list(csv.DictReader(open(root / "fixtures" / f"{name}.csv", encoding="utf-8")))
                for name in ("configurable_products", "products_gear_bags", "products_gear_fitness_equipment", "products_gear_watches")]
    products = {}
    for row in fixtures[0]:
        if row["product_type"] == "configurable":
            paths = [path.split("/") for path in re.split(r",(?=Default)", row["categories"])]
            path = next((p for p in paths if p[-1] in LUMA_KINDS and len(p) > 3), None) or next((p for p in paths if p[-1] in LUMA_KINDS), None)
            attributes = dict(part.split("=", 1) for part in row["additional_attributes"].split(",") if "=" in part)
            products[row["sku"].lower()] = (row, path[1:] if path else [], attributes)
    for row in [row for rows in fixtures[1:] for row in rows]:
        attributes = {name: (row.get(name) or "").replace("\n", "|") for name in ("material", "pattern", "style_bags", "activity")}
        products[row["sku"].lower().removeprefix("24-")] = (row, row["category"].split("\n")[:2], attributes)
    pictures = []
    for path in sorted((root / "images").glob("*.jpg")):
        match = re.fullmatch(r"([a-z]{2,3}\d\d)-([a-z]+)[_-](\w+)", path.stem)
        if not match or match[1] not in products:
            continue
        row, category, attributes = products[match[1]]
        name, word = plain(row["name"]), match[2]
        colour = FILE_COLOURS.get(word, LUMA_COLOURS.get(word.title(), word))
        leaf = category[-1] if category else None
        one = Picture("luma", path, f"luma:{match[1]}", LUMA_KINDS.get(leaf), colour if colour in COLOURS else None, name, " > ".join(category))
        material = attributes.get("material", "").split("|")[0].lower()
        people = {"Men": "men's ", "Women": "women's "}.get(category[0] if category else "", "")
        one.texts = [name, f"{name}, {', '.join(category)}", f"{colour} {name}", f"{name}, {colour}", f"{people}{colour} {leaf}", *sentences(row["description"])]
        if material:
            one.texts.append(f"{colour} {material} {one.kind or leaf}")
        pictures.append(one)
    return pictures


def vendure(root):
    pictures = []
    rows = [{key.strip(): (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(open(root / "products.csv", encoding="utf-8"), skipinitialspace=True)]
    for row in rows:
        for name in filter(None, row["assets"].split("|")):
            path = root / "images" / name.strip()
            if row["name"] and path.exists():
                facets = [facet.split(":", 1)[1] for facet in row["facets"].split("|") if facet.startswith("category:")]
                colour = next((facet.split(":", 1)[1] for facet in row["facets"].split("|") if facet.startswith("color:")), None)
                one = Picture("vendure", path, f"vendure:{row['slug']}", None, colour if colour in COLOURS else None, row["name"], " > ".join(facets))
                one.texts = [row["name"], f"{row['name']}, {', '.join(facets)}", f"a photo of a {row['name'].lower()}", *sentences(row["description"], 1)]
                pictures.append(one)
    return pictures


def clothing(root):
    rows = csv.DictReader(open(root / "images.csv", encoding="utf-8"))
    return [Picture("clothing", root / "images" / f"{row['image']}.jpg", f"clothing:{row['image']}", CLOTHING_KINDS[row["label"]], None)
            for row in rows if row["label"] in CLOTHING_KINDS and (root / "images" / f"{row['image']}.jpg").exists()]


def load(luma_root=None, vendure_root=None, clothing_root=None):
    return [*(luma(luma_root) if luma_root else []), *(vendure(vendure_root) if vendure_root else []), *(clothing(clothing_root) if clothing_root else [])]


def described(one):
    """Texts of kind and colour, as captions and searches say them."""
    texts = []
    for kind in KINDS.get(one.kind, ()):
        texts += [kind, f"a photo of a {kind}"]
        if one.colour:
            texts += [f"{one.colour} {kind}", f"a {one.colour} {kind}", f"a photo of a {one.colour} {kind}", f"{kind}, {one.colour}"]
    if one.colour:
        texts += [one.colour, f"a {one.colour} product"]
    return texts
