/** @file The two towers of an encoder, and those of a CLIP in the layout of transformers.js. */
import {
  AutoProcessor,
  CLIPTextModelWithProjection,
  CLIPVisionModelWithProjection,
  env,
  type PreTrainedModel,
  RawImage,
  Tensor,
} from "@huggingface/transformers";
import { z } from "zod";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, onnxSessionOptions } from "../runtime/onnx-session.js";
import { ClipTokenizer } from "./clip-tokenizer.js";

/** Embeddings of a batch, not normalised: `B -> [B, D]`, row by row. */
export interface ClipTowers {
  texts(batch: readonly string[]): Promise<Float32Array>;
  images(batch: readonly RgbImage[]): Promise<Float32Array>;
  dispose(): Promise<void>;
}

const clipConfigSchema = z.looseObject({
  text_config: z.looseObject({ max_position_embeddings: z.number().int().positive().default(77) }),
});

/** @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`. */
export async function loadClipTowers(pack: ModelPack, options: OnnxOptions): Promise<ClipTowers> {
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
  const maxLength = Math.min(tokenizer.maxLength ?? positions, positions);
  const text = await CLIPTextModelWithProjection.from_pretrained(folder, from);
  const vision = await CLIPVisionModelWithProjection.from_pretrained(folder, from);
  const processor = await AutoProcessor.from_pretrained(folder, { local_files_only: true });
  return {
    async texts(batch) {
      const lengths = tokenizer.lengths(batch).map(length => Math.min(length, maxLength));
      const length = Math.max(...lengths);
      const dims = [batch.length, length];
      const ids = tokenizer.encode(batch, length).flat();
      const mask = lengths.flatMap(used => Array.from({ length }, (_, i) => (i < used ? 1 : 0)));
      const { text_embeds } = await call(text, {
        input_ids: new Tensor("int64", BigInt64Array.from(ids.map(BigInt)), dims),
        attention_mask: new Tensor("int64", BigInt64Array.from(mask.map(BigInt)), dims),
      });
      return text_embeds.data as Float32Array;
    },
    async images(batch) {
      const inputs = (await processor(batch.map(rawImage))) as Record<string, Tensor>;
      const { image_embeds } = await call(vision, inputs);
      return image_embeds.data as Float32Array;
    },
    async dispose() {
      await Promise.all([text.dispose(), vision.dispose()]);
    },
  };
}

export function rawImage({ heightPixels, pixels, widthPixels }: RgbImage): RawImage {
  return new RawImage(pixels, widthPixels, heightPixels, 3);
}

/** transformers.js types every model's outputs as `any`. */
function call(
  model: PreTrainedModel,
  inputs: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  return model(inputs) as Promise<Record<string, Tensor>>;
}
