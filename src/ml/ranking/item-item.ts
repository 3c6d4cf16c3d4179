/**
 * @file The item-item part of MICRO's score: EASE^R (`ease.ts`), blended with the part of the vectors.
 *
 * ```
 * score(u, i) = m_ui + w · (σ(m_u) / σ(e_u)) · e_ui
 * ```
 *
 * m are the scores by vectors, e those of EASE^R, σ their standard deviations over all items: w weighs the two in equal
 * units for every user, and the result stays in the units of m. EASE^R knows which items are chosen together, MICRO what
 * is alike, and each ranks well where the other does not (docs/results.md, Rankers).
 *
 * EASE^R may read item features beside the choices, but never images: so another image changes only m, and what-if stays
 * exact. An item that was not in training takes the mean e of the ten items most like it (`nearest-by-features.ts`).
 *
 * Shapes: N items.
 */
import { addScaled, type Matrix } from "../nn/matrix.js";
import type { ModelFiles } from "../nn/model-files.js";
import { Ease } from "./ease.js";
import { type RankingData, type Viewer, VISUAL_MODALITY } from "./recommender.js";
import { itemScores } from "./vector-scores.js";

export interface ItemItemConfig {
  /** λ of EASE^R. */
  lambda: number;
  /** Weight of the item features other than images beside the choices; 0: choices alone. */
  sideWeight: number;
  /** w. */
  weight: number;
}

/** Most chosen items with weights on all others: time grows by the cube, memory is 8 kB an item. */
const MAX_REGRESSORS = 2_000;
const FILE_PREFIX = "item-item.";

export class ItemItemPart {
  /** The last viewer and their part: a page asks about many items of one user. */
  private last: { viewer: Viewer; itemVectors: Matrix; part: Float32Array } | null = null;

  private constructor(
    private readonly ease: Ease,
    private readonly weight: number,
  ) {}

  /** Fits on `data.train`; every choice counts equally, as in item graphs. */
  static async fit(
    { modalities = [], numItems, numUsers, train }: RankingData,
    { weight, ...config }: ItemItemConfig,
  ): Promise<ItemItemPart> {
    const side = modalities.filter(({ name }) => name !== VISUAL_MODALITY);
    const ease = new Ease({ ...config, maxRegressors: MAX_REGRESSORS });
    await ease.fit({ numUsers, numItems, train, modalities: side });
    return new ItemItemPart(ease, weight);
  }

  /**
   * `w · (σ(m_u) / σ(e_u)) · e_u`; zeros for a user of whose items it knows nothing; `[N]`, to be read only.
   *
   * @param user The viewer's vector `[D]`; its products with `itemVectors` `[N, D]` are m_u.
   */
  of(viewer: Viewer, user: Float32Array, itemVectors: Matrix): Float32Array {
    const { last } = this;
    if (last?.itemVectors === itemVectors && isSame(last.viewer, viewer)) {
      return last.part;
    }
    const part =
      "history" in viewer
        ? this.ease.scoreHistory(viewer.history, viewer.strengths)
        : this.ease.score(viewer.userIndex);
    const deviation = standardDeviation(part);
    const ofVectors = standardDeviation(itemScores(user, itemVectors));
    const scale = deviation > 0 ? (this.weight * ofVectors) / deviation : 0;
    for (let i = 0; i < part.length; i++) {
      part[i] *= scale;
    }
    this.last = { viewer: copied(viewer), itemVectors, part };
    return part;
  }

  toFiles(): ModelFiles {
    return Object.fromEntries(
      Object.entries(this.ease.toFiles()).map(([name, bytes]) => [`${FILE_PREFIX}${name}`, bytes]),
    );
  }

  /** What {@link toFiles} gave, among other files. @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles, { weight }: ItemItemConfig): ItemItemPart {
    const own = Object.entries(files).filter(([name]) => name.startsWith(FILE_PREFIX));
    const renamed = own.map(([name, bytes]) => [name.slice(FILE_PREFIX.length), bytes] as const);
    return new ItemItemPart(Ease.fromFiles(Object.fromEntries(renamed)), weight);
  }
}

function isSame(a: Viewer, b: Viewer): boolean {
  return "history" in a && "history" in b
    ? areEqual(a.history, b.history) && areEqual(a.strengths, b.strengths)
    : "userIndex" in a && "userIndex" in b && a.userIndex === b.userIndex;
}

function areEqual(a: readonly number[] = [], b: readonly number[] = []): boolean {
  return a.length === b.length && a.every((value, n) => value === b[n]);
}

/** The caller may change its lists. */
function copied(viewer: Viewer): Viewer {
  return "history" in viewer
    ? { history: [...viewer.history], strengths: viewer.strengths && [...viewer.strengths] }
    : viewer;
}

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  return Math.sqrt(variance);
}

/** `a + b` in place of a. */
export function addedTo(a: Float32Array, b: Float32Array | undefined): Float32Array {
  if (b) {
    addScaled(a, b, 1);
  }
  return a;
}
