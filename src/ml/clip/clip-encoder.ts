/**
 * @file CLIP: texts and images as vectors in one space, where the cosine measures how well they match.
 *
 * A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
 * https://arxiv.org/abs/2103.00020
 *
 * Shapes: B texts or images, D dimension of the space.
 */
import {
  AutoProcessor,
  CLIPTextModelWithProjection,
  CLIPVisionModelWithProjection,
  env,
  type PreTrainedModel,
  type Processor,
  RawImage,
  Tensor,
} from "@huggingface/transformers";
import { z } from "zod";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, onnxSessionOptions } from "../runtime/onnx-session.js";
import { ClipTokenizer } from "./clip-tokenizer.js";

const clipConfigSchema = z.looseObject({
  projection_dim: z.number().int().positive(),
  text_config: z.looseObject({ max_position_embeddings: z.number().int().positive().default(77) }),
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
    private readonly parts: {
      tokenizer: ClipTokenizer;
      maxLength: number;
      text: PreTrainedModel;
      vision: PreTrainedModel;
      processor: Processor;
      batchSize: number;
    },
  ) {}

  /**
   * Loads `clip/` of a pack in the layout of transformers.js, without network access.
   *
   * @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`.
   */
  static async load(pack: ModelPack, options: ClipOptions = {}): Promise<ClipEncoder> {
    const config = await pack.readJson("clip/config.json", clipConfigSchema);
    const files = ["onnx/text_model.onnx", "onnx/vision_model.onnx", "preprocessor_config.json"];
    files.forEach(file => pack.path(`clip/${file}`)); // transformers.js's own error does not name the pack
    env.allowRemoteModels = false;
    const folder = pack.path("clip");
    const from = {
      dtype: "fp32",
      local_files_only: true,
      session_options: onnxSessionOptions(options),
    } as const;
    const tokenizer = await ClipTokenizer.load(pack, "clip");
    const positions = config.text_config.max_position_embeddings;
    return new ClipEncoder(`${pack.name}/clip`, pack.versionOf("clip"), config.projection_dim, {
      tokenizer,
      maxLength: Math.min(tokenizer.maxLength ?? positions, positions),
      text: await CLIPTextModelWithProjection.from_pretrained(folder, from),
      vision: await CLIPVisionModelWithProjection.from_pretrained(folder, from),
      processor: await AutoProcessor.from_pretrained(folder, { local_files_only: true }),
      batchSize: options.batchSize ?? 16,
    });
  }

  /** Unit vectors of texts, each truncated to the encoder's maximum length; `B -> [B, D]`. */
  encodeTexts(texts: readonly string[]): Promise<Float32Array[]> {
    return this.inBatches(texts, async batch => {
      const { maxLength, text, tokenizer } = this.parts;
      const lengths = tokenizer.lengths(batch).map(length => Math.min(length, maxLength));
      const length = Math.max(...lengths);
      const dims = [batch.length, length];
      const ids = tokenizer.encode(batch, length).flat();
      const mask = lengths.flatMap(used => Array.from({ length }, (_, i) => (i < used ? 1 : 0)));
      const { text_embeds } = await call(text, {
        input_ids: new Tensor("int64", BigInt64Array.from(ids.map(BigInt)), dims),
        attention_mask: new Tensor("int64", BigInt64Array.from(mask.map(BigInt)), dims),
      });
      return text_embeds;
    });
  }

  /** Unit vectors of images of any size; `B -> [B, D]`. */
  encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]> {
    return this.inBatches(images, async batch => {
      const raw = batch.map(
        ({ heightPixels, pixels, widthPixels }) =>
          new RawImage(pixels, widthPixels, heightPixels, 3),
      );
      const inputs = (await this.parts.processor(raw)) as Record<string, Tensor>;
      const { image_embeds } = await call(this.parts.vision, inputs);
      return image_embeds;
    });
  }

  async dispose(): Promise<void> {
    await Promise.all([this.parts.text.dispose(), this.parts.vision.dispose()]);
  }

  private async inBatches<T>(
    inputs: readonly T[],
    encode: (batch: readonly T[]) => Promise<Tensor>,
  ): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (let start = 0; start < inputs.length; start += this.parts.batchSize) {
      const embeddings = await encode(inputs.slice(start, start + this.parts.batchSize));
      vectors.push(...unitRows(embeddings));
    }
    return vectors;
  }
}

/** transformers.js types every model's outputs as `any`. */
function call(
  model: PreTrainedModel,
  inputs: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  return model(inputs) as Promise<Record<string, Tensor>>;
}

/** The rows of `[B, D]`, scaled to length 1. */
function unitRows({ data, dims: [numRows, dimension] }: Tensor): Float32Array[] {
  return Array.from({ length: numRows }, (_, b) => {
    const row = (data as Float32Array).slice(b * dimension, (b + 1) * dimension);
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    return row.map(x => x / norm);
  });
}
