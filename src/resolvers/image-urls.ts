/** @file Where pictures are served, and in which sizes. */
import { AppError } from "../errors/app-error.js";
import { type ImageFormat } from "../schema/enums.js";

/** The widths pictures are served in, in pixels: few, so that a cache in front of the API is hit. */
export const servedWidths = [64, 128, 192, 256, 384, 512, 768, 1024] as const;

const maxWidth = servedWidths[servedWidths.length - 1];

/**
 * The address of a stored picture; the next larger served width is taken.
 *
 * @param publicUrl where the API is reached, without a slash at the end; empty for a relative address
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
