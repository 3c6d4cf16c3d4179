/** @file The findings of a trial of personalised photographs. */
import { mean } from "../../../ml/metrics/bootstrap.js";
import { seedFrom } from "../../../ml/nn/random.js";
import { compareWithBaseline } from "../../evaluation/compare-rankers.js";
import { type Figure, figureOf, median, winRate } from "../experiments/summarize-outcomes.js";
import type { ArmOutcome, PhotoOutcome } from "./photo-trial.js";

export interface DeltaFigures {
  mean: Figure;
  median: Figure;
  /** Share of pairs with ΔR > 0; those that did not move count half. */
  winRate: Figure;
}

export interface TrialSummary {
  numPairs: number;
  /** Share of pairs that are shown a personalised image. */
  servedRate: number;
  /** Why the others are shown the catalogue image: reason -> number of pairs. */
  reasons: Record<string, number>;
  /** Faults of masks and candidates: fault -> number of pairs with it. */
  faults: Record<string, number>;
  /** Over all images shown, inside the mask; null where none is. */
  fidelity: {
    worstColorP95: number;
    worstSsim: number;
    meanColorP95: number;
    meanSsim: number;
    numOfSameSize: number;
    numShown: number;
  } | null;
  /** Overlap with the truth of white backdrops, of the masks that are trusted; null where there are none. */
  maskIou: { mean: number; median: number; numImages: number } | null;
  /** Against the catalogue image, whose ΔR is 0: as it is served, and the best candidate without the fallback by rank. */
  served: DeltaFigures;
  best: DeltaFigures;
  oneForAll: { served: DeltaFigures; best: DeltaFigures };
  /** Own setting minus one setting for all, by ΔR as it is served, and of the best candidates. */
  difference: {
    served: ReturnType<typeof compareWithBaseline>[number];
    best: ReturnType<typeof compareWithBaseline>[number];
  };
  /** Means of an image. */
  seconds: { mask: number; image: number };
}

/** All pairs together, and the pairs of each shop. */
export function summarizeTrial(
  outcomes: readonly PhotoOutcome[],
  seed = 0,
): { all: TrialSummary; shops: Record<string, TrialSummary> } {
  const shops = [...new Set(outcomes.map(({ shop }) => shop))];
  return {
    all: summaryOf(outcomes, seed),
    shops: Object.fromEntries(
      shops.map(shop => [
        shop,
        summaryOf(
          outcomes.filter(outcome => outcome.shop === shop),
          seed,
        ),
      ]),
    ),
  };
}

function summaryOf(outcomes: readonly PhotoOutcome[], seed: number): TrialSummary {
  const shown = outcomes.flatMap(({ fidelity, isSameSize }) =>
    fidelity ? [{ ...fidelity, isSameSize }] : [],
  );
  const overlaps = outcomes.flatMap(({ maskIou }) => maskIou ?? []);
  const own = outcomes.map(outcome => outcome.own);
  const forAll = outcomes.map(outcome => outcome.oneForAll);
  const compared = (of: (arm: ArmOutcome) => number) =>
    compareWithBaseline(
      { name: "own setting", values: own.map(of) },
      [{ name: "one setting for all", values: forAll.map(of) }],
      seed,
    )[0];
  return {
    numPairs: outcomes.length,
    servedRate: shown.length / outcomes.length,
    reasons: counted(own.flatMap(({ reason }) => reason ?? [])),
    faults: counted(own.flatMap(({ faults }) => faults)),
    fidelity:
      shown.length === 0
        ? null
        : {
            worstColorP95: Math.max(...shown.map(({ colorP95 }) => colorP95)),
            worstSsim: Math.min(...shown.map(({ ssim }) => ssim)),
            meanColorP95: mean(shown.map(({ colorP95 }) => colorP95)),
            meanSsim: mean(shown.map(({ ssim }) => ssim)),
            numOfSameSize: shown.filter(({ isSameSize }) => isSameSize).length,
            numShown: shown.length,
          },
    maskIou:
      overlaps.length === 0
        ? null
        : { mean: mean(overlaps), median: median(overlaps), numImages: overlaps.length },
    served: deltaFigures(own.map(servedOf), seed),
    best: deltaFigures(own.map(bestOf), seed),
    oneForAll: {
      served: deltaFigures(forAll.map(servedOf), seed),
      best: deltaFigures(forAll.map(bestOf), seed),
    },
    difference: { served: compared(servedOf), best: compared(bestOf) },
    seconds: {
      mask: mean(outcomes.map(({ maskSeconds }) => maskSeconds)),
      image: mean(outcomes.map(({ imageSeconds }) => imageSeconds)),
    },
  };
}

const servedOf = ({ servedDeltaR }: ArmOutcome) => servedDeltaR;
/** Where no candidate passes the gates, the catalogue image is the best. */
const bestOf = ({ bestDeltaR }: ArmOutcome) => bestDeltaR ?? 0;

function deltaFigures(values: readonly number[], seed: number): DeltaFigures {
  const byPair = values.map(value => [value]);
  const figure = (name: string, statistic: (values: readonly number[]) => number) =>
    figureOf(byPair, statistic, seedFrom("photographs", name, seed));
  return {
    mean: figure("mean", mean),
    median: figure("median", median),
    winRate: figure("win rate", winRate),
  };
}

function counted(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
