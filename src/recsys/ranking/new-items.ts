/** @file Items newer than the active model, which places them by their image and text features. */
import { canWhatIf, isInductive, type ItemFeatures } from "../../ml/ranking/recommender.js";
import type { LoadedRanker } from "./ranker-artefact.js";
import type { EmbeddingEntry } from "./ranking-dataset.js";

/** Age at which the list is renewed; newer items are served from then on. */
const MAX_AGE_MS = 30_000;

export interface NewItem {
  itemId: string;
  /** Its dot product with a user's vector is the score; `[D]`. */
  vector: Float32Array;
  /** Items of the training most like it, where a score is more than that product (`newItemParts`). */
  nearest: Int32Array;
  /** The features that placed it. */
  features: ItemFeatures;
}

interface Dependencies {
  embeddings: {
    /** Embeddings of one kind by the current encoder, of all items but these. */
    findExcept(
      kind: "IMAGE" | "CAPTION",
      itemIds: readonly string[],
    ): Promise<readonly EmbeddingEntry[]>;
  };
  /** Default: `performance.now`. */
  nowMs?: () => number;
}

export class NewItems {
  private known: { versionId: string; items: readonly NewItem[]; atMs: number } | null = null;
  private refreshing: Promise<readonly NewItem[]> | null = null;

  constructor(private readonly deps: Dependencies) {}

  /** Empty for a model that cannot place them. After the first call an outdated list is renewed in the background. */
  async of(ranker: LoadedRanker): Promise<readonly NewItem[]> {
    if (!isInductive(ranker.model)) {
      return [];
    }
    if (this.known?.versionId !== ranker.versionId) {
      return this.refresh(ranker);
    }
    if (this.nowMs() - this.known.atMs >= MAX_AGE_MS && !this.refreshing) {
      this.refresh(ranker).catch(() => undefined); // the next request retries
    }
    return this.known.items;
  }

  private async refresh(ranker: LoadedRanker): Promise<readonly NewItem[]> {
    const running = this.read(ranker);
    this.refreshing = running;
    try {
      const items = await running;
      this.known = { versionId: ranker.versionId, items, atMs: this.nowMs() };
      return items;
    } finally {
      this.refreshing = null;
    }
  }

  private async read({
    itemIds,
    model,
    ownModalities = [],
  }: LoadedRanker): Promise<readonly NewItem[]> {
    if (!isInductive(model)) {
      return [];
    }
    const { embeddings } = this.deps;
    const visual = await embeddings.findExcept("IMAGE", itemIds);
    const textual = await embeddings.findExcept("CAPTION", itemIds);
    const features = new Map<string, Record<string, Float32Array>>();
    for (const [name, entries] of [
      ["visual", visual],
      ["textual", textual],
    ] as const) {
      if (!canWhatIf(model, name) || ownModalities.includes(name)) {
        continue; // the shop had none of these when the model was trained, or its own
      }
      for (const { itemId, vector } of entries) {
        features.set(itemId, { ...features.get(itemId), [name]: vector });
      }
    }
    return [...features].map(([itemId, own]) => ({
      itemId,
      vector: model.itemVectorOf(own),
      nearest: model.nearestItems?.(own) ?? new Int32Array(0),
      features: own,
    }));
  }

  private nowMs(): number {
    return (this.deps.nowMs ?? performance.now.bind(performance))();
  }
}
