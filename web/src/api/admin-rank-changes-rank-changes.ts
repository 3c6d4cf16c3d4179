// Made by 'npm run codegen' from web/src/admin/rank-changes/rank-changes.graphql: do not edit.
import type { TypedDocument } from "../shared/typed-document";
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  DateTimeISO: { input: string; output: string; }
  JSONObject: { input: Record<string, unknown>; output: Record<string, unknown>; }
  RowTime: { input: string | number; output: string | number; }
};

export type RankChangeFilterInput = {
  category?: InputMaybe<Scalars['String']['input']>;
  from?: InputMaybe<Scalars['DateTimeISO']['input']>;
  itemId?: InputMaybe<Scalars['ID']['input']>;
  modelVersionId?: InputMaybe<Scalars['ID']['input']>;
  to?: InputMaybe<Scalars['DateTimeISO']['input']>;
  userId?: InputMaybe<Scalars['ID']['input']>;
};

export type RankChangeGrouping =
  | 'CATEGORY'
  | 'DAY'
  | 'MODEL_VERSION';

export type SortDirection =
  | 'ASC'
  | 'DESC';

export type FiguresFragment = { modelVersionId: string | null, count: number, mean: number | null, median: number | null, winRate: number | null, interval95: { low: number, high: number } | null, median95: { low: number, high: number } | null, winRate95: { low: number, high: number } | null, requests: { count: number, shown: number, rankedLower: number, belowQualityFloor: number, unranked: number, shownShare: number | null, shownShare95: { low: number, high: number } | null }, withFallback: { fallbackRate: number | null, mean: number | null, median: number | null, winRate: number | null, interval95: { low: number, high: number } | null, median95: { low: number, high: number } | null, winRate95: { low: number, high: number } | null } };

export type SummaryQueryVariables = Exact<{
  filter: InputMaybe<RankChangeFilterInput>;
}>;


export type SummaryQuery = { rankChangeSummary: { modelVersionId: string | null, count: number, mean: number | null, median: number | null, winRate: number | null, histogram: Array<{ from: number | null, to: number, count: number }>, interval95: { low: number, high: number } | null, median95: { low: number, high: number } | null, winRate95: { low: number, high: number } | null, requests: { count: number, shown: number, rankedLower: number, belowQualityFloor: number, unranked: number, shownShare: number | null, shownShare95: { low: number, high: number } | null }, withFallback: { fallbackRate: number | null, mean: number | null, median: number | null, winRate: number | null, interval95: { low: number, high: number } | null, median95: { low: number, high: number } | null, winRate95: { low: number, high: number } | null } }, rankingModels: { edges: Array<{ node: { id: string, algorithm: string, createdAt: string, isActive: boolean, ranksImages: boolean } }> } };

export type GroupsQueryVariables = Exact<{
  by: RankChangeGrouping;
  filter: InputMaybe<RankChangeFilterInput>;
}>;


export type GroupsQuery = { rankChangeGroups: Array<{ key: string | null, summary: { modelVersionId: string | null, count: number, mean: number | null, median: number | null, winRate: number | null, interval95: { low: number, high: number } | null, median95: { low: number, high: number } | null, winRate95: { low: number, high: number } | null, requests: { count: number, shown: number, rankedLower: number, belowQualityFloor: number, unranked: number, shownShare: number | null, shownShare95: { low: number, high: number } | null }, withFallback: { fallbackRate: number | null, mean: number | null, median: number | null, winRate: number | null, interval95: { low: number, high: number } | null, median95: { low: number, high: number } | null, winRate95: { low: number, high: number } | null } } }> };

export type PairsQueryVariables = Exact<{
  filter: InputMaybe<RankChangeFilterInput>;
  direction: SortDirection;
}>;


export type PairsQuery = { rankChanges: { edges: Array<{ node: { id: string, deltaR: number, rankBefore: number, rankAfter: number, image: { id: string, url: string, createdAt: string, isServed: boolean, generator: string, rejection: { reason: string, createdAt: string } | null, item: { id: string, title: string, image: { url: string } | null }, user: { id: string } } } }> } };

export type ExportQueryVariables = Exact<{
  filter: InputMaybe<RankChangeFilterInput>;
}>;


export type ExportQuery = { rankChangesCsv: string };

export const SummaryDocument = "query Summary($filter:RankChangeFilterInput){rankChangeSummary(filter:$filter){...Figures histogram{from to count}}rankingModels(first:50){edges{node{id algorithm createdAt isActive ranksImages}}}}fragment Figures on RankChangeSummary{modelVersionId count mean median winRate interval95{low high}median95{low high}winRate95{low high}requests{count shown rankedLower belowQualityFloor unranked shownShare shownShare95{low high}}withFallback{fallbackRate mean median winRate interval95{low high}median95{low high}winRate95{low high}}}" as TypedDocument<SummaryQuery, SummaryQueryVariables>;

export const GroupsDocument = "query Groups($by:RankChangeGrouping!$filter:RankChangeFilterInput){rankChangeGroups(by:$by filter:$filter){key summary{...Figures}}}fragment Figures on RankChangeSummary{modelVersionId count mean median winRate interval95{low high}median95{low high}winRate95{low high}requests{count shown rankedLower belowQualityFloor unranked shownShare shownShare95{low high}}withFallback{fallbackRate mean median winRate interval95{low high}median95{low high}winRate95{low high}}}" as TypedDocument<GroupsQuery, GroupsQueryVariables>;

export const PairsDocument = "query Pairs($filter:RankChangeFilterInput$direction:SortDirection!){rankChanges(first:20 filter:$filter sort:{field:DELTA_R direction:$direction}){edges{node{id deltaR rankBefore rankAfter image{id url(width:256)createdAt isServed generator rejection{reason createdAt}item{id title image{url(width:256)}}user{id}}}}}}" as TypedDocument<PairsQuery, PairsQueryVariables>;

export const ExportDocument = "query Export($filter:RankChangeFilterInput){rankChangesCsv(filter:$filter)}" as TypedDocument<ExportQuery, ExportQueryVariables>;
