/**
 * @file How alike two items are, by what the catalogue knows of them: captions, images and the words of captions.
 *
 * The three signals x_s of a pair:
 * - caption: cosine of the captions' embeddings, -1..1
 * - image: cosine of the images' embeddings, -1..1
 * - words: Σ idf(w) of the common words / sqrt(Σ idf(w) of one item's words * Σ idf(w) of the other's), 0..1 (the Ochiai
 *   coefficient, where a word counts by its idf of BM25, ln(1 + (n - df + .5) / (df + .5)))
 *
 * Their spreads differ by encoder and catalogue: of photographs of one kind of product, all cosines are near 1. So each
 * counts in units of its standard deviation σ_s over pairs of items, and
 *
 *     likeness = Σ v_s x_s / Σ v_s,  v_s = a_s / σ_s,  a = {@link SIGNAL_WEIGHTS}
 *
 * The order is that of the sum of z-scores (CombSUM; E. Fox, J. Shaw, "Combination of Multiple Searches", TREC-2, 1994).
 *
 * Images of some catalogues say little of what an item is: two film posters may look alike by chance. There the cosines of
 * images and of captions hardly correlate over pairs. So a_image is multiplied by min(1, r / {@link FULL_AGREEMENT}), where r
 * is that correlation in the sample, and by 0 where r < 0.
 */
import { dot } from "../../ml/nn/cosine.js";
import { wordsOf } from "./words.js";

/**
 * Captions and images count the same. The words repeat part of what the caption's embedding says, and count half.
 * `npm run bench -- photo-features` compares these with weights chosen by cross-validation.
 */
export const SIGNAL_WEIGHTS = { caption: 1, image: 1, words: 0.5 } as const;

/**
 * From this correlation of images and captions on, images count fully. Photographs of products come near it with an encoder
 * that knows photographs. With one that does not, or for film posters and plots, the correlation is near 0.
 */
const FULL_AGREEMENT = 0.5;

type Signal = keyof typeof SIGNAL_WEIGHTS;
const signals = Object.keys(SIGNAL_WEIGHTS) as Signal[];

/** What is compared of an item. */
export interface ItemTraits {
  /** Of unit length; null for an item without one. */
  image: Float32Array | null;
  /** The caption; the empty string for an item without one. */
  text: string;
}

export interface SampledTraits extends ItemTraits {
  /** Of the caption, of unit length. */
  caption: Float32Array;
}

interface Spread {
  mean: number;
  deviation: number;
}

/** A pair's signals; undefined where one of the two lacks it. */
type PairSignals = Readonly<Partial<Record<Signal, number>>>;

/** Compares items of one catalogue. */
export class ItemLikeness {
  private readonly idfs: ReadonlyMap<string, number>;
  /** Of a word that the sample lacks: df = 0. */
  private readonly idfOfOthers: number;
  private readonly spreads: Readonly<Partial<Record<Signal, Spread>>>;
  private readonly weights: Readonly<Record<Signal, number>>;

  /** @param sample Items of the catalogue; a few hundred suffice. */
  constructor(
    sample: readonly SampledTraits[],
    weights: Readonly<Record<Signal, number>> = SIGNAL_WEIGHTS,
  ) {
    const words = sample.map(({ text }) => new Set(wordsOf(text)));
    const frequencies = new Map<string, number>();
    for (const word of words.flatMap(own => [...own])) {
      frequencies.set(word, (frequencies.get(word) ?? 0) + 1);
    }
    const idf = (df: number) => Math.log(1 + (sample.length - df + 0.5) / (df + 0.5));
    this.idfs = new Map(Array.from(frequencies, ([word, df]) => [word, idf(df)]));
    this.idfOfOthers = idf(0);
    const pairs = sample.flatMap((one, n) =>
      sample.slice(0, n).map((other, m): PairSignals => ({
        caption: dot(one.caption, other.caption),
        image: imageCosine(one, other),
        words: this.overlap(words[n], words[m]),
      })),
    );
    this.spreads = Object.fromEntries(
      signals.map(signal => [signal, spreadOf(pairs.flatMap(pair => pair[signal] ?? []))]),
    );
    this.weights = { ...weights, image: weights.image * agreementOf(pairs) };
  }

  /**
   * The likeness of an item to each of the others, at most 1; without spreads, the cosine of their captions.
   *
   * @param others With the cosine of their caption's embedding and the item's.
   */
  compare(item: ItemTraits, others: readonly (ItemTraits & { captionCosine: number })[]): number[] {
    const words = new Set(wordsOf(item.text));
    const used = signals.flatMap(signal => {
      const { deviation = 0, mean = 0 } = this.spreads[signal] ?? {};
      const isAbsent = signal === "image" && !item.image;
      return deviation === 0 || isAbsent
        ? []
        : [{ signal, mean, weight: this.weights[signal] / deviation }];
    });
    const total = used.reduce((sum, { weight }) => sum + weight, 0);
    return others.map(other => {
      const pair: PairSignals = {
        caption: other.captionCosine,
        image: imageCosine(item, other),
        words: this.overlap(words, new Set(wordsOf(other.text))),
      };
      const sum = used.reduce(
        (sum, { mean, signal, weight }) => sum + weight * (pair[signal] ?? mean),
        0,
      );
      return total > 0 ? sum / total : other.captionCosine;
    });
  }

  private overlap(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
    const common = [...one].filter(word => other.has(word));
    const norm = Math.sqrt(this.weightOf(one) * this.weightOf(other));
    return norm === 0 ? 0 : this.weightOf(common) / norm;
  }

  /** Σ idf(w). */
  private weightOf(words: Iterable<string>): number {
    let sum = 0;
    for (const word of words) {
      sum += this.idfs.get(word) ?? this.idfOfOthers;
    }
    return sum;
  }
}

function imageCosine(one: ItemTraits, other: ItemTraits): number | undefined {
  return one.image && other.image ? dot(one.image, other.image) : undefined;
}

/** How far images count, 0..1; fully where captions do not vary. */
function agreementOf(pairs: readonly PairSignals[]): number {
  const both = pairs.flatMap(({ caption, image }) =>
    caption === undefined || image === undefined ? [] : [{ caption, image }],
  );
  const captions = spreadOf(both.map(({ caption }) => caption));
  const images = spreadOf(both.map(({ image }) => image));
  const deviations = captions.deviation * images.deviation;
  if (deviations === 0) {
    return 1;
  }
  const covariance = both.reduce(
    (sum, { caption, image }) => sum + (caption - captions.mean) * (image - images.mean),
    0,
  );
  const correlation = covariance / (both.length * deviations);
  return Math.min(1, Math.max(0, correlation / FULL_AGREEMENT));
}

/** A deviation of rounding is none. */
function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, x) => sum + x, 0) / (values.length || 1);
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length || 1);
  return { mean, deviation: variance < 1e-12 ? 0 : Math.sqrt(variance) };
}
