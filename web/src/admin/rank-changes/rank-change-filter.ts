import type { SummaryQueryVariables } from "../../api/admin-rank-changes-rank-changes";
import { numberOf, type UrlState } from "../parts/url-state";

export type RankChangeFilter = NonNullable<SummaryQueryVariables["filter"]>;

const HOUR_MS = 3_600_000;

/** The filter that the address names. */
export function filterOf({ get }: UrlState): RankChangeFilter {
  const days = numberOf(get("days"));
  // Whole hours, so that the cache knows the answer.
  const from = days === null ? null : Math.floor(Date.now() / HOUR_MS - days * 24) * HOUR_MS;
  return {
    modelVersionId: get("model"),
    category: get("category"),
    userId: get("user"),
    itemId: get("item"),
    from: from === null ? null : new Date(from).toISOString(),
  };
}
