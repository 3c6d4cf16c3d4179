/** @file The backdrop looks of stored images: measured once, then kept under `looks/<2 hex>/<hash>-<version>.json`, a cache. */
import { z } from "zod";
import { putCached } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import { type BackdropLook, backdropLook, LOOK_VERSION } from "../../ml/studio/backdrop-look.js";

interface Dependencies {
  blobs: { get(hash: string): Promise<Uint8Array> };
  /** At most `longestSide` pixels a side. */
  decode: (bytes: Uint8Array, longestSide: number) => Promise<{ image: RgbImage }>;
  store: Pick<ArtefactStore, "get" | "put">;
}

/** Enough for a look: decoding a larger image takes longer. */
const DECODED_SIDE = 192;
/** Looks kept in memory: about 200 bytes each. */
const NUM_KEPT = 20_000;

const colourSchema = z.tuple([z.number(), z.number(), z.number()]);
const lookSchema = z.object({
  backdrop: colourSchema,
  share: z.number(),
  isBare: z.boolean(),
  product: colourSchema,
});

export class BackdropLooks {
  private readonly kept = new Map<string, BackdropLook>();

  constructor(private readonly deps: Dependencies) {}

  /** @throws AppError `IMAGE_NOT_FOUND`, `IMAGE_UNREADABLE` */
  async of(blobHash: string): Promise<BackdropLook> {
    const look = this.kept.get(blobHash) ?? (await this.read(blobHash));
    this.kept.delete(blobHash); // and last again: the oldest goes first
    this.kept.set(blobHash, look);
    if (this.kept.size > NUM_KEPT) {
      this.kept.delete(this.kept.keys().next().value!);
    }
    return look;
  }

  private async read(blobHash: string): Promise<BackdropLook> {
    const { blobs, decode, store } = this.deps;
    const key = `looks/${blobHash.slice(0, 2)}/${blobHash}-${LOOK_VERSION}.json`;
    const bytes = await store.get(key);
    const stored = bytes && parsed(bytes);
    if (stored) {
      return stored;
    }
    const { image } = await decode(await blobs.get(blobHash), DECODED_SIDE);
    const look = backdropLook(image);
    await putCached(store, key, Buffer.from(JSON.stringify(look)));
    return look;
  }
}

/** Null where the file is damaged; then the image is measured again. */
function parsed(bytes: Uint8Array): BackdropLook | null {
  try {
    return lookSchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return null;
  }
}
