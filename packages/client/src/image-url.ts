/** @file Addresses of an image in several sizes. */

/** Widths that the API serves, pixels; others are rounded up to the next. */
export const servedWidths = [64, 128, 192, 256, 384, 512, 768, 1024] as const;

export interface ImageSize {
  /** Pixels, rounded up to the next served width, at most 1,024; an image is never enlarged. Default: the stored width. */
  width?: number;
  /** Default: the stored format, or WebP if a width is given. */
  format?: "avif" | "jpeg" | "png" | "webp";
}

export function imageUrl(url: string, { format, width }: ImageSize): string {
  const [address] = url.split("?");
  const parameters = new URLSearchParams();
  if (width !== undefined) {
    parameters.set("width", String(servedWidths.find(served => served >= width) ?? 1024));
  }
  if (format) {
    parameters.set("format", format);
  }
  return parameters.size > 0 ? `${address}?${parameters}` : address;
}

/** The text for `srcset`: every served width up to the image's own. */
export function imageSrcSet(
  url: string,
  widthPixels: number,
  format?: ImageSize["format"],
): string {
  return servedWidths
    .filter((width, place) => width <= widthPixels || (servedWidths[place - 1] ?? 0) < widthPixels)
    .map(width => `${imageUrl(url, { width, format })} ${Math.min(width, widthPixels)}w`)
    .join(", ");
}
