/**
 * @file The towers of a Hugging Face `vision-text-dual-encoder`: an image trunk and a sentence encoder, each with a
 * projection into the space they share (LiT: X. Zhai et al., 2022, https://arxiv.org/abs/2111.07991).
 *
 * `onnx/text_model.onnx` has pooling and projection inside: `input_ids`, `attention_mask` int64 [B, T] -> `text_embeds`
 * [B, D]. `onnx/vision_model.onnx`: `pixel_values` [B, 3, H, W] -> `image_embeds` [B, D].
 */
import { AutoImageProcessor, AutoTokenizer, env } from "@huggingface/transformers";
import { z } from "zod";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { type ClipTowers, rawImage } from "./clip-towers.js";

const tokenizerConfigSchema = z.looseObject({ model_max_length: z.number().int().positive() });

/** What the image processor gives, of transformers.js's tensors. */
interface ImageInputs {
  /** [B, 3, H, W] */
  pixel_values: { data: Float32Array; dims: readonly number[] };
}

/** @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`, `FILE_MALFORMED`. */
export async function loadDualTowers(pack: ModelPack, options: OnnxOptions): Promise<ClipTowers> {
  const files = ["tokenizer.json", "preprocessor_config.json"];
  files.forEach(file => pack.path(`clip/${file}`)); // transformers.js's own error does not name the pack
  const { model_max_length: maxLength } = await pack.readJson(
    "clip/tokenizer_config.json",
    tokenizerConfigSchema,
  );
  env.allowRemoteModels = false;
  const local = { local_files_only: true };
  const tokenizer = await AutoTokenizer.from_pretrained(pack.path("clip"), local);
  const processor = await AutoImageProcessor.from_pretrained(pack.path("clip"), local);
  const text = await OnnxSession.load(pack.path("clip/onnx/text_model.onnx"), options);
  const vision = await OnnxSession.load(pack.path("clip/onnx/vision_model.onnx"), options);

  const encode = async (sentence: string): Promise<Float32Array> => {
    const { input_ids: ids } = tokenizer(sentence, {
      truncation: true,
      max_length: maxLength,
      return_tensor: false,
    }) as { input_ids: number[] };
    const dims = [1, ids.length];
    const { text_embeds } = await text.run(
      { input_ids: { data: ids, dims }, attention_mask: { data: ids.map(() => 1), dims } },
      ["text_embeds"],
    );
    return text_embeds.data;
  };
  return {
    /**
     * One text per run: an int8 tower scales its activations by the largest of the run, so with others the same text
     * would get another embedding.
     */
    async texts(batch) {
      const rows: Float32Array[] = [];
      for (const sentence of batch) {
        rows.push(await encode(sentence));
      }
      return concatenated(rows);
    },
    async images(batch) {
      const { pixel_values } = (await processor(batch.map(rawImage))) as ImageInputs;
      return (await vision.run({ pixel_values }, ["image_embeds"])).image_embeds.data;
    },
    async dispose() {
      await Promise.all([text.dispose(), vision.dispose()]);
    },
  };
}

function concatenated(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let offset = 0;
  for (const row of rows) {
    all.set(row, offset);
    offset += row.length;
  }
  return all;
}
