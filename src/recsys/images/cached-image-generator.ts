/**
 * @file A generator that stores what another one makes, by the content of the request. So a resumed run, or another one that
 * needs the same images, does not draw them again. For training, experiments and re-ranking.
 *
 * A kept image is a PNG (lossless) under `renders/<first two hex digits>/<key>-<place>.png`, its key the SHA-256 of all it
 * depends on. The folder is a cache: deleting it costs time and nothing else.
 */
import { createHash } from "node:crypto";
import { putCached } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type {
  GenerateOptions,
  GenerateRequest,
  ImageGenerator,
} from "../../ml/diffusion/image-generator.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";

interface Dependencies {
  generator: ImageGenerator;
  codec: {
    encode(image: RgbImage): Promise<Uint8Array>;
    decode(bytes: Uint8Array): Promise<RgbImage>;
  };
  store: Pick<ArtefactStore, "get" | "put">;
}

export class CachedImageGenerator implements ImageGenerator {
  /** Images drawn, and those found among the kept ones. */
  readonly counts = { drawn: 0, found: 0 };

  constructor(private readonly deps: Dependencies) {}

  get version(): string {
    return this.deps.generator.version;
  }

  async generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<RgbImage[]> {
    options.signal?.throwIfAborted();
    const keys = options.cache === false ? [] : this.keysOf(request);
    const kept = await this.read(keys);
    if (kept) {
      this.counts.found += kept.length;
      return kept;
    }
    const images = await this.deps.generator.generate(request, { priority: "batch", ...options });
    this.counts.drawn += images.length;
    await this.write(keys, images);
    return images;
  }

  /** Null unless all of them are there. */
  private async read(keys: readonly string[]): Promise<RgbImage[] | null> {
    const files = await Promise.all(keys.map(key => this.deps.store.get(key)));
    const found = files.filter(file => file !== null);
    return found.length === 0 || found.length < files.length
      ? null
      : Promise.all(found.map(file => this.deps.codec.decode(file)));
  }

  private async write(keys: readonly string[], images: readonly RgbImage[]): Promise<void> {
    for (const [index, key] of keys.entries()) {
      await putCached(this.deps.store, key, await this.deps.codec.encode(images[index]));
    }
  }

  private keysOf(request: GenerateRequest): string[] {
    const hash = this.hashOf(request);
    const place = `renders/${hash.slice(0, 2)}/${hash}`;
    return Array.from({ length: request.numImages }, (_, n) => `${place}-${n}.png`);
  }

  private hashOf({
    conditions = [],
    imageEmbedding,
    initImage,
    mask,
    ...plain
  }: GenerateRequest): string {
    const given = Object.entries(plain).filter(([, value]) => value !== undefined);
    const size = initImage && [initImage.widthPixels, initImage.heightPixels];
    const hash = createHash("sha256");
    hash.update(JSON.stringify([this.version, given.sort(), size ?? null]));
    for (const values of [
      initImage?.pixels,
      imageEmbedding,
      ...conditions,
      ...(mask ? [mask.alpha] : []),
    ]) {
      hash.update(`:${values?.length ?? "none"}:`);
      if (values) {
        hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      }
    }
    return hash.digest("hex");
  }
}
