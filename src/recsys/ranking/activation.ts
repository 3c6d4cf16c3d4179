/**
 * @file Whether a version that was just trained serves: not when it is worse on validation than the one that does.
 *
 * Figures of two versions are comparable only where data, split and held-out items are the same; otherwise nothing can be
 * said, and the new version serves because it knows the newer data.
 */
import type { MeanMetrics } from "../evaluation/evaluate-ranker.js";
import type { RankerConfig } from "./ranker-config.js";

/** What decides. */
export const ACTIVATION_METRIC = "ndcg@10" as const;

export type ActivationReason =
  /** Told to activate, or not to. */
  | "ASKED"
  | "NOT_ASKED"
  /** It was active before. */
  | "ALREADY_ACTIVE"
  /** Nothing served before. */
  | "FIRST"
  | "NOT_WORSE"
  | "WORSE"
  /** Other data, another split, or nothing measured. */
  | "NOT_COMPARABLE";

/** A type and not an interface, so that it passes as JSON. */
export type Activation = Readonly<{
  isActivated: boolean;
  reason: ActivationReason;
  metric: typeof ACTIVATION_METRIC;
  /** On validation, 0..1; null where it was not measured. */
  candidate: number | null;
  /** The version that served until now; null without one. */
  active: Readonly<{ versionId: string; validation: number | null }> | null;
  /** Why the two figures cannot be compared; null when they can, or there is one only. */
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

/** @param asked Whether to activate in any case (true) or in none (false); null: unless it is worse. */
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

/** In a sentence or two, for people. */
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
  ALREADY_ACTIVE: "It was active already.",
  FIRST: "Active: it is the first.",
  NOT_WORSE: "Active: it is not worse than the version before.",
  WORSE:
    "Not active: it is worse than the active version. Activate it with `--activate`, or `vitrine rankers activate`.",
  NOT_COMPARABLE: "Active: nothing says that it is worse.",
};
