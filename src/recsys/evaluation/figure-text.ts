/** @file Figures for people. */

/** A figure with so many decimals; `-` where nothing was measured, which is neither 0 nor a number. */
export function figureText(value: number | null | undefined, decimals = 4): string {
  return value == null || !Number.isFinite(value) ? "-" : value.toFixed(decimals);
}

/** The ends of an interval, such as `0.1000 .. 0.2000`; `-` where there is none. */
export function intervalText(
  ends: readonly [number, number] | null | undefined,
  decimals = 4,
): string {
  return ends ? ends.map(end => figureText(end, decimals)).join(" .. ") : "-";
}

/** p values below 1e-4 in exponential form, so that they are never printed as 0. */
export function pValueText(value: number): string {
  return value < 1e-4 ? value.toExponential(1) : value.toFixed(4);
}
