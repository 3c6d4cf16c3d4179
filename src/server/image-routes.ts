/** @file `GET /images/:hash`: pictures by the hash of their content, for ever the same. */
import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import type { BlobRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { servedWidths } from "../resolvers/image-urls.js";
import type { ServedImages, Variant } from "./served-images.js";

const oneYearSeconds = 31_536_000;
const storedFormats = ["avif", "jpeg", "png", "webp"] as const;

const parameters = z.object({
  width: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .refine(width => servedWidths.some(served => served === width))
    .optional(),
  format: z.enum(storedFormats).optional(),
});

/**
 * Whoever knows a hash may see its picture: an `<img>` cannot send credentials, and a hash of a picture nobody has shown
 * cannot be guessed. Only pictures that the database knows are served.
 */
export function imageRoutes(app: FastifyInstance, images: ServedImages): void {
  app.get<{ Params: { hash: string } }>(
    "/images/:hash",
    { helmet: { crossOriginResourcePolicy: { policy: "cross-origin" } } }, // shops embed them
    async (request, reply) => {
      const { hash } = request.params;
      const blob = /^[0-9a-f]{64}$/.test(hash) ? await images.find(hash) : null;
      if (!blob) {
        throw new AppError("IMAGE_NOT_FOUND", { hash: hash.slice(0, 64) });
      }
      const variant = variantOf(blob, request.query);
      const etag = `"${variant ? `${hash}-${variant.width ?? "full"}.${variant.format}` : hash}"`;
      if (matches(request.headers["if-none-match"], etag)) {
        return kept(reply, etag).code(304).send();
      }
      if (variant) {
        const bytes = await images.make(hash, variant);
        return kept(reply, etag).type(`image/${variant.format}`).send(bytes);
      }
      const stream = await images.openStored(hash);
      return kept(reply, etag)
        .type(blob.mediaType)
        .header("content-length", blob.sizeBytes)
        .send(stream);
    },
  );
}

/** Only an answer that holds the picture may be kept: these headers come last. */
function kept(reply: FastifyReply, etag: string): FastifyReply {
  return reply
    .header("cache-control", `public, max-age=${oneYearSeconds}, immutable`)
    .header("etag", etag);
}

/**
 * What was asked for; null for the stored file.
 *
 * @throws AppError `INVALID_ARGUMENT`
 */
function variantOf(blob: BlobRow, query: unknown): Variant | null {
  const parsed = parameters.safeParse(query);
  if (!parsed.success) {
    const [fault] = parsed.error.issues;
    const argument = String(fault.path[0]);
    const allowed = argument === "width" ? servedWidths : storedFormats;
    throw new AppError("INVALID_ARGUMENT", {
      argument,
      problem: `must be one of ${allowed.join(", ")}`,
    });
  }
  const { width, format } = parsed.data;
  if (width === undefined && (format === undefined || blob.mediaType === `image/${format}`)) {
    return null;
  }
  return { width, format: format ?? "webp" };
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? "").split(",").map(tag => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
