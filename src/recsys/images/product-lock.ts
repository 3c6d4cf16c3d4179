/**
 * @file The product lock: under `PRODUCT` the product's pixels of the catalogue image are laid over whatever a generator
 * drew. Then the image is measured against the original (`fidelityOf`), and its faults are named by the policy.
 *
 * The lock is part of the one image path, so serving, experiments and re-ranking show the same images.
 */
import { setImmediate } from "node:timers/promises";
import { type Fidelity, fidelityOf } from "../../ml/metrics/fidelity.js";
import { isPhotograph } from "../../ml/metrics/photograph.js";
import { fittedTo } from "../../ml/metrics/resized-rgb.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import { type FidelityFault, fidelityFaults, type FidelityPolicy } from "./fidelity-policy.js";

/** Which pixels are the product, and whether that can be trusted: `SubjectMask` is one. */
export interface ProductMask {
  widthPixels: number;
  heightPixels: number;
  /** Share of the product, 0..255; `[H, W]`. */
  alpha: Uint8Array;
  /** Why the mask cannot be trusted; null if it can. */
  fault: string | null;
}

export interface ProductLockParts {
  /** Catalogue images at their own size. */
  originals: { load(blobHash: string): Promise<RgbImage> };
  /** The mask of a catalogue image, and the image it was made of. Null: there is no mask model. */
  masks: { of(blobHash: string): Promise<{ image: RgbImage; mask: ProductMask }> } | null;
  /** The policy where none is asked for, by the catalogue image. */
  policyOf: (original: RgbImage) => FidelityPolicy;
}

/** The catalogue image that candidates are compared with. */
export interface OriginalProduct {
  policy: FidelityPolicy;
  original: RgbImage;
  /** Null where nothing is locked. */
  mask: ProductMask | null;
  /** Why no image may be made of it; null if one may. */
  fault: "MASK_IMPLAUSIBLE" | null;
  /** What is wrong with the mask, such as `fragments`; null where nothing is. */
  maskFault: string | null;
}

/** A candidate after the lock. */
export interface CheckedImage {
  image: RgbImage;
  policy: FidelityPolicy;
  /** Of {@link image}. */
  fidelity: Fidelity;
  /** Of the image as it was generated; null where nothing is locked. */
  generatedFidelity: Fidelity | null;
  faults: readonly FidelityFault[];
}

/** Between these shares of the product the lock fades in: below, the pixel is an edge, mixed with the old backdrop. */
const [FADE_FROM, FADE_TO] = [200, 250];

/** `PRODUCT` for a photograph, else `STYLE`: for packs that are trained on drawings. */
export const policyByImage = (original: RgbImage): FidelityPolicy =>
  isPhotograph(original) ? "PRODUCT" : "STYLE";

/**
 * The policy where a request names none.
 *
 * @param setting The shop's; null: `PRODUCT` where the pack or the catalogue is of photographs, else by the image. A packshot
 *   on perfect white looks like a drawing by itself.
 */
export function policyOfShop(
  setting: FidelityPolicy | null,
  { isOfPhotographs }: { isOfPhotographs: boolean },
): (original: RgbImage) => FidelityPolicy {
  return original => setting ?? (isOfPhotographs ? "PRODUCT" : policyByImage(original));
}

export class ProductLock {
  constructor(private readonly parts: ProductLockParts) {}

  /**
   * Reads the original, and under `PRODUCT` its mask.
   *
   * @param asked `AUTO`: by the catalogue image.
   * @throws AppError `IMAGE_NOT_FOUND`, `IMAGE_UNREADABLE`, and as the mask's model.
   */
  async open(blobHash: string, asked: FidelityPolicy | "AUTO"): Promise<OriginalProduct> {
    const { masks, originals, policyOf } = this.parts;
    const original = await originals.load(blobHash);
    const policy = asked === "AUTO" ? policyOf(original) : asked;
    const open = { policy, original, mask: null, fault: null, maskFault: null };
    if (policy !== "PRODUCT" || !masks) {
      return open;
    }
    const { image, mask } = await masks.of(blobHash);
    return mask.fault === null
      ? { ...open, original: image, mask }
      : { ...open, fault: "MASK_IMPLAUSIBLE", maskFault: mask.fault };
  }
}

/** Locks and measures candidates, one after the other; other work runs in between. */
export async function checkedImages(
  product: OriginalProduct,
  candidates: readonly RgbImage[],
): Promise<CheckedImage[]> {
  const checked: CheckedImage[] = [];
  for (const candidate of candidates) {
    checked.push(checkedImage(product, candidate));
    await setImmediate(); // measuring a large image takes long
  }
  return checked;
}

/** Without a mask the whole image is the product: under `PRODUCT` none but the original itself passes. */
export function checkedImage(
  { mask, original, policy }: OriginalProduct,
  candidate: RgbImage,
): CheckedImage {
  const generated = fidelityOf(original, candidate, mask);
  if (!mask) {
    const faults = fidelityFaults(policy, { shown: generated, generated: null });
    return { image: candidate, policy, fidelity: generated, generatedFidelity: null, faults };
  }
  const image = lockedImage(original, candidate, mask.alpha);
  const shown = fidelityOf(original, image, mask);
  const faults = fidelityFaults(policy, { shown, generated });
  return { image, policy, fidelity: shown, generatedFidelity: generated, faults };
}

/**
 * The candidate at the original's size with the original's product on it. Edge pixels stay the candidate's, for the original's
 * are mixed with the old backdrop; inside, the lock fades in.
 */
export function lockedImage(original: RgbImage, candidate: RgbImage, alpha: Uint8Array): RgbImage {
  const fitted = fittedTo(candidate, original);
  const pixels = new Uint8Array(fitted.pixels);
  for (let i = 0; i < alpha.length; i++) {
    const share = Math.min(1, (alpha[i] - FADE_FROM) / (FADE_TO - FADE_FROM));
    if (share <= 0) {
      continue;
    }
    for (let at = 3 * i; at < 3 * i + 3; at++) {
      pixels[at] = Math.round(share * original.pixels[at] + (1 - share) * pixels[at]);
    }
  }
  return { ...fitted, pixels };
}
