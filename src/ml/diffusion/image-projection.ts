/**
 * @file Projects a CLIP image embedding to tokens for cross-attention, beside those of the text.
 *
 * H. Ye et al., "IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion Models", 2023, section
 * 3.2.2 (the projection network). https://arxiv.org/abs/2308.06721
 */
import { AppError } from "../../errors/app-error.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { type Conditioning } from "./conditioning.js";

export class ImageProjection {
  private constructor(
    private readonly session: OnnxSession,
    readonly embeddingDimension: number | undefined,
    /** T, tokens per embedding. */
    readonly numTokens: number,
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `FILE_MALFORMED` (also when the file leaves the number of tokens open). */
  static async load(pack: ModelPack, options: OnnxOptions = {}): Promise<ImageProjection> {
    const path = pack.path("image_projection/model.onnx");
    const session = await OnnxSession.load(path, options);
    const width = session.input("image_embeds").shape[1];
    const numTokens = session.outputs.get(session.outputName("image_tokens"))!.shape[1]; // outputName checked that it exists
    if (typeof numTokens !== "number") {
      const reason = "its output does not declare a number of tokens";
      throw new AppError("FILE_MALFORMED", { path, expected: "an image projection", reason });
    }
    return new ImageProjection(session, typeof width === "number" ? width : undefined, numTokens);
  }

  /**
   * `[Dclip] -> [T, D]`.
   *
   * @throws AppError `INVALID_ARGUMENT` when the embedding comes from another encoder.
   */
  async project(embedding: Float32Array): Promise<Conditioning> {
    const expected = this.embeddingDimension;
    if (expected !== undefined && embedding.length !== expected) {
      throw new AppError("INVALID_ARGUMENT", {
        argument: "imageEmbedding",
        problem: `must have ${expected} dimensions, but got ${embedding.length}`,
      });
    }
    const { image_tokens: output } = await this.session.run(
      { image_embeds: { data: embedding, dims: [1, embedding.length] } },
      [this.session.outputName("image_tokens")],
    );
    const [, numTokens, dimension] = output.dims;
    return { tokens: output.data, numTokens, dimension };
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}
