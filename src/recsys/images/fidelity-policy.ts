/**
 * @file How true an image must be to the catalogue image before a shopper sees it: the one place of these thresholds.
 *
 * `PRODUCT`: the product's pixels stay; only what is around it may change. For photographs.
 * `STYLE`: the image may be redrawn, but must be as sharp as a picture in its place should be. For drawings.
 * `FREE`: anything that passes the quality gate. For experiments, and shops that know what they do.
 *
 * Under `PRODUCT` two things are measured: the image as it was generated, and as it is shown, with the product locked
 * (`product-lock.ts`).
 */
import type { Fidelity } from "../../ml/metrics/fidelity.js";

export const fidelityPolicies = ["PRODUCT", "STYLE", "FREE"] as const;

export type FidelityPolicy = (typeof fidelityPolicies)[number];

/** Why an image is not true enough to be shown. */
export type FidelityFault = "PRODUCT_CHANGED" | "BLURRED" | "MASK_IMPLAUSIBLE";

export interface MeasuredFidelity {
  /** Of the image as it is shown. */
  shown: Fidelity;
  /** Of the image as it was generated; null where nothing was locked, and both are the same. */
  generated: Fidelity | null;
}

interface Thresholds {
  /** Of the image shown. Outside, the fault is `PRODUCT_CHANGED`. */
  shown: { maxColorP95: number; minSsim: number; edgeEnergy: readonly [min: number, max: number] };
  /** SSIM of the image as generated. Below, the fault is `PRODUCT_CHANGED`. */
  minGeneratedSsim: number;
  /** Sharpness and size of the image as generated. Below either, the fault is `BLURRED`. */
  minSharpness: number;
  minSize: number;
}

const anything: Thresholds = {
  shown: { maxColorP95: Infinity, minSsim: -1, edgeEnergy: [0, Infinity] },
  minGeneratedSsim: -1,
  minSharpness: 0,
  minSize: 0,
};

export const fidelityThresholds: Readonly<Record<FidelityPolicy, Thresholds>> = {
  PRODUCT: {
    shown: {
      // CIEDE2000 of 1 is what people can just see, so 95 % of the product's pixels are the same to every eye.
      maxColorP95: 1,
      // Of the authors' scale: encoding a photograph as JPEG at quality 95 gives about .99.
      minSsim: 0.99,
      // The same print and seams: a tenth more or less is a visible change of contrast.
      edgeEnergy: [0.9, 1.1],
    },
    // A product that was drawn elsewhere, or as another thing, shows around the locked one. A backdrop that only changes
    // gives 1; the emoji-trained pack gives .23 to .76 on photographs, and less on their details.
    minGeneratedSsim: 0.8,
    // Half of the original's size, enlarged, keeps about .07 of a photograph's sharpness; a third keeps .04.
    minSharpness: 0.05,
    // Less than half of the size, enlarged, is a blur around a sharp product, also where the product has no detail to lose.
    minSize: 0.5,
  },
  STYLE: {
    ...anything,
    // Of 37 served stickers the softest has .22. The emoji-trained pack's images of photographs have .001 to .057. An image
    // of about half of the original's size falls below.
    minSharpness: 0.1,
  },
  FREE: anything,
};

/** Every reason against an image by its figures; empty where it may be shown. */
export function fidelityFaults(
  policy: FidelityPolicy,
  { generated, shown }: MeasuredFidelity,
): FidelityFault[] {
  const limits = fidelityThresholds[policy];
  const [minEdges, maxEdges] = limits.shown.edgeEnergy;
  const made = generated ?? shown;
  const isProductKept =
    shown.colorP95 <= limits.shown.maxColorP95 &&
    shown.ssim >= limits.shown.minSsim &&
    shown.edgeEnergy >= minEdges &&
    shown.edgeEnergy <= maxEdges &&
    made.ssim >= limits.minGeneratedSsim;
  const faults: FidelityFault[] = [];
  if (!isProductKept) {
    faults.push("PRODUCT_CHANGED");
  }
  if (!(made.sharpness >= limits.minSharpness && made.size >= limits.minSize)) {
    faults.push("BLURRED");
  }
  return faults;
}
