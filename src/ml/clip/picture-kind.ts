/**
 * @file Whether an image is a drawing or a photograph: a logistic regression on its embedding.
 *
 * `catalogue_kind.json` of the pack has the weights; `pretrain/studio/catalogue_kind.py` fits and measures them.
 */
import { z } from "zod";
import { dot } from "../nn/cosine.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { ClipEncoder, type ClipOptions } from "./clip-encoder.js";

const weightsSchema = z.looseObject({
  classes: z.tuple([z.literal("PHOTOGRAPHS"), z.literal("DRAWINGS")]),
  weights: z.array(z.number()).min(1),
  bias: z.number(),
});

export class PictureKindClassifier {
  private constructor(
    private readonly clip: ClipEncoder,
    private readonly weights: Float32Array,
    private readonly bias: number,
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`. */
  static async load(pack: ModelPack, options: ClipOptions = {}): Promise<PictureKindClassifier> {
    const { bias, weights } = await pack.readJson("catalogue_kind.json", weightsSchema);
    const clip = await ClipEncoder.load(pack, options);
    return new PictureKindClassifier(clip, Float32Array.from(weights), bias);
  }

  /** Probability that each image is a drawing, 0..1; `B -> [B]`. */
  async drawingProbabilities(images: readonly RgbImage[]): Promise<number[]> {
    const embeddings = await this.clip.encodeImages(images);
    return embeddings.map(row => 1 / (1 + Math.exp(-dot(row, this.weights) - this.bias)));
  }

  async dispose(): Promise<void> {
    await this.clip.dispose();
  }
}
