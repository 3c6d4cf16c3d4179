/**
 * @file Features of an image by MobileNetV2, trained on ImageNet: its content and its texture.
 *
 * M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
 * https://arxiv.org/abs/1801.04381 Statistics of inner layers as a description of style: X. Huang, S. Belongie,
 * "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", ICCV 2017.
 * https://arxiv.org/abs/1703.06868
 *
 * The model is an ONNX file that the user names: `image` `[1, 3, 224, 224]` of (value - 128) / 128 to `features`.
 */
import { blended, tapsOf } from "../nn/bilinear.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type OnnxOptions, type OnnxOutput, OnnxSession } from "../runtime/onnx-session.js";

const SIDE = 224;
/** Ends of blocks at 1/2 to 1/16 of the side: 16, 96, 24, 144, 32, 192 and 64 channels. */
const TEXTURE_LAYERS = [
  "Clip_30",
  "Clip_54",
  "Clip_100",
  "Clip_124",
  "Clip_208",
  "Clip_232",
  "Clip_354",
];

export interface MobilenetView {
  /** The last features, averaged over space; `[1280]`, 0 … 6. */
  semantic: Float32Array;
  /** Spatial means, then standard deviations, of the channels of each texture layer; `[1136]`. */
  texture: Float32Array;
}

export class MobilenetFeatures {
  private constructor(private readonly session: OnnxSession) {}

  /** @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` for a file that is another model. */
  static async load(path: string, options: OnnxOptions = {}): Promise<MobilenetFeatures> {
    const session = await OnnxSession.load(path, { ...options, innerOutputs: TEXTURE_LAYERS });
    session.input("image");
    session.outputName("features");
    return new MobilenetFeatures(session);
  }

  async view(image: RgbImage): Promise<MobilenetView> {
    const data = resizedPlanes(image, SIDE).map(value => (value - 128) / 128);
    const outputs = await this.session.run({ image: { data, dims: [1, 3, SIDE, SIDE] } }, [
      "features",
      ...TEXTURE_LAYERS,
    ]);
    const texture = TEXTURE_LAYERS.flatMap(name => {
      const { deviations, means } = channelStatistics(outputs[name]);
      return [...means, ...deviations];
    });
    return { semantic: outputs.features.data.slice(), texture: Float32Array.from(texture) };
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}

/** Mean and standard deviation of each channel over space; `[1, C, h, w] -> 2 x [C]`. */
function channelStatistics({ data, dims }: OnnxOutput): { means: number[]; deviations: number[] } {
  const size = dims[2] * dims[3];
  const means: number[] = [];
  const deviations: number[] = [];
  for (let start = 0; start < data.length; start += size) {
    const plane = data.subarray(start, start + size);
    const mean = plane.reduce((sum, x) => sum + x, 0) / size;
    means.push(mean);
    deviations.push(Math.sqrt(plane.reduce((sum, x) => sum + (x - mean) ** 2, 0) / size));
  }
  return { means, deviations };
}

/** Bilinear, pixel centres at halves; `[H, W, 3] -> [3, side, side]`, 0 … 255. */
export function resizedPlanes(image: RgbImage, side: number): Float32Array {
  const [rows, columns] = [tapsOf(image.heightPixels, side), tapsOf(image.widthPixels, side)];
  const planes = new Float32Array(3 * side * side);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      for (let channel = 0; channel < 3; channel++) {
        planes[(channel * side + y) * side + x] = blended(image, row, column, channel);
      }
    }
  }
  return planes;
}
