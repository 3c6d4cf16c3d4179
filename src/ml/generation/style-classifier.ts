/**
 * @file Of several pictures of one thing, which is most in the style that was asked for.
 *
 * A. Razavi et al., "Generating Diverse High-Fidelity Images with VQ-VAE-2", 2019, section 3.4: what a classifier of real pictures does not
 * recognise is rejected. https://arxiv.org/abs/1906.00446
 *
 * `style_classifier/model.onnx`: `pixel_values` `[B, 3, H, W]` in -1 … 1 to `logits` `[B, S]`, the styles in the order of the prompts of the
 * pack's memory (reference-memory.ts).
 */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { unitPixels } from "./autoencoder.js";

const FILE = "style_classifier/model.onnx";

export class StyleClassifier {
  private constructor(private readonly session: OnnxSession) {}

  /** @throws AppError `MODEL_FILE_MISSING`; `FILE_MALFORMED`, also when it does not tell `numStyles` styles apart. */
  static async load(
    pack: ModelPack,
    numStyles: number,
    options: OnnxOptions = {},
  ): Promise<StyleClassifier> {
    const path = pack.path(FILE);
    const session = await OnnxSession.load(path, options);
    session.input("pixel_values");
    const told = session.outputs.get(session.outputName("logits"))!.shape[1]; // outputName looked
    if (told !== numStyles) {
      await session.dispose();
      throw new AppError("FILE_MALFORMED", {
        path,
        expected: `a classifier of the ${numStyles} styles of the pack's memory`,
        reason: `it tells ${told} styles apart`,
      });
    }
    return new StyleClassifier(session);
  }

  /** The log-probability that a picture is in `style`, 0 … S - 1. */
  async logProbability(image: RgbImage, style: number): Promise<number> {
    const { heightPixels, widthPixels } = image;
    const { logits } = await this.session.run(
      { pixel_values: { data: unitPixels(image), dims: [1, 3, heightPixels, widthPixels] } },
      [this.session.outputName("logits")],
    );
    const most = Math.max(...logits.data);
    const total = logits.data.reduce((sum, x) => sum + Math.exp(x - most), 0);
    return logits.data[style] - most - Math.log(total);
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}
