/**
 * @file An independent classifier of generated stickers, by concept and by style.
 *
 * It uses MobileNetV2's features and colours, never the pack's own CLIP, and is trained on the pack's training stickers,
 * without the held-out ones. Style: linear discriminant analysis of texture and colour, trained on stickers both as
 * drawn and as the pack's autoencoder reconstructs them, since every generated image has the autoencoder's artefacts,
 * which are no style. Concepts are ranked by their cosine in the discriminant space of the last features.
 */
import { Discriminant } from "../../../ml/metrics/discriminant.js";
import { type ImageView } from "./image-views.js";

/** γ of the two analyses: chosen on a tenth of the training stickers; hardly matters between 0.003 and 0.1. */
const STYLE_SHRINKAGE = 0.01;
const CONCEPT_SHRINKAGE = 0.1;
/** Clips features beyond this many standard deviations. */
const MAX_DEVIATION = 8;

export interface ClassifiedSticker {
  concept: string;
  style: string;
  view: ImageView;
}

/** Fractions of images, 0 … 1. */
export interface ClassifierFigures {
  pictures: number;
  styleAccuracy: number;
  /** The right concept ranks first, or in the first five, among the concepts of these images. */
  conceptTop1Among: number;
  conceptTop5Among: number;
  /** The same among all concepts. */
  conceptTop1OfAll: number;
  conceptTop5OfAll: number;
  numConceptsAmong: number;
  numConcepts: number;
}

export class StickerClassifier {
  private constructor(
    private readonly styles: readonly string[],
    private readonly concepts: readonly string[],
    private readonly styleScale: { mean: Float32Array; deviation: Float32Array },
    private readonly parts: { style: Discriminant; concept: Discriminant },
  ) {}

  /**
   * @param drawn Training stickers as drawn, for both analyses.
   * @param decoded Training stickers through the autoencoder, for style alone.
   */
  static async train(
    drawn: readonly ClassifiedSticker[],
    decoded: readonly ClassifiedSticker[],
  ): Promise<StickerClassifier> {
    const styles = [...new Set(drawn.map(({ style }) => style))].sort();
    const concepts = [...new Set(drawn.map(({ concept }) => concept))].sort();
    const ofStyle = [...drawn, ...decoded];
    const scale = scaleOf(ofStyle.map(({ view }) => view.style));
    const style = await Discriminant.fit(
      {
        rows: ofStyle.map(({ view }) => scaled(view.style, scale)),
        labels: ofStyle.map(sticker => styles.indexOf(sticker.style)),
      },
      styles.length,
      STYLE_SHRINKAGE,
    );
    const place = new Map(concepts.map((concept, index) => [concept, index]));
    const concept = await Discriminant.fit(
      {
        rows: drawn.map(({ view }) => view.semantic.map(Math.sqrt)),
        labels: drawn.map(sticker => place.get(sticker.concept)!), // every one is a key
      },
      concepts.length,
      CONCEPT_SHRINKAGE,
    );
    return new StickerClassifier(styles, concepts, scale, { style, concept });
  }

  /** The predicted style of an image. */
  styleOf(view: ImageView): string {
    const scores = this.parts.style.logLikelihoods(scaled(view.style, this.styleScale));
    return this.styles[scores.indexOf(Math.max(...scores))];
  }

  /** How well images match their requested concept and style. */
  figures(pictures: readonly ClassifiedSticker[]): ClassifierFigures {
    const among = new Set(pictures.map(({ concept }) => concept));
    const ranks = pictures.map(image => this.ranks(image, among));
    const share = (hits: readonly boolean[]) => hits.filter(Boolean).length / hits.length;
    return {
      pictures: pictures.length,
      styleAccuracy: share(pictures.map(({ style, view }) => this.styleOf(view) === style)),
      conceptTop1Among: share(ranks.map(rank => rank.among <= 1)),
      conceptTop5Among: share(ranks.map(rank => rank.among <= 5)),
      conceptTop1OfAll: share(ranks.map(rank => rank.ofAll <= 1)),
      conceptTop5OfAll: share(ranks.map(rank => rank.ofAll <= 5)),
      numConceptsAmong: among.size,
      numConcepts: this.concepts.length,
    };
  }

  /** The rank of the requested concept, 1 is best; infinite for an unknown one. */
  private ranks({ concept, view }: ClassifiedSticker, among: ReadonlySet<string>) {
    const scores = this.parts.concept.alignments(view.semantic.map(Math.sqrt));
    const own = scores[this.concepts.indexOf(concept)] ?? -Infinity;
    const better = this.concepts.filter((_, k) => scores[k] > own);
    return { among: 1 + better.filter(name => among.has(name)).length, ofAll: 1 + better.length };
  }
}

function scaleOf(rows: readonly Float32Array[]): { mean: Float32Array; deviation: Float32Array } {
  const length = rows[0].length;
  const [sum, squares] = [new Float64Array(length), new Float64Array(length)];
  for (const row of rows) {
    row.forEach((value, i) => {
      sum[i] += value / rows.length;
      squares[i] += value ** 2 / rows.length;
    });
  }
  const mean = Float32Array.from(sum);
  const deviation = mean.map((_, i) => Math.sqrt(Math.max(squares[i] - sum[i] ** 2, 0)) + 1e-4);
  return { mean, deviation };
}

function scaled(
  row: Float32Array,
  { deviation, mean }: { mean: Float32Array; deviation: Float32Array },
): Float32Array {
  return row.map((value, i) => {
    return Math.min(Math.max((value - mean[i]) / deviation[i], -MAX_DEVIATION), MAX_DEVIATION);
  });
}
