/**
 * @file Attention checks: pairs that look like the others, with a known answer. One of the images is the reference itself; the
 * others are catalogue images of items whose captions are least like the reference's.
 */
import type { NewStudyPair } from "../../db/studies.repository.js";
import { AppError } from "../../errors/app-error.js";
import { dot } from "../../ml/nn/cosine.js";
import { Random, seedFrom } from "../../ml/nn/random.js";

/** Items of which the least alike are taken. */
const POOL_SIZE = 40;
/** Images to be sorted in a check. */
const NUM_IMAGES = 3;

interface Item {
  itemId: string;
  blobHash: string | null;
  captionEmbedding: Float32Array | null;
}

interface Dependencies {
  /** Ids of items with a catalogue image, sorted. */
  findItemIds(): Promise<readonly string[]>;
  findItems(itemIds: readonly string[]): Promise<readonly Item[]>;
}

export class AttentionChecks {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Checks with the history and the reference of pairs of the study.
   *
   * @throws AppError `INVALID_ARGUMENT` if the catalogue has too few items with other images
   */
  async of(
    pairs: readonly NewStudyPair[],
    { numChecks, seed }: { numChecks: number; seed: number },
  ): Promise<NewStudyPair[]> {
    const checks: NewStudyPair[] = [];
    const itemIds = numChecks > 0 ? await this.deps.findItemIds() : [];
    const random = new Random(seedFrom("study checks", seed));
    const shown = random.shuffled(pairs);
    for (let at = 0; at < numChecks; at++) {
      const pair = shown[at % shown.length];
      checks.push(await this.checkOf(pair, random.shuffled(itemIds).slice(0, POOL_SIZE)));
    }
    return checks;
  }

  private async checkOf(pair: NewStudyPair, pool: readonly string[]): Promise<NewStudyPair> {
    const items = await this.deps.findItems([...new Set([pair.itemId, ...pool])]);
    const own = items.find(({ itemId }) => itemId === pair.itemId)?.captionEmbedding;
    const shown = pair.images.filter(({ role }) => role !== "CANDIDATE");
    const right = shown.find(({ role }) => role === "REFERENCE")!.blobHash; // every pair has one
    const taken = new Set(shown.map(({ blobHash }) => blobHash));
    const likeness = ({ captionEmbedding }: Item) =>
      own && captionEmbedding ? dot(own, captionEmbedding) : 0;
    const wrong: string[] = [];
    for (const { blobHash } of [...items].sort((a, b) => likeness(a) - likeness(b))) {
      if (blobHash !== null && !taken.has(blobHash) && wrong.length < NUM_IMAGES - 1) {
        wrong.push(blobHash);
        taken.add(blobHash);
      }
    }
    if (wrong.length < NUM_IMAGES - 1) {
      const problem = `must be 0: the catalogue has no ${NUM_IMAGES - 1} other images`;
      throw new AppError("INVALID_ARGUMENT", { argument: "numChecks", problem });
    }
    const candidate = (blobHash: string, isRight: boolean) => ({
      role: "CANDIDATE" as const,
      methods: [],
      isRight,
      blobHash,
    });
    return {
      ...pair,
      isCheck: true,
      images: [
        ...shown,
        candidate(right, true),
        ...wrong.map(blobHash => candidate(blobHash, false)),
      ],
    };
  }
}
