/** @file Recommendations for a user, and an item's rank with its own and other images. */
import { defaultFeedbackRules, type FeedbackRules } from "../../config/feedback-rules.js";
import { defaultSeenRules, isSeen, type SeenRules } from "../../config/seen-rules.js";
import { choicesOf, type Feedback } from "../../db/choices.js";
import { dot } from "../../ml/nn/matrix.js";
import { isInductive } from "../../ml/ranking/recommender.js";
import type { NewItem } from "./new-items.js";
import type { ImageViewer, PictureRanker, WhatIf, WhatIfRequest } from "./picture-ranker.js";
import { type KnownViewer, scoresOf } from "./ranked-item.js";
import { RankedList, RankedLists } from "./ranked-lists.js";
import type { LoadedRanker } from "./ranker-artefact.js";
import type { RerankedLists } from "./reranked-lists.js";
import { trainedViewer, whatIfOf } from "./what-if.js";

/** Newest interactions of one user that are read. */
const MAX_HISTORY = 10_000;
/** Maximum age of the list of popular items. */
const POPULARITY_AGE_MS = 60_000;
/** Similar items considered where no model knows the user. */
const MAX_LIKE = 1_000;
/** Items in the first query for category and availability. */
const FIRST_PAGE = 200;

/**
 * The source of a ranking: the model, trained on this user, or the same with their first items re-ranked by the images made
 * for them; the model with the user's present items (fold-in), for a new
 * or changed user; similarity to the user's items, where no model knows any of them; or popularity, for an unknown user.
 */
export type RecommendationSource = "RANKER" | "RERANKED" | "FOLD_IN" | "CONTENT" | "POPULARITY";

interface Dependencies {
  rankers: { active(): Promise<LoadedRanker | null> };
  interactions: {
    /** In the order of time. */
    historyOf(userId: string, limit: number): Promise<readonly Feedback[]>;
    /** Every chosen item with its total strength, best first. */
    findPopularItems(): Promise<readonly { itemId: string; strength: number }[]>;
  };
  /** Re-ranked lists of users whose choices are those of the training (`reranked-lists.ts`). Default: none. */
  rerankedLists?: Pick<RerankedLists, "of">;
  /** What counts as chosen where no model defines it. Default: `defaultFeedbackRules`. */
  feedback?: FeedbackRules;
  /** What recommendations leave out. Default: `defaultSeenRules`. */
  seen?: SeenRules;
  /** Default: the clock. */
  now?: () => Date;
  /** Items newer than the model. Default: none. */
  newItems?: { of(ranker: LoadedRanker): Promise<readonly NewItem[]> };
  /**
   * Items with captions similar to those of the given ones, most similar first; empty if these are not indexed. Default:
   * none.
   */
  content?: {
    likeThese(
      choices: readonly { itemId: string; strength: number }[],
      k: number,
    ): readonly { itemId: string; score: number }[];
  };
  items: {
    /** Those of `ids` that are in the catalogue and pass the filter. */
    filter(
      ids: readonly string[],
      filter: { category: string | null; onlyAvailable: boolean },
    ): Promise<ReadonlySet<string>>;
  };
}

export interface RecommendOptions {
  /** Leave out items that the user has seen. Default: true. */
  excludeSeen?: boolean;
  /** What counts as seen. Default: the shop's setting. */
  seen?: SeenRules;
  /** Default: all. */
  category?: string | null;
  /** Default: true. */
  onlyAvailable?: boolean;
}

export interface Recommendations {
  items: {
    itemId: string;
    score: number;
    rank: number;
    /** Whether the item is newer than the model, so that its score comes from its image and caption alone. */
    isNew: boolean;
  }[];
  source: RecommendationSource;
}

/** Items in the order of recommendation. */
interface Ranked {
  /** The ids of the `count` best, best first. */
  best: (count: number) => readonly string[];
  scoreOf: (itemId: string) => number;
  source: RecommendationSource;
  /** Default: never. */
  isNew?: (itemId: string) => boolean;
}

export class RecommendationService implements PictureRanker {
  private readonly lists = new RankedLists();
  private popular: { items: readonly { itemId: string; strength: number }[]; atMs: number } | null =
    null;

  constructor(private readonly deps: Dependencies) {}

