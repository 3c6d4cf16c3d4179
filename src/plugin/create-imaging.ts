/** @file What reads, writes and encodes images. */
import { decodeRgb, decodeWithAlpha, encodeGeneratedPng, encodePng } from "../db/image-codec.js";
import type { ClipEncoder } from "../ml/clip/clip-encoder.js";
import type { ImageGenerator } from "../ml/diffusion/image-generator.js";
import { BackdropLooks } from "../recsys/images/backdrop-looks.js";
import { ImageFiles } from "../recsys/images/image-files.js";
import { LONGEST_SIDE, SubjectMasks } from "../recsys/images/subject-masks.js";
import type { Models } from "./create-models.js";
import type { Storage } from "./create-storage.js";

export type Imaging = ReturnType<typeof createImaging>;

/** Images as files, at their own size and at the generator's, and their encoder. */
export function createImaging(
  { blobs, store }: Pick<Storage, "blobs" | "store">,
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
  // A generator without a size of its own draws at the catalogue image's, within limits; in the pixels of its mask.
  const ownSize: typeof decodeRgb = async bytes =>
    (await decodeWithAlpha(bytes, LONGEST_SIDE)).image;
  const { pipelineConfig } = models;
  return {
    clip,
    generator,
    /** Whether the generator paints settings (`SettingMethod`) rather than prompts. */
    paintsSettings: generator === models.generator && pipelineConfig === null,
    generatedCodec,
    looks: new BackdropLooks({ blobs, store, decode: decodeWithAlpha }),
    masks: new SubjectMasks({ blobs, store, decode: decodeWithAlpha, masker: models.masker }),
    imageFiles: new ImageFiles({ blobs, ...codec }),
    generatorFiles: pipelineConfig
      ? new ImageFiles({ blobs, ...generatedCodec }, pipelineConfig)
      : new ImageFiles({ blobs, ...generatedCodec, decode: ownSize }),
  };
}
