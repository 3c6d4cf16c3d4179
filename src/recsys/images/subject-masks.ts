/**
 * @file The subject masks of stored images: made once for each image, then kept under `masks/<2 hex>/<hash>-<version>`. The
 * folder is a cache; deleting it costs time and nothing else.
 */
import { deflateSync, inflateSync } from "node:zlib";
import { z } from "zod";
import { putCached } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import { maskFaults, type SubjectMask } from "../../ml/studio/subject-mask.js";

/** Longest side of the images that are personalised, in pixels. Larger ones are reduced. */
export const LONGEST_SIDE = 2_048;

interface Dependencies {
  blobs: { get(hash: string): Promise<Uint8Array> };
  /** The upright image and its transparency, null where it is opaque. */
  decode: (
    bytes: Uint8Array,
    longestSide: number,
  ) => Promise<{ image: RgbImage; alpha: Uint8Array | null }>;
  masker: {
    /** Changes with the network and with all that is made of its map. */
    version: string;
    mask(image: RgbImage, alpha: Uint8Array | null): Promise<SubjectMask>;
  };
  store: Pick<ArtefactStore, "get" | "put">;
}

/** An image as it is personalised, with its mask of the same size. */
export interface MaskedImage {
  image: RgbImage;
  mask: SubjectMask;
}

const headSchema = z.object({
  widthPixels: z.int().positive(),
  heightPixels: z.int().positive(),
  coverage: z.number(),
  fault: z.enum(maskFaults).nullable(),
});

export class SubjectMasks {
  /** Masks being made, so that requests at once make one. */
  private readonly making = new Map<string, Promise<MaskedImage>>();

  constructor(private readonly deps: Dependencies) {}

  /** Part of the identity of all that is made with a mask. */
  get version(): string {
    return this.deps.masker.version;
  }

  /** @throws AppError `IMAGE_NOT_FOUND`, `IMAGE_UNREADABLE`, and as the masker. */
  of(blobHash: string): Promise<MaskedImage> {
    const running = this.making.get(blobHash);
    if (running) {
      return running;
    }
    const made = this.make(blobHash).finally(() => this.making.delete(blobHash));
    this.making.set(blobHash, made);
    return made;
  }

  private async make(blobHash: string): Promise<MaskedImage> {
    const { blobs, decode, masker, store } = this.deps;
    const { alpha, image } = await decode(await blobs.get(blobHash), LONGEST_SIDE);
    const key = `masks/${blobHash.slice(0, 2)}/${blobHash}-${masker.version.replace(/[^\w.-]/g, "-")}`;
    const kept = await store.get(key);
    const found = kept && decodeMask(kept, image);
    if (found) {
      return { image, mask: found };
    }
    const mask = await masker.mask(image, alpha);
    await putCached(store, key, encodeMask(mask));
    return { image, mask };
  }
}

/** A line of JSON, then the deflated alpha. */
function encodeMask({ alpha, ...head }: SubjectMask): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), deflateSync(alpha)]);
}

/** Null where the bytes are damaged or of another size; then the mask is made again. */
function decodeMask(bytes: Uint8Array, image: RgbImage): SubjectMask | null {
  const end = bytes.indexOf(10);
  try {
    const head = headSchema.parse(JSON.parse(Buffer.from(bytes.subarray(0, end)).toString("utf8")));
    const alpha = new Uint8Array(inflateSync(bytes.subarray(end + 1)));
    const isWhole =
      head.widthPixels === image.widthPixels &&
      head.heightPixels === image.heightPixels &&
      alpha.length === image.widthPixels * image.heightPixels;
    return isWhole ? { ...head, alpha } : null;
  } catch {
    return null;
  }
}
