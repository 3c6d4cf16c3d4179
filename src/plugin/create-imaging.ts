/** @file What reads, writes and encodes images. */
import { decodeRgb, encodeGeneratedPng, encodePng } from "../db/image-codec.js";
import type { ClipEncoder } from "../ml/clip/clip-encoder.js";
import type { ImageGenerator } from "../ml/diffusion/image-generator.js";
import { ImageFiles } from "../recsys/images/image-files.js";
import type { Models } from "./create-models.js";
import type { Storage } from "./create-storage.js";

export type Imaging = ReturnType<typeof createImaging>;

/** Images as files, at their own size and at the generator's, and their encoder. */
export function createImaging(
  { blobs }: Pick<Storage, "blobs">,
  models: Models,
  generator: ImageGenerator,
) {
  const codec = { decode: decodeRgb, encode: encodePng };
  const generatedCodec: typeof codec = {
    ...codec,
    encode: image => encodeGeneratedPng(image, generator.version),
  };
  const clip: Pick<ClipEncoder, "encodeImages" | "encodeTexts"> = {
    encodeImages: async batch => (await models.clip()).encodeImages(batch),
    encodeTexts: async texts => (await models.clip()).encodeTexts(texts),
  };
  return {
    clip,
    generator,
    generatedCodec,
    imageFiles: new ImageFiles({ blobs, ...codec }),
    generatorFiles: new ImageFiles(
      { blobs, ...generatedCodec },
      models.pipelineConfig ?? undefined,
    ),
  };
}
