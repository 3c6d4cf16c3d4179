/**
 * @file The text encoder of the diffusion model: prompts to tokens for cross-attention.
 *
 * R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022, section 3.3 (τ_θ).
 * https://arxiv.org/abs/2112.10752
 */
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { ClipTokenizer } from "../clip/clip-tokenizer.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { type Conditioning } from "./conditioning.js";

const textConfigSchema = z.looseObject({
  max_position_embeddings: z.number().int().positive().optional(),
});

export class TextConditioner {
  private constructor(
    private readonly tokenizer: ClipTokenizer,
    private readonly session: OnnxSession,
    /** T: every prompt is truncated or padded to this length. */
    readonly numTokens: number,
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `MODEL_PACK_INVALID`, `FILE_MALFORMED`. */
  static async load(pack: ModelPack, options: OnnxOptions = {}): Promise<TextConditioner> {
    const tokenizer = await ClipTokenizer.load(pack, "tokenizer");
    const session = await OnnxSession.load(pack.path("text_encoder/model.onnx"), options);
    const numTokens = await sequenceLength(pack, tokenizer, session);
    return new TextConditioner(tokenizer, session, numTokens);
  }

  /** One row of tokens for each text; the empty text is the unconditional one. */
  async encode(texts: readonly string[]): Promise<Conditioning[]> {
    const ids = this.tokenizer.encode(texts, this.numTokens).flat();
    const { last_hidden_state: hidden } = await this.session.run(
      { input_ids: { data: ids, dims: [texts.length, this.numTokens] } },
      [this.session.outputName("last_hidden_state")],
    );
    const [, numTokens, dimension] = hidden.dims;
    const size = numTokens * dimension;
    return texts.map((_, b) => ({
      tokens: hidden.data.slice(b * size, (b + 1) * size),
      numTokens,
      dimension,
    }));
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}

/** From the tokenizer, otherwise the encoder's configuration, otherwise the model file. */
async function sequenceLength(
  pack: ModelPack,
  tokenizer: ClipTokenizer,
  session: OnnxSession,
): Promise<number> {
  const declared = session.input("input_ids").shape[1];
  if (typeof declared === "number") {
    return declared;
  }
  if (tokenizer.maxLength !== undefined) {
    return tokenizer.maxLength;
  }
  const config = await pack.readJson("text_encoder/config.json", textConfigSchema);
  if (config.max_position_embeddings === undefined) {
    throw new AppError("MODEL_PACK_INVALID", {
      path: pack.path("text_encoder/config.json"),
      reason: "neither it nor tokenizer_config.json gives the encoder's sequence length",
    });
  }
  return config.max_position_embeddings;
}
