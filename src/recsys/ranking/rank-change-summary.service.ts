/**
 * @file The effect of personalized images on ranks over all decided requests, by one version of the ranking model.
 *
 * A request is one key of user, history, image, versions and options (`generation-plan.ts`). It is decided once its
 * images are generated, and counts once, however often it is repeated:
 *
 * - shown: an image with which the item ranks at least as well by this version, or that this version could not rank
 * - ranked lower: the item ranks lower with the image, so its user keeps the catalogue image
 * - below the quality floor: no image passes the floor
 *
 * A request that cannot be generated (no history, no catalogue image, not indexed) has no key, and a failed one is
 * retried: neither is decided.
 */
import type {
  DecidedGroup,
  DecidedRequestRow,
  RankChangeFilter,
  VersionDecision,
} from "../../db/rank-changes.repository.js";
import { AppError } from "../../errors/app-error.js";
import { clusterBootstrapInterval, type Interval } from "../../ml/metrics/bootstrap.js";
import { type RankChangeSummary, summarizeRankChanges } from "../../ml/metrics/rank-change.js";
import { Random, seedFrom } from "../../ml/nn/random.js";

/** Maximum number of requests in a summary. */
export const MAX_SUMMARIZED = 200_000;
const MAX_RESAMPLES = 1_000;
/** Of each group: there may be many, and all are asked for at once. */
const GROUP_RESAMPLES = 200;
/** Total bootstrap steps: resamples shrink as requests grow, so that it never takes seconds. */
const MAX_DRAWS = 20_000_000;

export interface RequestSummary {
  /** The version of the summary; null when none was named and none is active. */
  modelVersionId: string | null;
  numRequests: number;
  numShown: number;
  numRankedLower: number;
  numBelowFloor: number;
  /** Of those shown: images that this version could not rank. */
  numUnranked: number;
  /** Of all requests; null without any. */
  shownShare: number | null;
  /** The part of all requests whose users keep the catalogue image; null without any. */
  fallbackRate: number | null;
  /** 95 %, over users. */
  shownInterval: Interval | null;
  /** Of all images that the version ranked, shown or not; null without any. */
  images: RankChangeSummary | null;
  /** Of all requests except those shown unranked: 0 where the catalogue image stays; null without any. */
  requests: RankChangeSummary | null;
}

/** The requests of one group. */
export interface GroupSummary extends RequestSummary {
  /** The category, the day or the version; null for items without a category. */
  key: string | null;
}

interface Dependencies {
  requests: {
    findDecided(
      versionId: string,
      filter: Omit<RankChangeFilter, "rankingModelVersionId">,
      limit: number,
      group?: DecidedGroup,
    ): Promise<readonly DecidedRequestRow[]>;
    findDecidedByVersion(
      filter: Omit<RankChangeFilter, "rankingModelVersionId">,
      limit: number,
    ): Promise<readonly VersionDecision[]>;
  };
  versions: {
    findById(id: string): Promise<{ id: string } | null>;
    findActive(): Promise<{ id: string } | null>;
  };
}

