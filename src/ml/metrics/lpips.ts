/**
 * @file LPIPS: perceptual distance of two images by a trained trunk with linear weights.
 *
 * R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, eq. (1).
 * https://arxiv.org/abs/1801.03924
 *
 * The metric is one ONNX file that the user names: inputs `a` and `b` are images `[1, 3, H, W]` in -1 … 1, the output is
 * one number. Report trunk and image size with every value.
 */
import { unitPixels } from "../diffusion/autoencoder.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { assertSameSize } from "./image-sizes.js";

export class Lpips {
  private constructor(
    private readonly session: OnnxSession,
    private readonly output: string,
  ) {}

  /** @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` for a file that is not this metric. */
  static async load(path: string, options: OnnxOptions = {}): Promise<Lpips> {
    const session = await OnnxSession.load(path, options);
    ["a", "b"].forEach(name => session.input(name));
    return new Lpips(session, [...session.outputs.keys()][0]);
  }

  /** 0 for equal images; higher for less similar ones. */
  async distance(a: RgbImage, b: RgbImage): Promise<number> {
    assertSameSize("Lpips.distance", a, b);
    const dims = [1, 3, a.heightPixels, a.widthPixels];
    const { [this.output]: output } = await this.session.run(
      { a: { data: unitPixels(a), dims }, b: { data: unitPixels(b), dims } },
      [this.output],
    );
    return output.data[0];
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}
