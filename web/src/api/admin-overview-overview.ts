// Made by 'npm run codegen' from web/src/admin/overview/overview.graphql: do not edit.
import type { TypedDocument } from "../shared/typed-document";
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

export type JobKind =
  | 'CREATE_STUDY'
  | 'IMPORT'
  | 'INDEX'
  | 'PERSONALIZE_IMAGE'
  | 'RERANK'
  | 'SCORE_IMAGES'
  | 'TRAIN_PERSONALIZER'
  | 'TRAIN_RANKER';

export type JobState =
  | 'CANCELLED'
  | 'FAILED'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED';

export type OverviewQueryVariables = Exact<{
  since: Scalars['DateTimeISO']['input'];
}>;


export type OverviewQuery = { overview: { numItems: number, numAvailableItems: number, numIndexedItems: number, numUsers: number, numInteractions: number, numImages: number, numRejectedImages: number, jobs: Array<{ kind: JobKind, state: JobState, count: number }>, outcomes: Array<{ reason: string, count: number }> }, rankingModels: { edges: Array<{ node: { id: string, algorithm: string, isActive: boolean, activatedAt: string | null } }> }, personalizers: { edges: Array<{ node: { id: string, generator: string, isActive: boolean, activatedAt: string | null } }> }, modelPacks: Array<{ name: string, version: string | null, isInUse: boolean }> };

export type DayOfRankChangesQueryVariables = Exact<{
  from: Scalars['DateTimeISO']['input'];
}>;


export type DayOfRankChangesQuery = { rankChangeSummary: { count: number, mean: number | null, winRate: number | null, interval95: { low: number, high: number } | null, winRate95: { low: number, high: number } | null, requests: { count: number, shown: number, shownShare: number | null } } };

export const OverviewDocument = "query Overview($since:DateTimeISO!){overview(since:$since){numItems numAvailableItems numIndexedItems numUsers numInteractions numImages numRejectedImages jobs{kind state count}outcomes{reason count}}rankingModels(first:20){edges{node{id algorithm isActive activatedAt}}}personalizers(first:20){edges{node{id generator isActive activatedAt}}}modelPacks{name version isInUse}}" as TypedDocument<OverviewQuery, OverviewQueryVariables>;

export const DayOfRankChangesDocument = "query DayOfRankChanges($from:DateTimeISO!){rankChangeSummary(filter:{from:$from}){count mean interval95{low high}winRate winRate95{low high}requests{count shown shownShare}}}" as TypedDocument<DayOfRankChangesQuery, DayOfRankChangesQueryVariables>;