export class RankChangeSummaryService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * @param filter.rankingModelVersionId Default: the active version.
   * @param seed Of the bootstrap.
   * @throws AppError MODEL_VERSION_NOT_FOUND, PAYLOAD_TOO_LARGE
   */
  async summarize(
    { rankingModelVersionId, ...filter }: RankChangeFilter,
    seed = 0,
  ): Promise<RequestSummary> {
    const { requests } = this.deps;
    const version = await this.versionOf(rankingModelVersionId);
    const rows = version ? await requests.findDecided(version.id, filter, MAX_SUMMARIZED + 1) : [];
    assertNotTooMany(rows);
    return { modelVersionId: version?.id ?? null, ...summarizeRequests(rows, seed) };
  }

  /**
   * {@link summarize} for each group: by one version the items' categories or the days, or every version of the ranking model.
   *
   * @returns by their keys; days and versions ascend, and items without a category have the key null.
   * @throws AppError MODEL_VERSION_NOT_FOUND, PAYLOAD_TOO_LARGE
   */
  async summarizeGroups(
    by: DecidedGroup | "modelVersion",
    { rankingModelVersionId, ...filter }: RankChangeFilter,
    seed = 0,
  ): Promise<GroupSummary[]> {
    const { requests } = this.deps;
    const version = await this.versionOf(rankingModelVersionId);
    let rows: (DecidedRequestRow & { key: string | null })[] = [];
    if (by === "modelVersion") {
      const found = await requests.findDecidedByVersion(filter, MAX_SUMMARIZED + 1);
      rows = found
        .map(row => ({ ...row, key: row.rankingModelVersionId }))
        .filter(({ key }) => rankingModelVersionId == null || key === rankingModelVersionId);
    } else if (version) {
      const found = await requests.findDecided(version.id, filter, MAX_SUMMARIZED + 1, by);
      rows = found.map(row => ({ ...row, key: row.group ?? null }));
    }
    assertNotTooMany(rows);
    const groups = new Map<string | null, DecidedRequestRow[]>();
    for (const { key, ...row } of rows) {
      const group = groups.get(key) ?? [];
      group.push(row);
      groups.set(key, group);
    }
    return [...groups]
      .sort(([a], [b]) => ((a ?? "") < (b ?? "") ? -1 : 1))
      .map(([key, own]) => ({
        key,
        modelVersionId: by === "modelVersion" ? key : version!.id, // no rows without one
        ...summarizeRequests(own, seed, GROUP_RESAMPLES),
      }));
  }

  /** Null if none is named and none is active. @throws AppError MODEL_VERSION_NOT_FOUND */
  private async versionOf(
    rankingModelVersionId: string | null | undefined,
  ): Promise<{ id: string } | null> {
    const { versions } = this.deps;
    const version =
      rankingModelVersionId == null
        ? await versions.findActive()
        : await versions.findById(rankingModelVersionId);
    if (!version && rankingModelVersionId != null) {
      throw new AppError("MODEL_VERSION_NOT_FOUND", { versionId: rankingModelVersionId });
    }
    return version;
  }
}

function assertNotTooMany(rows: readonly unknown[]): void {
  if (rows.length > MAX_SUMMARIZED) {
    throw new AppError("PAYLOAD_TOO_LARGE", {
      what: "The filter's selection",
      got: `more than ${MAX_SUMMARIZED} requests`,
      max: MAX_SUMMARIZED,
    });
  }
}

/** @param rows By one version of the ranking model. */
export function summarizeRequests(
  rows: readonly DecidedRequestRow[],
  seed: number,
  maxResamples = MAX_RESAMPLES,
): Omit<RequestSummary, "modelVersionId"> {
  const numUsers = new Set(rows.map(({ userId }) => userId)).size;
  const affordable = Math.ceil(MAX_DRAWS / Math.max(1, numUsers, rows.length));
  const numResamples = Math.min(maxResamples, affordable);
  const isShown = ({ deltaR, hasImage }: DecidedRequestRow) =>
    hasImage && (deltaR === null || deltaR >= 0);
  const isUnranked = ({ deltaR, hasImage }: DecidedRequestRow) => hasImage && deltaR === null;
  const summary = (own: readonly DecidedRequestRow[], value: (row: DecidedRequestRow) => number) =>
    summarizeRankChanges(
      own.map(value),
      own.map(({ userId }) => userId),
      { seed, numResamples },
    );
  const numShown = rows.filter(isShown).length;
  return {
    numRequests: rows.length,
    numShown,
    numRankedLower: rows.filter(row => row.hasImage && !isShown(row)).length,
    numBelowFloor: rows.filter(({ hasImage }) => !hasImage).length,
    numUnranked: rows.filter(isUnranked).length,
    shownShare: rows.length === 0 ? null : numShown / rows.length,
    fallbackRate: rows.length === 0 ? null : (rows.length - numShown) / rows.length,
    shownInterval:
      rows.length === 0
        ? null
        : clusterBootstrapInterval(
            rows.map(row => (isShown(row) ? 1 : 0)),
            rows.map(({ userId }) => userId),
            numResamples,
            new Random(seedFrom("shown", seed)),
          ),
    images: summary(
      rows.filter(({ deltaR }) => deltaR !== null),
      ({ deltaR }) => deltaR!, // filtered
    ),
    requests: summary(
      rows.filter(row => !isUnranked(row)),
      row => (isShown(row) ? row.deltaR! : 0), // a shown one of these is ranked
    ),
  };
}
