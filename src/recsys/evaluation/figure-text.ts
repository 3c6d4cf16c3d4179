/** @file Formats metrics for people. */

/** A number with this many decimals; `-` where nothing was measured. */
export function figureText(value: number | null | undefined, decimals = 4): string {
  return value == null || !Number.isFinite(value) ? "-" : value.toFixed(decimals);
}

/** The bounds of an interval, such as `0.1000 .. 0.2000`; `-` where there is none. */
export function intervalText(
  ends: readonly [number, number] | null | undefined,
  decimals = 4,
): string {
  return ends ? ends.map(end => figureText(end, decimals)).join(" .. ") : "-";
}

/** p values below 1e-4 in exponential form, so that they never print as 0. */
export function pValueText(value: number): string {
  return value < 1e-4 ? value.toExponential(1) : value.toFixed(4);
}
