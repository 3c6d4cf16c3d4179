/**
 * @file LPIPS: how different two pictures look, by a trained trunk and linear weights upon it.
 *
 * R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, eq. (1).
 * https://arxiv.org/abs/1801.03924
 *
 * The whole metric is one ONNX file that the user names: pictures `[1, 3, H, W]` in -1 … 1 as inputs `a` and `b`, and one
 * number as its output. Trunk and picture size belong beside every value.
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

  /** @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` for a file that is not the metric. */
  static async load(path: string, options: OnnxOptions = {}): Promise<Lpips> {
    const session = await OnnxSession.load(path, options);
    ["a", "b"].forEach(name => session.input(name));
    return new Lpips(session, [...session.outputs.keys()][0]);
  }

  /** 0 for equal pictures, and more the more they differ. */
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
