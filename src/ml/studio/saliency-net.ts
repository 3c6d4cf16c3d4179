/**
 * @file U-2-Net-p: how likely each pixel belongs to the subject of a photograph. Qin et al., "U²-Net", Pattern Recognition 2020;
 * weights of https://github.com/xuebinqin/U-2-Net (Apache-2.0).
 *
 * Shapes: H, W pixels of the photograph; the network sees 320 x 320.
 */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions, OnnxSession } from "../runtime/onnx-session.js";
import { resized } from "./resample.js";

const SIDE = 320;
const INPUT = "input.1";
const OUTPUT = "1959";
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
/** Below this greatest value the network sees no subject, and stretching its values to 0..1 would invent one. */
const LEAST_PEAK = 0.3;

export class SaliencyNet {
  private constructor(private readonly session: OnnxSession) {}

  /** @throws AppError `MODEL_FILE_MISSING`, `FILE_MALFORMED` */
  static async load(
    pack: Pick<ModelPack, "path">,
    options: OnnxOptions = {},
  ): Promise<SaliencyNet> {
    const path = pack.path("subject_mask/model.onnx");
    const session = await OnnxSession.load(path, options);
    session.input(INPUT);
    if (!session.outputs.has(OUTPUT)) {
      throw new AppError("FILE_MALFORMED", {
        path,
        expected: `an ONNX model with outputs ${OUTPUT}`,
        reason: `it has ${[...session.outputs.keys()].join(", ")}`,
      });
    }
    return new SaliencyNet(session);
  }

  /**
   * `[320, 320]`, 0..1; all 0 where the network sees no subject.
   *
   * @param isMirrored the network sees the mirror image; the map is mirrored back.
   */
  async run(image: RgbImage, isMirrored = false): Promise<Float32Array> {
    const side = { widthPixels: SIDE, heightPixels: SIDE };
    const small = resized(image.pixels, image, side, 3);
    const peak = small.reduce((most, value) => Math.max(most, value), 1e-3);
    const size = SIDE * SIDE;
    const data = new Float32Array(3 * size);
    for (let at = 0; at < size; at++) {
      const to = isMirrored ? mirrored(at) : at;
      for (let c = 0; c < 3; c++) {
        data[c * size + to] = (small[3 * at + c] / peak - MEAN[c]) / DEVIATION[c];
      }
    }
    const feeds = { [INPUT]: { data, dims: [1, 3, SIDE, SIDE] } };
    const outputs = await this.session.run(feeds, [OUTPUT]);
    const map = stretched(outputs[OUTPUT].data);
    return isMirrored ? map.map((_, at) => map[mirrored(at)]) : map;
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}

/** The side of {@link SaliencyNet.run}'s map. */
export const SALIENCY_EXTENT = { widthPixels: SIDE, heightPixels: SIDE };

function mirrored(at: number): number {
  return at + SIDE - 1 - 2 * (at % SIDE);
}

function stretched(values: Float32Array): Float32Array {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return most < LEAST_PEAK
    ? new Float32Array(values.length)
    : values.map(value => (value - least) / (most - least));
}
