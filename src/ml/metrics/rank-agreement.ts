/**
 * @file Do several judges rank the same things alike? Friedman's test and Kendall's coefficient of concordance.
 *
 * M. Friedman, "The Use of Ranks to Avoid the Assumption of Normality Implicit in the Analysis of Variance", JASA 1937.
 * M. Kendall and B. Babington Smith, "The Problem of m Rankings", Annals of Mathematical Statistics 1939.
 * With the correction for ties of W. Conover, "Practical Nonparametric Statistics", 3rd edition, section 5.8.
 *
 * Shapes: m judges (blocks) by k things (treatments).
 */
import { normalTail } from "./normal-tail.js";
import { midRanks } from "./paired-tests.js";

export interface FriedmanTest {
  /** `Q`, chi-square distributed with k - 1 degrees of freedom if no thing is preferred. */
  chiSquare: number;
  degreesOfFreedom: number;
  pValue: number;
  /** Kendall's W, 0 (no agreement) to 1 (all judges rank alike): `Q / (m (k - 1))`. */
  concordance: number;
}

/**
 * Ranks the values within each judge (mid-ranks for ties), then tests whether the things' rank sums `R_j` differ:
 * `Q = (12 / (m k (k + 1)) Σ R_j² - 3 m (k + 1)) / C`, with `C = 1 - Σ (t³ - t) / (m k (k² - 1))` over groups of t ties.
 *
 * @param values Of each judge, one for each thing; `[m, k]`.
 * @returns null if nothing can be tested: fewer than two judges or two things, or every judge ties all.
 */
export function friedmanTest(values: readonly (readonly number[])[]): FriedmanTest | null {
  const m = values.length;
  const k = values[0]?.length ?? 0;
  if (values.some(({ length }) => length !== k)) {
    throw new Error(`friedmanTest: expected ${k} values of each judge`);
  }
  if (m < 2 || k < 2) {
    return null;
  }
  const ranks = values.map(own => midRanks(own));
  const tied = ranks.reduce((sum, own) => sum + tiesOf(own), 0);
  const correction = 1 - tied / (m * k * (k * k - 1));
  if (correction < ROUNDING) {
    return null;
  }
  const sums = ranks[0].map((_, thing) => ranks.reduce((sum, own) => sum + own[thing], 0));
  const squares = sums.reduce((sum, value) => sum + value * value, 0);
  const uncorrected = (12 / (m * k * (k + 1))) * squares - 3 * m * (k + 1);
  const chiSquare = Math.max(0, uncorrected / correction); // rounding may leave it below 0
  const degreesOfFreedom = k - 1;
  return {
    chiSquare,
    degreesOfFreedom,
    pValue: chiSquareTail(chiSquare, degreesOfFreedom),
    concordance: Math.min(1, chiSquare / (m * degreesOfFreedom)),
  };
}

const ROUNDING = 1e-12;

/** `Σ (t³ - t)` over the groups of equal ranks. */
function tiesOf(ranks: readonly number[]): number {
  const counts = new Map<number, number>();
  ranks.forEach(rank => counts.set(rank, (counts.get(rank) ?? 0) + 1));
  return [...counts.values()].reduce((sum, t) => sum + t ** 3 - t, 0);
}

/**
 * `P(χ² >= x)` with whole degrees of freedom: the regularized upper incomplete gamma function `Q(df / 2, x / 2)`, by its
 * recurrence `Q(a + 1, y) = Q(a, y) + y^a e^-y / Γ(a + 1)` from `Q(1, y) = e^-y` or `Q(1/2, y) = erfc(√y)`
 * (Abramowitz and Stegun, 6.5.21 and 6.5.17).
 */
export function chiSquareTail(x: number, degreesOfFreedom: number): number {
  if (!Number.isInteger(degreesOfFreedom) || degreesOfFreedom < 1) {
    throw new Error(`chiSquareTail: expected degrees of freedom from 1, got ${degreesOfFreedom}`);
  }
  if (x <= 0) {
    return 1;
  }
  const y = x / 2;
  const isOdd = degreesOfFreedom % 2 === 1;
  let a = isOdd ? 0.5 : 1;
  let tail = isOdd ? 2 * normalTail(Math.sqrt(x)) : Math.exp(-y);
  let term = isOdd ? (Math.sqrt(y) * Math.exp(-y)) / (Math.sqrt(Math.PI) / 2) : y * Math.exp(-y);
  for (; a < degreesOfFreedom / 2; a++) {
    tail += term;
    term *= y / (a + 1);
  }
  return Math.min(1, tail);
}
