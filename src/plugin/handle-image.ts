/** @file `GET …/images/:hash`, for any server of web-standard requests: pictures by the hash of their content, for ever the same. */
import { z } from "zod";
import { isUnusable } from "../db/blob-store.js";
import { environmentFault } from "../db/environment-fault.js";
import type { BlobRow } from "../db/rows.js";
import { isUuid } from "../db/uuid.js";
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

/** How every picture of a study is sent, so that neither size nor format tells its method. */
const studyVariant = { width: 512, format: "webp", isBare: true } as const;

/** The pictures of open studies. */
export interface StudyImages {
  /** The file of a picture by its id in the study; null if there is none, or the study is closed. */
  findImage(id: string): Promise<BlobRow | null>;
}

/** Answers a request for a picture, also with its faults; it never rejects. */
export type HandleImage = (request: Request) => Promise<Response>;

/**
 * Serves `GET` and `HEAD` of any path that ends with `/images/<hash>`, with `?width=` and `?format=`.
 *
 * Anyone who knows a hash may see its image: an `<img>` cannot send credentials, and a hash of a picture nobody has shown
 * cannot be guessed. Only pictures that the database knows are served. A generated one whose file is missing or damaged leads
 * to the item's catalogue image.
 *
 * A UUID in place of the hash is a picture of a study: its address says nothing of its method, and works while the study is open.
 *
 * @param log is given the faults that clients are not told
 */
export function createImageHandler(
  images: ServedImages,
  log: (error: unknown) => void,
  studies: StudyImages,
): HandleImage {
  return async request => {
    try {
      return await answer(images, request, studies);
    } catch (thrown) {
      const error = environmentFault(thrown) ?? thrown;
      if (error instanceof AppError) {
        if (error.status >= 500) {
          log(error);
        }
        return faultResponse(error.status, error.message, error.extensions);
      }
      log(error);
      return faultResponse(500, "Internal server error", { code: "INTERNAL_SERVER_ERROR" });
    }
  };
}

async function answer(
  images: ServedImages,
  request: Request,
  studies: StudyImages,
): Promise<Response> {
  const url = new URL(request.url);
  const isHead = request.method === "HEAD";
  if (request.method !== "GET" && !isHead) {
    const fault = faultResponse(405, "Pictures are read with GET", { code: "BAD_REQUEST" });
    fault.headers.set("allow", "GET, HEAD");
    return fault;
  }
  const hash = /\/images\/([^/]*)$/.exec(url.pathname)?.[1] ?? "";
  if (isUuid(hash)) {
    return studyAnswer(images, { id: hash, isHead }, studies);
  }
  const blob = /^[0-9a-f]{64}$/.test(hash) ? await images.find(hash) : null;
  if (!blob) {
    throw new AppError("IMAGE_NOT_FOUND", { hash: hash.slice(0, 64) });
  }
  const variant = variantOf(blob, url.searchParams);
  const etag = `"${variant ? `${hash}-${variant.width ?? "full"}.${variant.format}` : hash}"`;
  if (matches(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers: keptHeaders(etag) });
  }
  const bytes = await (variant ? images.make(hash, variant) : images.readStored(hash)).catch(
    async (error: unknown) => {
      const replacement = isUnusable(error) ? await images.replacementOf(hash) : null;
      if (replacement === null) {
        throw error;
      }
      return `${replacement}${url.search}`;
    },
  );
  if (typeof bytes === "string") {
    // Relative to this address. Nobody keeps it: the image is made again.
    return new Response(null, {
      status: 302,
      headers: { location: bytes, "cache-control": "no-store" },
    });
  }
  if (variant) {
    return new Response(isHead ? null : new Uint8Array(bytes), {
      headers: {
        ...keptHeaders(etag),
        "content-type": `image/${variant.format}`,
        "content-length": String(bytes.length),
      },
    });
  }
  return new Response(isHead ? null : new Uint8Array(bytes), {
    headers: {
      ...keptHeaders(etag),
      "content-type": blob.mediaType,
      "content-length": String(blob.sizeBytes),
    },
  });
}

async function studyAnswer(
  images: ServedImages,
  { id, isHead }: { id: string; isHead: boolean },
  studies: StudyImages,
): Promise<Response> {
  const blob = await studies.findImage(id);
  if (!blob) {
    throw new AppError("IMAGE_NOT_FOUND", { hash: id });
  }
  const bytes = await images.make(blob.hash, studyVariant);
  return new Response(isHead ? null : new Uint8Array(bytes), {
    headers: {
      "cache-control": "private, max-age=3600", // not for ever: a study ends, and a user may be erased
      "content-type": `image/${studyVariant.format}`,
      "content-length": String(bytes.length),
      "x-content-type-options": "nosniff",
    },
  });
}

/** Only an answer that holds the picture may be kept. */
function keptHeaders(etag: string) {
  return {
    "cache-control": `public, max-age=${oneYearSeconds}, immutable`,
    etag,
    "cross-origin-resource-policy": "cross-origin", // shops embed them
    "x-content-type-options": "nosniff",
  };
}

function faultResponse(status: number, message: string, extensions: object): Response {
  return Response.json({ errors: [{ message, extensions }] }, { status });
}

/**
 * What was asked for; null for the stored file.
 *
 * @throws AppError `INVALID_ARGUMENT`
 */
function variantOf(blob: BlobRow, query: URLSearchParams): Variant | null {
  const repeated = [...new Set(query.keys())].find(name => query.getAll(name).length > 1);
  const parsed = parameters.safeParse(Object.fromEntries(query));
  const argument = parsed.success ? repeated : String(parsed.error.issues[0].path[0]);
  if (argument === "width" || argument === "format") {
    const allowed = argument === "width" ? servedWidths : storedFormats;
    throw new AppError("INVALID_ARGUMENT", {
      argument,
      problem: `must be one of ${allowed.join(", ")}`,
    });
  }
  const { width, format } = parsed.data!;
  if (width === undefined && (format === undefined || blob.mediaType === `image/${format}`)) {
    return null;
  }
  return { width, format: format ?? "webp" };
}

function matches(ifNoneMatch: string | null, etag: string): boolean {
  const tags = (ifNoneMatch ?? "").split(",").map(tag => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
