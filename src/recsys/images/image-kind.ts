/** @file What an image shown in place of the catalogue image is: decided by how it was made. */

/**
 * - `VARIANT`: the shop's own image of one of the item's variants; nothing is generated.
 * - `STUDIO`: the pixels of the product are the shop's own, in a new setting.
 * - `GENERATED`: a generator drew it.
 */
export type ImageKind = "VARIANT" | "STUDIO" | "GENERATED";

/** Name of the generator that keeps the product's pixels: `studio@<version>`. */
const STUDIO = "studio";

export function imageKindOf({
  generator,
  variantId,
}: {
  generator: string;
  variantId: string | null;
}): ImageKind {
  if (variantId !== null) {
    return "VARIANT";
  }
  return generator.startsWith(`${STUDIO}@`) ? "STUDIO" : "GENERATED";
}
