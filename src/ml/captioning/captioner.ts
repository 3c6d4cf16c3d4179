/**
 * @file Image captioning: a vision encoder and a text decoder.
 *
 * The pack's captioner is a `VisionEncoderDecoderModel` or another image-to-text model of transformers.js, such as
 * `Xenova/vit-gpt2-image-captioning`.
 */
import { env, type ImageToTextPipeline, pipeline, RawImage } from "@huggingface/transformers";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, onnxSessionOptions } from "../runtime/onnx-session.js";

/** Enough for one sentence; stops a decoder that repeats itself. */
const MAX_NEW_TOKENS = 32;

export class Captioner {
  private constructor(
    readonly name: string,
    readonly version: string,
    private readonly describe: ImageToTextPipeline,
  ) {}

  /**
   * Loads `captioner/` of a pack, without network access.
   *
   * @throws AppError `MODEL_FILE_MISSING`.
   */
  static async load(pack: ModelPack, options: OnnxOptions = {}): Promise<Captioner> {
    const files = [
      "config.json",
      "preprocessor_config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "onnx/encoder_model.onnx",
      "onnx/decoder_model_merged.onnx",
    ];
    files.forEach(file => pack.path(`captioner/${file}`)); // transformers.js's own error does not name the pack
    env.allowRemoteModels = false;
    const describe = await pipeline("image-to-text", pack.path("captioner"), {
      dtype: "fp32",
      local_files_only: true,
      session_options: onnxSessionOptions(options),
    });
    return new Captioner(`${pack.name}/captioner`, pack.versionOf("captioner"), describe);
  }

  /** One sentence per image by greedy decoding; deterministic. */
  async caption(images: readonly RgbImage[]): Promise<string[]> {
    const captions: string[] = [];
    for (const { heightPixels, pixels, widthPixels } of images) {
      const output = await this.describe(new RawImage(pixels, widthPixels, heightPixels, 3), {
        max_new_tokens: MAX_NEW_TOKENS,
        do_sample: false,
        num_beams: 1,
      });
      captions.push(output[0].generated_text.replace(/\s+/g, " ").trim());
    }
    return captions;
  }

  async dispose(): Promise<void> {
    await this.describe.dispose();
  }
}