  /** The `k` best items, best first; for an unknown user the most popular ones. */
  async recommend(
    userId: string,
    k: number,
    {
      excludeSeen = true,
      seen = this.deps.seen ?? defaultSeenRules,
      category = null,
      onlyAvailable = true,
    }: RecommendOptions = {},
  ): Promise<Recommendations> {
    const history = await this.deps.interactions.historyOf(userId, MAX_HISTORY);
    const now = (this.deps.now ?? (() => new Date()))();
    const seenRows = excludeSeen ? history.filter(row => isSeen(row, seen, now)) : [];
    const seenIds = new Set(seenRows.map(({ itemId }) => itemId));
    const known = await this.viewerOf(userId, history);
    const {
      best: bestIds,
      scoreOf,
      source,
      isNew,
    } = known
      ? await this.rankReranked(userId, known)
      : (this.rankedByContent(history) ?? (await this.rankByPopularity()));
    const passing = (itemIds: readonly string[]) =>
      this.deps.items.filter(itemIds, { category, onlyAvailable });
    const best = await firstPassing(bestIds, k, itemId => !seenIds.has(itemId), passing);
    return {
      items: best.map((itemId, place) => ({
        itemId,
        score: scoreOf(itemId),
        rank: place + 1,
        isNew: isNew?.(itemId) ?? false,
      })),
      source,
    };
  }

  /** New interactions refresh these users' cached rankings in the background. */
  refresh(userIds: readonly string[]): Promise<void> {
    return this.lists.refresh(userIds, async userId => {
      const known = await this.viewerOfHistory(userId);
      if (known) {
        await this.rankByModel(userId, known);
      }
    });
  }

  /** Removes the caches of a deleted user. */
  forget(userId: string): void {
    this.lists.forget(userId);
  }

  /** As {@link PictureRanker} says; by the active model. */
  async whatIf(
    viewer: ImageViewer,
    itemId: string,
    embeddings: readonly Float32Array[],
  ): Promise<WhatIf | null> {
    const [whatIf] = await this.whatIfMany(viewer, [{ itemId, embeddings }]);
    return whatIf;
  }

  async whatIfMany(
    { seenItemIds, userId }: ImageViewer,
    requests: readonly WhatIfRequest[],
  ): Promise<(WhatIf | null)[]> {
    const ranker = await this.deps.rankers.active();
    const known =
      ranker && seenItemIds
        ? trainedViewer(ranker, userId, seenItemIds)
        : await this.viewerOfHistory(userId);
    if (!known) {
      return requests.map(() => null);
    }
    const { itemIndexOf } = known.ranker;
    const hasNew = requests.some(({ itemId }) => !itemIndexOf.has(itemId));
    const newItems = hasNew ? await this.newItems(known.ranker) : [];
    return requests.map(({ itemId, embeddings }) =>
      whatIfOf(known, itemId, itemIndexOf.has(itemId) ? [] : newItems, embeddings),
    );
  }

  private async newItems(ranker: LoadedRanker): Promise<readonly NewItem[]> {
    return (await this.deps.newItems?.of(ranker)) ?? [];
  }

  private async viewerOfHistory(userId: string): Promise<KnownViewer | null> {
    return this.viewerOf(userId, await this.deps.interactions.historyOf(userId, MAX_HISTORY));
  }

  /** Null without an active model, or if it knows neither the user nor their items. */
  private async viewerOf(
    userId: string,
    history: readonly Feedback[],
  ): Promise<KnownViewer | null> {
    const ranker = await this.deps.rankers.active();
    if (!ranker) {
      return null;
    }
    const isKnown = ({ itemId }: { itemId: string }) => ranker.itemIndexOf.has(itemId);
    const indexOf = ({ itemId }: { itemId: string }) => ranker.itemIndexOf.get(itemId)!; // only known ones
    const seen = new Set(history.filter(isKnown).map(indexOf));
    const chosen = choicesOf(history, ranker.feedback).filter(isKnown);
    if (chosen.length === 0) {
      return null; // also for a user of the training: they deleted their history, or opted out
    }
    const userIndex = ranker.userIndexOf.get(userId);
    const chosenIds = chosen.map(({ itemId }) => itemId);
    if (userIndex !== undefined && ranker.hadChosen(userIndex, chosenIds)) {
      return { ranker, viewer: { userIndex }, source: "RANKER", seen };
    }
    return {
      ranker,
      viewer: {
        history: chosen.map(indexOf),
        strengths: unequal(chosen.map(({ strength }) => strength)),
      },
      source: "FOLD_IN",
      seen,
    };
  }

