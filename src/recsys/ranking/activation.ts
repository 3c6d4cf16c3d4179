/**
 * @file Decides whether a newly trained version serves: not if it is worse on validation than the active one.
 *
 * Metrics of two versions are comparable only if data, split and held-out items are the same; otherwise the new version
 * serves, because it knows the newer data.
 */
import type { MeanMetrics } from "../evaluation/evaluate-ranker.js";
import type { RankerConfig } from "./ranker-config.js";

/** The metric that decides. */
export const ACTIVATION_METRIC = "ndcg@10" as const;

export type ActivationReason =
  /** Requested explicitly, either way. */
  | "ASKED"
  | "NOT_ASKED"
  /** It was active before. */
  | "ALREADY_ACTIVE"
  /** No version was active before. */
  | "FIRST"
  | "NOT_WORSE"
  | "WORSE"
  /** Other data, another split, or nothing measured. */
  | "NOT_COMPARABLE";

/** A type, not an interface, so that it is assignable to JSON. */
export type Activation = Readonly<{
  isActivated: boolean;
  reason: ActivationReason;
  metric: typeof ACTIVATION_METRIC;
  /** On validation, 0..1; null where it was not measured. */
  candidate: number | null;
  /** The previously active version; null without one. */
  active: Readonly<{ versionId: string; validation: number | null }> | null;
  /** Why the two metrics are not comparable; null if they are, or there is only one. */
  notComparable: string | null;
}>;

/** The columns of a version that the decision reads. */
export interface TrainedVersion {
  id: string;
  config: unknown;
  seed: number;
  dataHash: string | null;
  metrics: unknown;
}

/** @param asked Activate in any case (true) or never (false); null: unless it is worse. */
export function activationOf(
  candidate: TrainedVersion,
  active: TrainedVersion | null,
  asked: boolean | null,
): Activation {
  const figure = validationOf(candidate);
  const before = active && { versionId: active.id, validation: validationOf(active) };
  const notComparable = active && differenceOf(candidate, active);
  const metric = ACTIVATION_METRIC;
  const report = { metric, candidate: figure, active: before, notComparable } as const;
  const decided = (isActivated: boolean, reason: ActivationReason): Activation => ({
    ...report,
    isActivated,
    reason,
  });
  if (active?.id === candidate.id) {
    return { ...decided(true, "ALREADY_ACTIVE"), notComparable: null };
  }
  if (asked !== null) {
    return decided(asked, asked ? "ASKED" : "NOT_ASKED");
  }
  if (!before) {
    return decided(true, "FIRST");
  }
  if (notComparable !== null) {
    return decided(true, "NOT_COMPARABLE");
  }
  const isWorse = figure! < before.validation!; // comparable: both were measured
  return decided(!isWorse, isWorse ? "WORSE" : "NOT_WORSE");
}

function differenceOf(candidate: TrainedVersion, active: TrainedVersion): string | null {
  const [a, b] = [candidate.config, active.config] as Partial<RankerConfig>[];
  if (candidate.dataHash === null || candidate.dataHash !== active.dataHash) {
    return "they were trained on different data";
  }
  if (a.split !== b.split || (a.split === "random" && candidate.seed !== active.seed)) {
    return "they have different splits";
  }
  return validationOf(candidate) === null || validationOf(active) === null
    ? "one of them was not measured on validation"
    : null;
}

function validationOf({ metrics }: TrainedVersion): number | null {
  const { validation } = (metrics ?? {}) as { validation?: MeanMetrics }; // as training stored it
  return validation?.[ACTIVATION_METRIC] ?? null;
}

/** The decision in a sentence or two. */
export function activationText({
  active,
  candidate,
  metric,
  notComparable,
  reason,
}: Activation): string {
  const figure = (value: number | null) => (value === null ? "-" : value.toFixed(4));
  const figures =
    active && reason !== "ALREADY_ACTIVE"
      ? ` Validation ${metric}: this version ${figure(candidate)}, the active one ${figure(active.validation)} (${active.versionId})${notComparable === null ? "" : `; not comparable: ${notComparable}`}.`
      : ` Validation ${metric}: ${figure(candidate)}.`;
  return texts[reason] + figures;
}

const texts: Readonly<Record<ActivationReason, string>> = {
  ASKED: "Active, as asked.",
  NOT_ASKED: "Not active, as asked.",
  ALREADY_ACTIVE: "It was already active.",
  FIRST: "Active: it is the first version.",
  NOT_WORSE: "Active: it is not worse than the previous version.",
  WORSE:
    "Not active: it is worse than the active version. Activate it with `--activate`, or `vitrine rankers activate`.",
  NOT_COMPARABLE: "Active: no comparable validation result says that it is worse.",
};
