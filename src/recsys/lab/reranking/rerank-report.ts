/** @file The findings of a re-ranking: both arms on the same held-out items, and a test of their difference. */
import { type Interval, mean } from "../../../ml/metrics/bootstrap.js";
import { comparePairs, type Comparison, userInterval } from "../../evaluation/compare-rankers.js";
import type { RankerConfig } from "../../ranking/ranker-config.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { PerUserFindings } from "./per-user-findings.js";
import type { RerankConfig } from "./rerank-config.js";

export const METRICS = ["recall@10", "ndcg@10"] as const;
/** Decides whether the new version is kept. */
const VALIDATION_METRIC = "ndcg@10";

/**
 * `ORI+`: re-ranked by the catalogue images in place of those made for the user. `TRAINED`: the model that is trained on images
 * too, without re-ranking.
 */
export type ArmName = "ORI" | "ORI+" | "TRAINED" | NonNullable<RerankConfig["condition"]>;

export interface Arm {
  name: ArmName;
  runs: readonly ArmRun[];
}

export interface ArmRun {
  seed: number;
  validation: Record<string, number>;
  test: Record<string, number>;
  /** By metric: each test user's own value. */
  byUser: Record<string, number[]>;
}

/** A type and not an interface, so that it passes as JSON. */
export type RerankCost = Readonly<{
  /** Images drawn, also those that an earlier run kept. */
  numDrawn: number;
  /** Of drawing what was not kept. */
  renderSeconds: number;
  /** Of training what was not kept, all seeds and arms. */
  trainSeconds: number;
  /** Predictions in place of images, over the seeds. */
  numPredicted: number;
  /** To re-rank 1,000 users with one model; 0 where they are ranked by the model alone. */
  numPredictedPer1000Users: number;
  /** Of predicting and re-ranking for 1,000 users; null where they are ranked by the model alone. */
  secondsPer1000Users: number | null;
}>;

/** A type and not an interface, so that it passes as JSON. */
export type RerankReport = Readonly<{
  runId: string;
  protocol: RerankConfig["protocol"];
  config: RerankConfig;
  rankingModelVersionId: string;
  numUsers: number;
  numItems: number;
  numImages: number;
  /** Share of the catalogue that has a drawn image: below 1 the shop is drawn in part. */
  drawnShare: number;
  arms: readonly {
    name: ArmName;
    seeds: readonly Pick<ArmRun, "seed" | "validation" | "test">[];
    /** Means over seeds and test users, 95 % bootstrap intervals over users of their means over seeds. */
    test: Readonly<Record<string, { mean: number; interval: Interval }>>;
    validation: Readonly<Record<string, number>>;
  }[];
  /** Of the arm with images and `ORI`, paired over the same users, by metric. */
  comparisons: Readonly<Record<string, Comparison>>;
  /** Of the arm with images and `ORI+`; null without that arm. */
  comparisonsWithOriginals: Readonly<Record<string, Comparison>> | null;
  /** The new version, if it was kept. */
  versionId: string | null;
  cost: RerankCost;
  /** What the modes found that re-rank users' first items; null in the mode `retrain`. */
  perUser: PerUserFindings | null;
  /** Whether `recommendations` serves the re-ranked lists from now on. */
  areListsKept: boolean;
}>;

/** What a run is about. */
export interface RerankSubject {
  shop: ShopSnapshot;
  ranker: RankerConfig;
  config: RerankConfig;
}

/** Decides whether the new version is kept. */
export function validationOf(runs: readonly ArmRun[]): number {
  return mean(runs.map(({ validation }) => validation[VALIDATION_METRIC]));
}

/** @param arms `ORI` first, the one with images last. */
export function reportOf({
  runId,
  given: { config, shop },
  arms,
}: {
  runId: string;
  given: RerankSubject;
  arms: readonly Arm[];
}): Omit<
  RerankReport,
  "numImages" | "drawnShare" | "versionId" | "cost" | "perUser" | "areListsKept"
> {
  const valuesOf = ({ name, runs }: Arm, metric: string) => ({
    name,
    values: runs[0].byUser[metric].map((_, user) =>
      mean(runs.map(run => run.byUser[metric][user])),
    ),
  });
  const record = <T>(make: (metric: string) => T) =>
    Object.fromEntries(METRICS.map(metric => [metric, make(metric)])) as Record<string, T>;
  const compared = (one: Arm, other: Arm) =>
    record(metric => comparePairs([valuesOf(one, metric), valuesOf(other, metric)], 0)[0]);
  const originals = arms.find(({ name }) => name === "ORI+");
  const last = arms[arms.length - 1];
  return {
    runId,
    protocol: config.protocol,
    config,
    rankingModelVersionId: shop.ranker.versionId,
    numUsers: shop.userIds.length,
    numItems: shop.ranker.itemIds.length,
    arms: arms.map(arm => ({
      name: arm.name,
      seeds: arm.runs.map(({ seed, test, validation }) => ({ seed, validation, test })),
      validation: record(metric => mean(arm.runs.map(run => run.validation[metric]))),
      test: record(metric => {
        const own = valuesOf(arm, metric); // of at least one user: `measuredMetrics`
        return { mean: mean(own.values), interval: userInterval(own, 0)! };
      }),
    })),
    comparisons: compared(arms[0], last),
    comparisonsWithOriginals: originals ? compared(originals, last) : null,
  };
}

/** Whether the version with the new images is to serve: never one of the leaking protocol or of a test, else if better or asked for. */
export function isWorthKeeping(
  { permuteLabels, protocol }: Pick<RerankConfig, "permuteLabels" | "protocol">,
  { ori, ragar }: { ori: readonly ArmRun[]; ragar: readonly ArmRun[] },
  isAskedFor: boolean,
): boolean {
  const mayServe = protocol === "leakFree" && !permuteLabels;
  return mayServe && (isAskedFor || validationOf(ragar) > validationOf(ori));
}