  private async rankByModel(userId: string, known: KnownViewer): Promise<Ranked> {
    const newItems = await this.newItems(known.ranker);
    const { viewer, ranker, source } = known;
    const madeFrom = [ranker.versionId, JSON.stringify(viewer), newItems.length].join(" ");
    const list = this.lists.get(userId, madeFrom, () => rankedList(known, newItems));
    const numTrained = ranker.itemIds.length;
    const placeOf = (itemId: string) =>
      ranker.itemIndexOf.get(itemId) ?? list.itemIds.indexOf(itemId, numTrained);
    return {
      best: count => Array.from(list.best(count), place => list.itemIds[place]),
      scoreOf: itemId => list.scores[placeOf(itemId)],
      source,
      isNew: itemId => !ranker.itemIndexOf.has(itemId),
    };
  }

  /** As the model ranks, after the user's re-ranked list if there is one that is not stale. */
  private async rankReranked(userId: string, known: KnownViewer): Promise<Ranked> {
    const ranked = await this.rankByModel(userId, known);
    const list =
      known.source === "RANKER"
        ? await this.deps.rerankedLists?.of(userId, known.ranker.versionId)
        : null;
    if (!list) {
      return ranked;
    }
    const scores = new Map(list.itemIds.map((itemId, place) => [itemId, list.scores[place]]));
    return {
      ...ranked,
      best: count => {
        const rest = ranked.best(count).filter(itemId => !scores.has(itemId));
        return [...list.itemIds, ...rest].slice(0, count);
      },
      scoreOf: itemId => scores.get(itemId) ?? ranked.scoreOf(itemId),
      source: "RERANKED",
    };
  }

  /** Null when none of the user's items is indexed. */
  private rankedByContent(history: readonly Feedback[]): Ranked | null {
    const { feedback = defaultFeedbackRules } = this.deps;
    const chosen = choicesOf(history, feedback).sort(
      (a, b) => b.lastAt.getTime() - a.lastAt.getTime(),
    );
    const found = chosen.length === 0 ? [] : this.deps.content?.likeThese(chosen, MAX_LIKE);
    if (!found?.length) {
      return null;
    }
    const scores = new Map(found.map(({ itemId, score }) => [itemId, score]));
    const ids = [...scores.keys()];
    return {
      best: count => ids.slice(0, count),
      scoreOf: itemId => scores.get(itemId)!, // one of them
      source: "CONTENT",
    };
  }

  private async rankByPopularity(): Promise<Ranked> {
    const nowMs = performance.now();
    if (!this.popular || nowMs - this.popular.atMs >= POPULARITY_AGE_MS) {
      const items = await this.deps.interactions.findPopularItems();
      this.popular = { items, atMs: nowMs };
    }
    const scores = new Map(this.popular.items.map(({ itemId, strength }) => [itemId, strength]));
    const ids = [...scores.keys()];
    return {
      best: count => ids.slice(0, count),
      scoreOf: itemId => scores.get(itemId)!, // one of them
      source: "POPULARITY",
    };
  }
}

/** The model's items and newer ones in one ranking. */
function rankedList(known: KnownViewer, newItems: readonly NewItem[]): RankedList {
  const { ranker, viewer } = known;
  const trained = scoresOf(known);
  if (newItems.length === 0) {
    return new RankedList(ranker.itemIds, trained);
  }
  const scores = new Float32Array(trained.length + newItems.length);
  scores.set(trained);
  const { model } = ranker;
  if (isInductive(model)) {
    const user = model.userVectorOf(viewer);
    const rest = model.newItemParts?.(
      viewer,
      newItems.map(({ nearest }) => nearest),
    );
    newItems.forEach(({ vector }, place) => {
      scores[trained.length + place] = dot(user, vector) + (rest?.[place] ?? 0);
    });
  }
  return new RankedList([...ranker.itemIds, ...newItems.map(({ itemId }) => itemId)], scores);
}

/** Undefined when all are equal, so that they can be ignored. */
function unequal(strengths: readonly number[]): readonly number[] | undefined {
  return strengths.every(strength => strength === strengths[0]) ? undefined : strengths;
}

/** The first `k` ids that pass both tests, read in growing pages. */
async function firstPassing(
  best: (count: number) => readonly string[],
  k: number,
  isCandidate: (id: string) => boolean,
  passing: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<string[]> {
  const result: string[] = [];
  let numSeen = 0;
  let pageSize = Math.max(FIRST_PAGE, 2 * k);
  while (result.length < k) {
    const ids = best(numSeen + pageSize).slice(numSeen);
    if (ids.length === 0) {
      break;
    }
    const page = ids.filter(isCandidate);
    const kept = page.length === 0 ? new Set() : await passing(page);
    result.push(...page.filter(id => kept.has(id)));
    numSeen += ids.length;
    pageSize *= 2;
  }
  return result.slice(0, k);
}
