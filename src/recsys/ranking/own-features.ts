/**
 * @file Item features that a shop brings along, instead of the model pack's embeddings or beside them. They are kept in the
 * store by their content, so that a version can be resumed, evaluated and repeated.
 *
 * Shapes: R rows, one an item; F length of a feature.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import { parseJson } from "../../errors/parse-options.js";
import { type Matrix, row } from "../../ml/nn/matrix.js";
import { npyOf, parseNpy } from "../../ml/nn/npy.js";
import type { EmbeddingEntry, RankingDataset } from "./ranking-dataset.js";

/** Features of one modality, in the configuration of a version. */
export const ownFeaturesSchema = z.strictObject({
  /** `visual` and `textual` replace the pack's; another name is one more modality. */
  modality: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  /** SHA-256 of ids and values. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** F. */
  width: z.int().min(1),
  /** R. */
  numItems: z.int().min(1),
});

export type OwnFeatures = z.infer<typeof ownFeaturesSchema>;

interface Dependencies {
  store: ArtefactStore;
  items: {
    /** Those of `ids` that are in the catalogue. */
    existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
  };
}

export class OwnFeaturesStore {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Keeps the features of the catalogue's items.
   *
   * @param features `[R, F]`.
   * @param itemIds Of the rows; those that are not in the catalogue are left out.
   * @throws AppError INVALID_ARGUMENT when ids and rows do not match, an id comes twice, or a value is not finite.
   */
  async keep(
    modality: string,
    features: Matrix,
    itemIds: readonly string[],
  ): Promise<{ kept: OwnFeatures; numUnknown: number }> {
    if (!ownFeaturesSchema.shape.modality.safeParse(modality).success) {
      const problem = `must be a word of a-z, 0-9 and -, but got '${modality}'`;
      throw new AppError("INVALID_ARGUMENT", { argument: "--modality", problem });
    }
    assertRows(features, itemIds);
    const { items, store } = this.deps;
    const existing = await items.existing(itemIds);
    const kept = itemIds.flatMap((itemId, n) => (existing.has(itemId) ? [{ itemId, n }] : []));
    if (kept.length === 0) {
      throw invalid(
        `has no item of the catalogue; the first of ${itemIds.length} is '${itemIds[0]}'`,
      );
    }
    const width = features.shape[1];
    const values = new Float32Array(kept.length * width);
    kept.forEach(({ n }, place) => values.set(row(features, n), place * width));
    const ids = JSON.stringify(kept.map(({ itemId }) => itemId));
    const matrix = npyOf({ shape: [kept.length, width], values });
    const hash = createHash("sha256").update(ids).update("\0").update(matrix).digest("hex");
    await store.put(`features/${hash}.npy`, matrix);
    await store.put(`features/${hash}.json`, Buffer.from(ids));
    return {
      kept: { modality, hash, width, numItems: kept.length },
      numUnknown: itemIds.length - kept.length,
    };
  }

  /** Without items that have been deleted since. @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  async find({ hash, width }: OwnFeatures): Promise<EmbeddingEntry[]> {
    const ids = parseJson(
      (await this.read(`features/${hash}.json`)).toString("utf8"),
      z.array(z.string()),
      reason => malformed(`features/${hash}.json`, reason),
    );
    const path = `features/${hash}.npy`;
    const features = parseNpy(await this.read(path), path);
    if (features.shape[0] !== ids.length || features.shape[1] !== width) {
      throw malformed(path, `it has the shape [${features.shape}]`);
    }
    const existing = await this.deps.items.existing(ids);
    return ids.flatMap((itemId, n) =>
      existing.has(itemId) ? [{ itemId, vector: row(features, n) }] : [],
    );
  }

  private async read(key: string): Promise<Buffer> {
    const bytes = await this.deps.store.get(key);
    if (!bytes) {
      throw new AppError("FILE_NOT_FOUND", { path: key });
    }
    return Buffer.from(bytes);
  }
}

/** @throws AppError FEATURES_MISSING when an item of the data set has no row. */
export function assertComplete(
  { itemIds }: Pick<RankingDataset, "itemIds">,
  modality: string,
  entries: readonly EmbeddingEntry[],
): void {
  const known = new Set(entries.map(({ itemId }) => itemId));
  const missing = itemIds.filter(itemId => !known.has(itemId));
  if (missing.length > 0) {
    const [first] = missing;
    throw new AppError("FEATURES_MISSING", {
      modality,
      numMissing: missing.length,
      numItems: itemIds.length,
      first,
    });
  }
}

function assertRows({ shape, values }: Matrix, itemIds: readonly string[]): void {
  const [numRows, width] = shape;
  if (numRows !== itemIds.length) {
    throw invalid(`must have a row for each id, but got ${numRows} rows and ${itemIds.length} ids`);
  }
  if (numRows === 0 || width === 0) {
    throw invalid(`must have rows, but its shape is [${shape}]`);
  }
  const seen = new Set<string>();
  for (const itemId of itemIds) {
    if (seen.has(itemId)) {
      throw invalid(`has the item '${itemId}' twice`);
    }
    seen.add(itemId);
  }
  const at = values.findIndex(value => !Number.isFinite(value));
  if (at >= 0) {
    throw invalid(
      `must have finite values, but the row of '${itemIds[Math.floor(at / width)]}' has ${values[at]}`,
    );
  }
}

const invalid = (problem: string) =>
  new AppError("INVALID_ARGUMENT", { argument: "--features", problem });

const malformed = (path: string, reason: string) =>
  new AppError("FILE_MALFORMED", { path, expected: "kept item features", reason });
