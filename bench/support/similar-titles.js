/**
 * Similar items on Luma, with titles as captions and one item a title: of the 5 most similar, the share of the item's own
 * category. Folds of products are those of `pretrain/studio/data.py`; `studio` was trained on all but fold 0.
 */
import { createHash } from "node:crypto";
import { bootstrapInterval, DEFAULT_RESAMPLES, mean } from "../../dist/ml/metrics/bootstrap.js";
import { pairedBootstrap } from "../../dist/ml/metrics/paired-tests.js";
import { dot } from "../../dist/ml/nn/cosine.js";
import { Random } from "../../dist/ml/nn/random.js";
import { CaptionIndex } from "../../dist/recsys/retrieval/caption-index.js";
import { ItemLikeness, SIGNAL_WEIGHTS } from "../../dist/recsys/retrieval/item-likeness.js";
import { SimilarItemsService } from "../../dist/recsys/retrieval/similar-items.service.js";

const SEED = 1;
const K = 5;
const FOLDS = 5;
/** Weights of images and of words, where captions weigh 1. */
const GRID = [0, 0.25, 0.5, 0.75, 1, 1.5, 2].flatMap(image =>
  [0, 0.25, 0.5, 0.75, 1].map(words => ({ caption: 1, image, words })),
);

/** The title without the colour, so that the colours of one product are not each other's neighbours. */
export const nameOf = ({ shop, title }) =>
  shop === "luma" ? title.replace(/, [a-z]+$/, "") : title;

/** Luma's category, where men's "Tanks" and women's "Bras & Tanks" are one kind of thing. */
const kindOf = ({ category }) => (category === "Bras & Tanks" ? "Tanks" : category);
const categoryOf = ({ category }) => category;

function foldOf({ imagePath }) {
  const sku = /([a-z]{2,3}\d\d)-[a-z]+[_-]\w+\.jpg$/.exec(imagePath)?.[1] ?? "";
  const hash = createHash("sha256").update(`17:luma:${sku}`).digest("hex");
  return Number(BigInt(`0x${hash}`) % BigInt(FOLDS));
}

/** @param embedded Unit vectors of the products' titles and images. */
export async function similarTitles(products, { images, titles }) {
  const first = new Map();
  products.forEach((product, n) => {
    if (product.shop === "luma" && !first.has(nameOf(product))) {
      first.set(nameOf(product), n);
    }
  });
  const items = [...first.values()].map(n => ({
    itemId: products[n].id,
    product: products[n],
    fold: foldOf(products[n]),
    text: nameOf(products[n]),
    caption: titles[n],
    image: images[n],
    isAvailable: true,
  }));
  const served = await nearestByService(items);
  const nearest = {
    captions: nearestBy(items, { caption: 1, image: 0, words: 0 }),
    images: nearestBy(items, { caption: 0, image: 1, words: 0 }),
    words: nearestBy(items, { caption: 0, image: 0, words: 1 }),
    "captions and images": nearestBy(items, { caption: 1, image: 1, words: 0 }),
    "captions and words": nearestBy(items, { ...SIGNAL_WEIGHTS, image: 0 }),
    similarItems: served,
  };
  const chosen = crossValidated(items);
  const byCategory = Object.fromEntries(
    Object.entries(nearest).map(([name, found]) => [name, precisions(items, found, categoryOf)]),
  );
  const { difference, interval, pValue } = pairedBootstrap(
    byCategory.similarItems,
    byCategory.captions,
    new Random(SEED),
  );
  return {
    numTitles: items.length,
    numHeldOut: items.filter(isHeldOut).length,
    weights: SIGNAL_WEIGHTS,
    precisionAt5: Object.fromEntries(
      Object.entries(nearest).map(([name, found]) => [name, reportOf(items, found)]),
    ),
    /** Weights chosen by category on the other four folds of products, each fold with its own. */
    crossValidated: {
      weights: chosen.weights,
      byCategory: summary(items, chosen.values),
    },
    overCaptions: { difference, interval, pValue },
    misses: missesOf(items, served),
  };
}

/** The product's default path: the index, the service and its weights. */
async function nearestByService(items) {
  const index = new CaptionIndex(items[0].caption.length);
  await index.add(
    items.map(({ caption, itemId }) => ({ itemId, vector: caption, sourceHash: "" })),
  );
  const of = new Map(items.map(item => [item.itemId, item]));
  const service = new SimilarItemsService({
    index: { current: index },
    items: {
      existing: async ids => new Set(ids),
      findTraits: async ids => ids.map(id => of.get(id)),
      sampleTraits: async limit => items.slice(0, limit),
    },
  });
  const found = [];
  for (const { itemId } of items) {
    found.push((await service.similarItems(itemId, K)).map(({ itemId: id }) => of.get(id)));
  }
  return found;
}

function nearestBy(items, weights) {
  const likeness = new ItemLikeness(items, weights);
  return items.map(item => {
    const others = items
      .filter(other => other !== item)
      .map(other => ({ ...other, captionCosine: dot(item.caption, other.caption) }));
    const values = likeness.compare(item, others);
    const order = [...others.keys()].sort((a, b) => values[b] - values[a]);
    return order.slice(0, K).map(n => others[n]);
  });
}

/** Each item's precision with the weights that are best on the products of the other folds. */
function crossValidated(items) {
  const all = GRID.map(weights => precisions(items, nearestBy(items, weights), categoryOf));
  const weights = [];
  const values = items.map(() => NaN);
  for (let fold = 0; fold < FOLDS; fold++) {
    const means = all.map(own => mean(own.filter((_, n) => items[n].fold !== fold)));
    const best = means.indexOf(Math.max(...means));
    weights.push(GRID[best]);
    items.forEach((item, n) => {
      if (item.fold === fold) {
        values[n] = all[best][n];
      }
    });
  }
  return { weights, values };
}

const precisions = (items, nearest, labelOf) =>
  items.map(
    ({ product }, n) =>
      nearest[n].filter(found => labelOf(found.product) === labelOf(product)).length / K,
  );

const isHeldOut = ({ fold }) => fold === 0;

function summary(items, values) {
  const heldOut = values.filter((_, n) => isHeldOut(items[n]));
  const interval = own => bootstrapInterval(own, DEFAULT_RESAMPLES, new Random(SEED));
  return {
    all: mean(values),
    interval: interval(values),
    heldOut: mean(heldOut),
    heldOutInterval: interval(heldOut),
  };
}

function reportOf(items, nearest) {
  return {
    byCategory: summary(items, precisions(items, nearest, categoryOf)),
    byKind: summary(items, precisions(items, nearest, kindOf)),
  };
}

/** Every title with a neighbour of another category, worst first. */
function missesOf(items, nearest) {
  const values = precisions(items, nearest, categoryOf);
  const misses = items.flatMap(({ fold, product, text }, n) =>
    values[n] === 1
      ? []
      : [
          {
            title: text,
            category: product.category,
            isHeldOut: fold === 0,
            precision: values[n],
            found: nearest[n].map(other => `${other.text} (${other.product.category})`),
          },
        ],
  );
  return misses.sort((a, b) => a.precision - b.precision);
}
