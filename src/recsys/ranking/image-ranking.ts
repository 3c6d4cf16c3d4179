/** @file Which versions of the ranking model can rank an item by another image: without that, images have no rank change. */
import { AppError } from "../../errors/app-error.js";
import { FREEDOM_ALGORITHM } from "../../ml/ranking/freedom.js";
import { MICRO_ALGORITHM } from "../../ml/ranking/micro.js";
import { VBPR_ALGORITHM } from "../../ml/ranking/vbpr.js";
import { IMAGE_MODALITY, readsPackImages } from "./ranked-item.js";
import type { LoadedRanker } from "./ranker-artefact.js";

const imageRankers = [MICRO_ALGORITHM, FREEDOM_ALGORITHM, VBPR_ALGORITHM];

type RankerImages = Pick<LoadedRanker, "model" | "ownModalities">;

/** For a loaded model: the authoritative answer. */
export function ranksImagesLoaded(ranker: RankerImages): boolean {
  return readsPackImages(ranker);
}

/** @throws AppError `RANKER_IGNORES_IMAGES`, `RANKER_HAS_OWN_FEATURES` */
export function assertRanksImages(ranker: RankerImages): void {
  if (!ranksImagesLoaded(ranker)) {
    assertPackFeatures(ranker, [IMAGE_MODALITY]);
    throw new AppError("RANKER_IGNORES_IMAGES", { algorithm: ranker.model.algorithm });
  }
}

interface RankerVersion {
  algorithm: string;
  metrics: unknown;
  config: unknown;
}

/**
 * @param modalities Which must be the pack's. Default: all.
 * @throws AppError `RANKER_HAS_OWN_FEATURES`
 */
export function assertPackFeatures(
  { model, ownModalities = [] }: RankerImages,
  modalities: readonly string[] = ownModalities,
): void {
  const modality = ownModalities.find(name => modalities.includes(name));
  if (modality !== undefined) {
    throw new AppError("RANKER_HAS_OWN_FEATURES", { algorithm: model.algorithm, modality });
  }
}

/** For a version that need not be loaded: by its algorithm, its recorded modalities, if any, and whose features they are. */
export function ranksImages(version: RankerVersion): boolean {
  const { modalities } = (version.metrics ?? {}) as { modalities?: readonly string[] }; // as training stored it
  return (
    imageRankers.includes(version.algorithm) &&
    (modalities?.includes(IMAGE_MODALITY) ?? true) &&
    !hasOwnImages(version)
  );
}

function hasOwnImages({ config }: Pick<RankerVersion, "config">): boolean {
  const { features = [] } = (config ?? {}) as { features?: readonly { modality: string }[] }; // as training stored it
  return features.some(({ modality }) => modality === IMAGE_MODALITY);
}

/** The warning for operators when the active version cannot; null when it can. */
export function imagesWarning(version: RankerVersion): string | null {
  return ranksImages(version) ? null : imagesUnrankedText(version.algorithm, hasOwnImages(version));
}

export function imagesUnrankedText(algorithm: string, hasOwnFeatures = false): string {
  const reason = hasOwnFeatures
    ? "was trained on features of the shop's own in place of the items' images"
    : "does not read the items' images";
  return (
    `warning: ${algorithm} ${reason}. While it is active, personalised images have no rank change, ` +
    `and an image is served without a check that the item ranks at least as well with it. ${imageRankers.join(", ")} read images.`
  );
}
