/** @file Scores stored images with the active ranking model: the `SCORE_IMAGES` job, after a new model was trained. */
import type { NewRankChange, UnscoredImage } from "../../db/personalized-images.repository.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import type { PictureRanker } from "../ranking/picture-ranker.js";
import { rankChangeOf } from "../ranking/what-if.js";

/** Pictures encoded at once. */
const BATCH_SIZE = 32;

interface Dependencies {
  rankers: { activeVersionId(): Promise<string | null> };
  images: {
    countUnscored(versionId: string): Promise<number>;
    findUnscored(
      versionId: string,
      afterId: string | null,
      limit: number,
    ): Promise<UnscoredImage[]>;
    addRankChange(imageId: string, change: NewRankChange): Promise<void>;
  };
  imageFiles: { load(blobHash: string): Promise<RgbImage> };
  clip: { encodeImages(images: readonly RgbImage[]): Promise<Float32Array[]> };
  ranker: PictureRanker;
}

export interface ScoringCounts {
  scored: number;
  /** Images of items that the model does not know. */
  unknown: number;
}

export class ScoringService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Gives every stored image a rank change by the active ranking model. Each result is stored at once, so a stopped run
   * resumes.
   */
  async scoreAll({
    signal,
    report,
  }: {
    signal?: AbortSignal;
    report?: (progress: number, stage: string) => Promise<void> | void;
  } = {}): Promise<ScoringCounts> {
    const { rankers, images } = this.deps;
    const versionId = await rankers.activeVersionId();
    const counts: ScoringCounts = { scored: 0, unknown: 0 };
    const total = versionId === null ? 0 : await images.countUnscored(versionId);
    let afterId: string | null = null;
    while (versionId !== null) {
      signal?.throwIfAborted();
      const page: UnscoredImage[] = await images.findUnscored(versionId, afterId, BATCH_SIZE);
      if (page.length === 0) {
        break;
      }
      await this.scorePage(page, counts);
      afterId = page[page.length - 1].id;
      const done = counts.scored + counts.unknown;
      await report?.(Math.min(1, done / total), `${done} of ${total} pictures`);
    }
    return counts;
  }

  private async scorePage(page: readonly UnscoredImage[], counts: ScoringCounts): Promise<void> {
    const { imageFiles, clip, ranker, images } = this.deps;
    const rgb = await Promise.all(page.map(({ blobHash }) => imageFiles.load(blobHash)));
    const embeddings = await clip.encodeImages(rgb);
    for (const [index, { id, userId, itemId }] of page.entries()) {
      const whatIf = await ranker.whatIf({ userId }, itemId, [embeddings[index]]);
      const change = whatIf && rankChangeOf(whatIf, 0);
      if (change) {
        await images.addRankChange(id, change);
        counts.scored++;
      } else {
        counts.unknown++;
      }
    }
  }
}
