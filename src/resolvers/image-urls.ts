/** @file URLs and sizes of served images. */
import { AppError } from "../errors/app-error.js";
import { type ImageFormat } from "../schema/enums.js";

/** Widths of served images in pixels; few, so that caches in front of the API are hit. */
export const servedWidths = [64, 128, 192, 256, 384, 512, 768, 1024] as const;

const maxWidth = servedWidths[servedWidths.length - 1];

/**
 * The URL of a stored image at the next larger served width.
 *
 * @param publicUrl base URL of the API without a trailing slash; empty for a relative URL
 * @throws AppError `INVALID_ARGUMENT`
 */
export function imageUrl(
  publicUrl: string,
  hash: string,
  { width, format }: { width?: number | null; format?: ImageFormat | null } = {},
): string {
  const parameters = new URLSearchParams();
  if (width !== undefined && width !== null) {
    const served = width >= 1 ? servedWidths.find(candidate => candidate >= width) : undefined;
    if (served === undefined) {
      const problem = `must be between 1 and ${maxWidth}, but got ${width}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "width", problem });
    }
    parameters.set("width", String(served));
  }
  if (format) {
    parameters.set("format", format.toLowerCase());
  }
  const query = parameters.size > 0 ? `?${parameters}` : "";
  return `${publicUrl}/images/${hash}${query}`;
}
