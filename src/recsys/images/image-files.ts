/** @file Loads and stores images: the models take pixels of one size, the blob store keeps files. */
import type { DigitalSourceType } from "../../db/image-codec.js";
import type { BlobRow } from "../../db/rows.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";

interface Dependencies {
  blobs: {
    get(hash: string): Promise<Uint8Array>;
    put(bytes: Uint8Array): Promise<string>;
    remove(hash: string): Promise<void>;
  };
  decode(
    bytes: Uint8Array,
    size: { widthPixels?: number; heightPixels?: number },
  ): Promise<RgbImage>;
  /** @param sourceType IPTC's, of an image that is generated in whole or in part */
  encode(image: RgbImage, sourceType?: DigitalSourceType): Promise<Uint8Array>;
}

export class ImageFiles {
  /** @param size of the pictures that {@link load} gives; their own size without it. */
  constructor(
    private readonly deps: Dependencies,
    private readonly size: { widthPixels?: number; heightPixels?: number } = {},
  ) {}

  /** @throws AppError `IMAGE_NOT_FOUND`, `IMAGE_UNREADABLE` */
  async load(blobHash: string): Promise<RgbImage> {
    return this.deps.decode(await this.deps.blobs.get(blobHash), this.size);
  }

  /** Writes the picture as a PNG file. @returns what the database keeps of it. */
  async store(
    image: RgbImage,
    sourceType?: DigitalSourceType,
  ): Promise<Omit<BlobRow, "createdAt">> {
    const bytes = await this.deps.encode(image, sourceType);
    return {
      hash: await this.deps.blobs.put(bytes),
      mediaType: "image/png",
      sizeBytes: bytes.byteLength,
      widthPixels: image.widthPixels,
      heightPixels: image.heightPixels,
    };
  }

  remove(blobHash: string): Promise<void> {
    return this.deps.blobs.remove(blobHash);
  }
}
