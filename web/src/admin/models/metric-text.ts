import { formatNumber } from "../../shared/formats";

/** A version's figure, such as `test` and `ndcg@10`, or null if its training did not measure it. */
export function metricOf(
  metrics: Record<string, unknown> | null,
  part: string,
  name: string,
): number | null {
  const own = metrics?.[part];
  const value: unknown =
    typeof own === "object" && own !== null ? (own as Record<string, unknown>)[name] : undefined;
  return typeof value === "number" ? value : null;
}

export function metricText(value: number | null): string {
  return value === null ? "–" : formatNumber(value, 4);
}
