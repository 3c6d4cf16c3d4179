/** @file What reads, writes and encodes images. */
import type { Config } from "../config/config.js";
import {
  decodeRgb,
  decodeWithAlpha,
  type DigitalSourceType,
  encodeGeneratedPng,
  encodePng,
} from "../db/image-codec.js";
import type { ClipEncoder } from "../ml/clip/clip-encoder.js";
import type { ImageGenerator } from "../ml/diffusion/image-generator.js";
import type { RgbImage } from "../ml/nn/rgb-image.js";
import type { CatalogueVerdict } from "../recsys/catalogue/catalogue-kind.service.js";
import { BackdropLooks } from "../recsys/images/backdrop-looks.js";
import { ImageFiles } from "../recsys/images/image-files.js";
import { policyOfShop, ProductLock } from "../recsys/images/product-lock.js";
import { LONGEST_SIDE, SubjectMasks } from "../recsys/images/subject-masks.js";
import type { Models } from "./create-models.js";
import type { Storage } from "./create-storage.js";

export type Imaging = ReturnType<typeof createImaging>;

/** Images as files, at their own size and at the generator's, and their encoder. */
export function createImaging(
  { blobs, store }: Pick<Storage, "blobs" | "store">,
  models: Models,
  generator: ImageGenerator,
  { catalogue, fidelity }: Pick<Config, "fidelity"> & { catalogue: CatalogueVerdict | null },
) {
  const codec = { decode: decodeRgb, encode: encodePng };
  const generatedCodec = {
    ...codec,
    encode: (image: RgbImage, sourceType?: DigitalSourceType) =>
      encodeGeneratedPng(image, generator.version, sourceType),
  };
  const clip: Pick<ClipEncoder, "encodeImages" | "encodeTexts"> = {
    encodeImages: async batch => (await models.clip()).encodeImages(batch),
    encodeTexts: async texts => (await models.clip()).encodeTexts(texts),
  };
  // A generator without a size of its own draws at the catalogue image's, within limits; in the pixels of its mask.
  const ownSize: typeof decodeRgb = async bytes =>
    (await decodeWithAlpha(bytes, LONGEST_SIDE)).image;
  const { pipelineConfig } = models;
  const masks = new SubjectMasks({
    blobs,
    store,
    decode: decodeWithAlpha,
    masker: models.masker,
  });
  // A pack with a subject mask is made for photographs.
  const isOfPhotographs = models.pack.has("subject_mask") || catalogue?.kind === "PHOTOGRAPHS";
  return {
    clip,
    generator,
    products: new ProductLock({
      originals: new ImageFiles({ blobs, ...codec, decode: ownSize }),
      masks,
      policyOf: policyOfShop(fidelity, { isOfPhotographs }),
    }),
    /** Whether the generator paints settings (`SettingMethod`) rather than prompts. */
    paintsSettings:
      generator.readsSettings ?? (generator === models.generator && pipelineConfig === null),
    generatedCodec,
    looks: new BackdropLooks({ blobs, store, decode: decodeWithAlpha }),
    masks,
    imageFiles: new ImageFiles({ blobs, ...codec }),
    generatorFiles:
      pipelineConfig && !generator.drawsAnySize
        ? new ImageFiles({ blobs, ...generatedCodec }, pipelineConfig)
        : new ImageFiles({ blobs, ...generatedCodec, decode: ownSize }),
  };
}
