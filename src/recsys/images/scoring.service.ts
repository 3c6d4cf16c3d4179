/** @file Judges stored pictures by the active ranking model: what the `JUDGE` job does after a new model was trained. */
import type { NewRankChange, UnjudgedImage } from "../../db/personalized-images.repository.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import { rankChange, type WhatIf } from "./candidate-selection.js";

/** Pictures encoded at once. */
const BATCH_SIZE = 32;

interface Dependencies {
  rankers: { activeVersionId(): Promise<string | null> };
  images: {
    countUnjudged(versionId: string): Promise<number>;
    findUnjudged(
      versionId: string,
      afterId: string | null,
      limit: number,
    ): Promise<UnjudgedImage[]>;
    addRankChange(imageId: string, change: NewRankChange): Promise<void>;
  };
  pictures: { load(blobHash: string): Promise<RgbImage> };
  clip: { encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]> };
  ranking: {
    whatIf(
      userId: string,
      itemId: string,
      candidates: readonly Float32Array[],
    ): Promise<WhatIf | null>;
  };
}

export interface JudgingCounts {
  judged: number;
  /** Pictures of items that the model does not know. */
  unknown: number;
}

export class JudgingService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Gives every stored picture a rank change by the active ranking model. What is judged is stored at once, so a
   * stopped run continues where it was.
   */
  async judgeAll({
    signal,
    report,
  }: {
    signal?: AbortSignal;
    report?: (progress: number, stage: string) => Promise<void> | void;
  } = {}): Promise<JudgingCounts> {
    const { rankers, images } = this.deps;
    const versionId = await rankers.activeVersionId();
    const counts: JudgingCounts = { judged: 0, unknown: 0 };
    const total = versionId === null ? 0 : await images.countUnjudged(versionId);
    let afterId: string | null = null;
    while (versionId !== null) {
      signal?.throwIfAborted();
      const page: UnjudgedImage[] = await images.findUnjudged(versionId, afterId, BATCH_SIZE);
      if (page.length === 0) {
        break;
      }
      await this.judgePage(page, counts);
      afterId = page[page.length - 1].id;
      const done = counts.judged + counts.unknown;
      await report?.(Math.min(1, done / total), `${done} of ${total} pictures`);
    }
    return counts;
  }

  private async judgePage(page: readonly UnjudgedImage[], counts: JudgingCounts): Promise<void> {
    const { pictures, clip, ranking, images } = this.deps;
    const rgb = await Promise.all(page.map(({ blobHash }) => pictures.load(blobHash)));
    const embeddings = await clip.encodeImages(rgb);
    for (const [index, { id, userId, itemId }] of page.entries()) {
      const whatIf = await ranking.whatIf(userId, itemId, [embeddings[index]]);
      if (whatIf) {
        await images.addRankChange(id, rankChange(whatIf, 0));
        counts.judged++;
      } else {
        counts.unknown++;
      }
    }
  }
}
