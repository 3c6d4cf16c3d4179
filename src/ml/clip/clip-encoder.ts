/**
 * @file CLIP: texts and images as vectors in one space, where the cosine measures how well they match.
 *
 * A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
 * https://arxiv.org/abs/2103.00020
 *
 * Shapes: B texts or images, D dimension of the space.
 */
import { z } from "zod";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { type ClipTowers, loadClipTowers } from "./clip-towers.js";
import { loadDualTowers } from "./dual-towers.js";

const encoderConfigSchema = z.looseObject({
  model_type: z.string().optional(),
  projection_dim: z.number().int().positive(),
});

export interface ClipOptions extends OnnxOptions {
  /** Texts or images per run. Default: 16; larger batches gain nothing on a CPU. */
  batchSize?: number;
}

/** Each batch blocks the calling thread while it runs, about 10 ms per image with models/mini. */
export class ClipEncoder {
  private constructor(
    /** Checkpoint name, reported with every metric computed from it. */
    readonly name: string,
    readonly version: string,
    /** D. */
    readonly dimension: number,
    private readonly parts: { towers: ClipTowers; batchSize: number },
  ) {}

  /**
   * Loads `clip/` of a pack, without network access: a CLIP in the layout of transformers.js, or a
   * `vision-text-dual-encoder`, as the configuration's `model_type` says.
   *
   * @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`.
   */
  static async load(pack: ModelPack, options: ClipOptions = {}): Promise<ClipEncoder> {
    const config = await pack.readJson("clip/config.json", encoderConfigSchema);
    const isDual = config.model_type === "vision-text-dual-encoder";
    return new ClipEncoder(`${pack.name}/clip`, pack.versionOf("clip"), config.projection_dim, {
      towers: await (isDual ? loadDualTowers : loadClipTowers)(pack, options),
      batchSize: options.batchSize ?? 16,
    });
  }

  /** Unit vectors of texts, each truncated to the encoder's maximum length; `B -> [B, D]`. */
  encodeTexts(texts: readonly string[]): Promise<Float32Array[]> {
    return this.inBatches(texts, batch => this.parts.towers.texts(batch));
  }

  /** Unit vectors of images of any size; `B -> [B, D]`. */
  encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]> {
    return this.inBatches(images, batch => this.parts.towers.images(batch));
  }

  async dispose(): Promise<void> {
    await this.parts.towers.dispose();
  }

  private async inBatches<T>(
    inputs: readonly T[],
    encode: (batch: readonly T[]) => Promise<Float32Array>,
  ): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    const { batchSize } = this.parts;
    for (let start = 0; start < inputs.length; start += batchSize) {
      const embeddings = await encode(inputs.slice(start, start + batchSize));
      vectors.push(...unitRows(embeddings, this.dimension));
    }
    return vectors;
  }
}

/** The rows of `[B, D]`, scaled to length 1. */
function unitRows(data: Float32Array, dimension: number): Float32Array[] {
  return Array.from({ length: data.length / dimension }, (_, b) => {
    const row = data.slice(b * dimension, (b + 1) * dimension);
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    return row.map(x => x / norm);
  });
}
