/**
 * @file Pictures by the hundred, for training, experiments and re-ranking: drawn, encoded by CLIP, and kept by their content
 * key, so that a run that was stopped, or another that wants the same picture, does not draw it again.
 *
 * A kept picture is a PNG (lossless) under `renders/<first two hex digits>/<key>-<place>.png`, its key the SHA-256 of all it
 * depends on. The folder is a cache: deleting it costs time and nothing else.
 */
import { createHash } from "node:crypto";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import type { RenderRequest } from "./image-generation.service.js";

/** A request whose start is a stored catalogue picture. */
export type CachedImageRequest = Omit<RenderRequest, "initImage"> & { blobHash: string };

export interface DrawnImage {
  image: RgbImage;
  /** CLIP's, of unit length; `[E]`. */
  embedding: Float32Array;
}

interface Dependencies {
  imageFiles: { load(blobHash: string): Promise<RgbImage> };
  renderer: {
    render(request: RenderRequest, hooks: { signal?: AbortSignal }): Promise<RgbImage[]>;
  };
  clip: { encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]> };
  codec: {
    encode(image: RgbImage): Promise<Uint8Array>;
    decode(bytes: Uint8Array): Promise<RgbImage>;
  };
  /** Name and version of the model pack: part of every key. */
  generator: string;
  store: Pick<ArtefactStore, "get" | "put">;
}

export class CachedImageGenerator {
  /** Pictures drawn, and those found among the kept ones. */
  readonly counts = { drawn: 0, found: 0 };

  constructor(private readonly deps: Dependencies) {}

  /** @param options.keep Whether the pictures are looked for and kept; without, they are drawn. Default: true. */
  async draw(
    request: CachedImageRequest,
    { keep = true, signal }: { keep?: boolean; signal?: AbortSignal } = {},
  ): Promise<DrawnImage[]> {
    const images = keep ? await this.kept(request, signal) : await this.rendered(request, signal);
    const embeddings = await this.deps.clip.encodeImages(images);
    return images.map((image, index) => ({ image, embedding: embeddings[index] }));
  }

  private async kept(request: CachedImageRequest, signal?: AbortSignal): Promise<RgbImage[]> {
    const { codec, store } = this.deps;
    const key = this.keyOf(request);
    const keys = Array.from(
      { length: request.numImages },
      (_, place) => `renders/${key.slice(0, 2)}/${key}-${place}.png`,
    );
    const files = await Promise.all(keys.map(one => store.get(one)));
    if (files.every(file => file !== null)) {
      this.counts.found += files.length;
      return Promise.all(files.map(file => codec.decode(file)));
    }
    const images = await this.rendered(request, signal);
    for (const [index, image] of images.entries()) {
      await store.put(keys[index], await codec.encode(image));
    }
    return images;
  }

  private async rendered(
    { blobHash, ...request }: CachedImageRequest,
    signal?: AbortSignal,
  ): Promise<RgbImage[]> {
    signal?.throwIfAborted();
    const initImage = await this.deps.imageFiles.load(blobHash);
    const images = await this.deps.renderer.render({ ...request, initImage }, { signal });
    this.counts.drawn += images.length;
    return images;
  }

  private keyOf({ conditions = [], imageEmbedding, ...plain }: CachedImageRequest): string {
    const hash = createHash("sha256");
    hash.update(JSON.stringify([this.deps.generator, Object.entries(plain).sort()]));
    for (const values of [...(imageEmbedding ? [imageEmbedding] : []), ...conditions]) {
      hash.update(`:${values.length}:`);
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    return hash.digest("hex");
  }
}
