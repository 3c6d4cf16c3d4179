/**
 * @file Which pixels of a photograph are its product. Everything else is backdrop, which a personalised image may change.
 *
 * Shapes: H, W pixels of the photograph.
 */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { type MaskFault, maskFaultOf } from "./mask-faults.js";
import { refinedAlpha, workMask } from "./refine-mask.js";
import { resized } from "./resample.js";
import { SALIENCY_EXTENT, SaliencyNet } from "./saliency-net.js";
import { withSecondLook } from "./second-look.js";

export { type MaskFault, maskFaults } from "./mask-faults.js";

/** Changes with all that changes a mask apart from the network. Part of the identity of masks and images. */
export const MASK_VERSION = "2";

export interface SubjectMask {
  widthPixels: number;
  heightPixels: number;
  /** Share of the subject, 0..255; `[H, W]`. A pixel with 255 is the product's alone and stays as it is. */
  alpha: Uint8Array;
  /** Share of the image, 0..1. */
  coverage: number;
  /** Why the mask cannot be trusted; null if it can. */
  fault: MaskFault | null;
}

export class SubjectMasker {
  private constructor(
    /** `subject-mask@<version>` */
    readonly version: string,
    private readonly net: SaliencyNet,
  ) {}

  /**
   * Loads `subject_mask/model.onnx` of a pack.
   *
   * @throws AppError `MODEL_FILE_MISSING`, `FILE_MALFORMED`
   */
  static async load(
    pack: Pick<ModelPack, "path" | "versionOf">,
    options: OnnxOptions = {},
  ): Promise<SubjectMasker> {
    return new SubjectMasker(maskVersionOf(pack), await SaliencyNet.load(pack, options));
  }

  /**
   * The mask of a photograph. The network costs a quarter of a second on one core, twice that where the backdrop is not plain,
   * and blocks its thread.
   *
   * @param alpha The photograph's own transparency, 0..255; `[H, W]`. If any of it is transparent, it is the mask.
   * @throws AppError `INVALID_ARGUMENT` when alpha is of another size.
   */
  async mask(image: RgbImage, alpha: Uint8Array | null = null): Promise<SubjectMask> {
    const { heightPixels, widthPixels } = image;
    if (alpha && alpha.length !== widthPixels * heightPixels) {
      const problem = `must have ${widthPixels * heightPixels} values, but has ${alpha.length}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "alpha", problem });
    }
    if (alpha?.some(value => value < 255)) {
      const map = resized(
        alpha.map(value => value),
        image,
        SALIENCY_EXTENT,
        1,
      ).map(v => v / 255);
      const fault = maskFaultOf({ ...workMask(image, map), evidence: null }, image);
      return maskOf(image, alpha, fault && TRUSTED_WITH_ALPHA.has(fault) ? null : fault);
    }
    const first = workMask(image, await this.net.run(image));
    const isPlain = first.evidence !== null; // then colours are a better second opinion
    const work = isPlain ? first : withSecondLook(first, await this.net.run(image, true));
    return maskOf(image, refinedAlpha(image, work), maskFaultOf(work, image));
  }

  dispose(): Promise<void> {
    return this.net.dispose();
  }
}

/** Faults that mean nothing where the photograph itself says what its product is. */
const TRUSTED_WITH_ALPHA: ReadonlySet<MaskFault> = new Set([
  "COLLAGE",
  "FRAGMENTED",
  "UNSURE",
  "WEAK_EDGE",
  "SEE_THROUGH",
  "INCOMPLETE",
]);

function maskOf(
  { heightPixels, widthPixels }: RgbImage,
  alpha: Uint8Array,
  fault: MaskFault | null,
): SubjectMask {
  let sum = 0;
  for (const value of alpha) {
    sum += value;
  }
  return { widthPixels, heightPixels, alpha, coverage: sum / 255 / alpha.length, fault };
}

/** `subject-mask@<ours>-<the pack's>` */
export function maskVersionOf(pack: Pick<ModelPack, "versionOf">): string {
  return `subject-mask@${MASK_VERSION}-${pack.versionOf("subject_mask")}`;
}
