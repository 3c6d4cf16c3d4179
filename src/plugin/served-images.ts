/** @file Pictures as they are sent: the stored file, or a smaller or differently encoded one made on demand. */
import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import type { ServedFormat } from "../db/image-codec.js";
import type { BlobRow } from "../db/rows.js";

/** Memory for images rendered on demand; they are immutable, so caches in front of the API keep them too. */
const cacheBytes = 64 * 2 ** 20;
/** Pictures made at once; each may hold a decoded picture of 40 megapixels. */
const resizedAtOnce = 2;

export interface Variant {
  /** Pixels; undefined for the stored width. */
  width?: number;
  format: ServedFormat;
  /** Without the note that it is generated, for people who must not know. Default: with it. */
  isBare?: boolean;
}

interface Dependencies {
  /** What is known of a stored picture; null if there is none with this hash. */
  find(hash: string): Promise<BlobRow | null>;
  blobs: { get(hash: string): Promise<Uint8Array> };
  resize(bytes: Uint8Array, variant: Variant): Promise<Buffer>;
  /** Forgets the generated images of a file that cannot be used. @returns the catalogue image of one. Default: there are none. */
  drop?(hash: string): Promise<string | null>;
}

/** Files that cannot be used and whose catalogue image is remembered, for pages that still show them. */
const maxReplaced = 10_000;

export class ServedImages {
  private readonly made = new LRUCache<string, Buffer>({
    maxSize: cacheBytes,
    sizeCalculation: bytes => bytes.byteLength + 1,
  });
  private readonly beingMade = new Map<string, Promise<Buffer>>();
  private readonly limit = pLimit(resizedAtOnce);
  /** Unusable file -> the catalogue image in its place. */
  private readonly replaced = new LRUCache<string, string>({ max: maxReplaced });

  constructor(private readonly deps: Dependencies) {}

  find(hash: string): Promise<BlobRow | null> {
    return this.deps.find(hash);
  }

  /** @throws AppError `IMAGE_NOT_FOUND`, `IMAGE_DAMAGED` */
  readStored(hash: string): Promise<Uint8Array> {
    return this.deps.blobs.get(hash);
  }

  /** The catalogue image in the place of a generated one whose file is missing or damaged; null for another. */
  async replacementOf(hash: string): Promise<string | null> {
    const dropped = (await this.deps.drop?.(hash)) ?? null;
    if (dropped) {
      this.replaced.set(hash, dropped);
    }
    return dropped ?? this.replaced.get(hash) ?? null;
  }

  /** The picture in another size or format; however many ask for it at once, it is made once. */
  async make(hash: string, variant: Variant): Promise<Buffer> {
    const bare = variant.isBare ? "-bare" : "";
    const name = `${hash}-${variant.width ?? "full"}${bare}.${variant.format}`;
    const done = this.made.get(name);
    if (done) {
      return done;
    }
    const pending = this.beingMade.get(name) ?? this.begin(name, hash, variant);
    return pending;
  }

  private begin(name: string, hash: string, variant: Variant): Promise<Buffer> {
    const making = this.limit(async () =>
      this.deps.resize(await this.deps.blobs.get(hash), variant),
    );
    this.beingMade.set(name, making);
    const finished = making.then(bytes => {
      this.made.set(name, bytes);
      return bytes;
    });
    return finished.finally(() => this.beingMade.delete(name));
  }
}
