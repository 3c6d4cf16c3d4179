/** @file Which versions of the ranking model can rank an item by another image: without that, images have no rank change. */
import { AppError } from "../../errors/app-error.js";
import { FREEDOM_ALGORITHM } from "../../ml/ranking/freedom.js";
import { MICRO_ALGORITHM } from "../../ml/ranking/micro.js";
import { canWhatIf } from "../../ml/ranking/recommender.js";
import { VBPR_ALGORITHM } from "../../ml/ranking/vbpr.js";
import { IMAGE_MODALITY } from "./ranked-item.js";
import type { LoadedRanker } from "./ranker-artefact.js";

const imageRankers = [MICRO_ALGORITHM, FREEDOM_ALGORITHM, VBPR_ALGORITHM];

/** For a loaded model: the authoritative answer. */
export function ranksImagesLoaded({ model }: Pick<LoadedRanker, "model">): boolean {
  return canWhatIf(model, IMAGE_MODALITY);
}

/** @throws AppError `RANKER_IGNORES_IMAGES` */
export function assertRanksImages(ranker: Pick<LoadedRanker, "model">): void {
  if (!ranksImagesLoaded(ranker)) {
    throw new AppError("RANKER_IGNORES_IMAGES", { algorithm: ranker.model.algorithm });
  }
}

/** For a version that need not be loaded: by its algorithm and its recorded modalities, if any. */
export function ranksImages({
  algorithm,
  metrics,
}: {
  algorithm: string;
  metrics: unknown;
}): boolean {
  const { modalities } = (metrics ?? {}) as { modalities?: readonly string[] }; // as training stored it
  return imageRankers.includes(algorithm) && (modalities?.includes(IMAGE_MODALITY) ?? true);
}

/** The warning for operators when the active version cannot. */
export function imagesUnrankedText(algorithm: string): string {
  return (
    `warning: ${algorithm} does not read the items' images. While it is active, personalised images have no rank change, ` +
    `and an image is served without a check that the item ranks at least as well with it. ${imageRankers.join(", ")} read images.`
  );
}
