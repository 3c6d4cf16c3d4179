/** @file One item in one user's ranking, with its own image and with others. */
import { midRank } from "../../ml/metrics/ranking-metrics.js";
import { dot } from "../../ml/nn/matrix.js";
import {
  canWhatIf,
  isInductive,
  type Viewer,
  VISUAL_MODALITY,
} from "../../ml/ranking/recommender.js";
import type { NewItem } from "./new-items.js";
import type { LoadedRanker } from "./ranker-artefact.js";

/** The modality of images. */
export const IMAGE_MODALITY = VISUAL_MODALITY;

/** A user as the active model sees them. */
export interface KnownViewer {
  ranker: LoadedRanker;
  viewer: Viewer;
  source: "RANKER" | "FOLD_IN";
  /** Indices of the items the user already has. */
  seen: ReadonlySet<number>;
}

export interface RankedItem {
  /** Of all items that the model was trained on; `[N]`. */
  scores: Float32Array;
  score: number;
  /** Number of ranked items: the model's catalogue without the user's own items, but always with the item itself. */
  numRanked: number;
  /** The rank with this score: 1 is best, ties by mid-rank. */
  rankAt: (score: number) => number;
  /** The score with each of the image embeddings in place of its own; null where the model cannot tell. */
  scoresWith: (images: readonly Float32Array[]) => number[] | null;
}

/** Null when the item is neither one of the training nor a new one. */
export function rankedItem(
  known: KnownViewer,
  itemId: string,
  newItems: readonly NewItem[],
): RankedItem | null {
  const { ranker, seen } = known;
  const scores = scoresOf(known);
  const itemIndex = ranker.itemIndexOf.get(itemId);
  const item =
    itemIndex === undefined
      ? ofNew(known, newItems, itemId)
      : { score: scores[itemIndex], scoresWith: ofTrained(known, itemIndex) };
  const isOneOfThem = itemIndex !== undefined && !seen.has(itemIndex);
  const isMasked = (index: number) => index === itemIndex || seen.has(index);
  return (
    item && {
      ...item,
      scores,
      numRanked: ranker.itemIds.length - seen.size + (isOneOfThem ? 0 : 1),
      rankAt: score => midRank(score, scores, isMasked),
    }
  );
}

/** Whether another image of the model pack can stand in for an item's own. */
export function readsPackImages({
  model,
  ownModalities = [],
}: Pick<LoadedRanker, "model" | "ownModalities">): boolean {
  return canWhatIf(model, IMAGE_MODALITY) && !ownModalities.includes(IMAGE_MODALITY);
}

/** A training item keeps its place in the graphs (`what-if.ts`). */
function ofTrained({ ranker, viewer }: KnownViewer, itemIndex: number): RankedItem["scoresWith"] {
  const { model } = ranker;
  const target = { itemIndex, modality: IMAGE_MODALITY };
  return images => {
    if (!readsPackImages(ranker) || !canWhatIf(model, IMAGE_MODALITY)) {
      return null;
    }
    return images.length === 0 ? [] : model.whatIf(viewer, target, images);
  };
}

/** A new item is placed again with each image. */
function ofNew(
  { ranker: { model, ownModalities }, viewer }: KnownViewer,
  newItems: readonly NewItem[],
  itemId: string,
): Pick<RankedItem, "score" | "scoresWith"> | null {
  const item = newItems.find(other => other.itemId === itemId);
  if (!item || !isInductive(model)) {
    return null;
  }
  const user = model.userVectorOf(viewer);
  const [rest = 0] = model.newItemParts?.(viewer, [item.nearest]) ?? []; // reads no images
  return {
    score: dot(user, item.vector) + rest,
    scoresWith: images =>
      ownModalities?.includes(IMAGE_MODALITY)
        ? null
        : images.map(
            image =>
              dot(user, model.itemVectorOf({ ...item.features, [IMAGE_MODALITY]: image })) + rest,
          ),
  };
}

/** The model's scores of all items of its training. */
export function scoresOf({ ranker: { model }, viewer }: KnownViewer): Float32Array {
  return "history" in viewer
    ? model.scoreHistory(viewer.history, viewer.strengths)
    : model.score(viewer.userIndex);
}
