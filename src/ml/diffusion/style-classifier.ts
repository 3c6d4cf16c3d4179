/**
 * @file Scores samples by style from their latents, so that only the selected one needs decoding.
 *
 * A. Razavi et al., "Generating Diverse High-Fidelity Images with VQ-VAE-2", 2019, section 3.4: rejects samples that a
 * classifier of real images does not recognise. https://arxiv.org/abs/1906.00446
 *
 * `style_classifier/model.onnx`: `latent_sample` `[B, C, h, w]`, as the decoder takes them, to `logits` `[B, S]`, the
 * styles in the order of the exemplar bank's prompts (exemplar-bank.ts).
 *
 * Shapes: B samples, C x h x w latents, S styles.
 */
import { AppError } from "../../errors/app-error.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { type PipelineConfig } from "./pipeline-config.js";

const FILE = "style_classifier/model.onnx";

export class StyleClassifier {
  private constructor(
    private readonly session: OnnxSession,
    private readonly latentShape: readonly number[],
  ) {}

  /** @throws AppError `MODEL_FILE_MISSING`; `FILE_MALFORMED`, also unless it has `numStyles` classes. */
  static async load(
    pack: ModelPack,
    config: PipelineConfig,
    numStyles: number,
    options: OnnxOptions = {},
  ): Promise<StyleClassifier> {
    const path = pack.path(FILE);
    const session = await OnnxSession.load(path, options);
    try {
      session.input("latent_sample");
      const told = session.outputs.get(session.outputName("logits"))!.shape[1]; // outputName checked that it exists
      if (told !== numStyles) {
        throw new AppError("FILE_MALFORMED", {
          path,
          expected: `a classifier of the ${numStyles} styles of the pack's exemplar bank`,
          reason: `it has ${told} classes`,
        });
      }
    } catch (error) {
      await session.dispose();
      throw error;
    }
    const { latentChannels, latentHeight, latentWidth } = config;
    return new StyleClassifier(session, [latentChannels, latentHeight, latentWidth]);
  }

  /** The log-probability that each sample has `style`, 0 … S - 1; `[B, C, h, w]`, unscaled, `-> [B]`. */
  async logProbabilities(latents: Float32Array, style: number): Promise<number[]> {
    const size = this.latentShape.reduce((a, b) => a * b);
    const dims = [latents.length / size, ...this.latentShape];
    const { logits } = await this.session.run({ latent_sample: { data: latents, dims } }, [
      this.session.outputName("logits"),
    ]);
    const numStyles = logits.dims[1];
    return Array.from({ length: dims[0] }, (_, b) => {
      const row = logits.data.subarray(b * numStyles, (b + 1) * numStyles);
      const most = Math.max(...row);
      const total = row.reduce((sum, x) => sum + Math.exp(x - most), 0);
      return row[style] - most - Math.log(total);
    });
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}
