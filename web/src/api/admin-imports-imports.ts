// Made by 'npm run codegen' from web/src/admin/imports/imports.graphql: do not edit.
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

export type ImportState =
  | 'COMPLETE'
  | 'RUNNING';

export type ImportRunsQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
}>;


export type ImportRunsQuery = { importRuns: { edges: Array<{ node: { id: string, kind: string, source: string, state: ImportState, startedAt: string, updatedAt: string, finishedAt: string | null, parts: Array<{ name: string, accepted: number, rejected: number, replaced: number }> } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type RejectedRowsQueryVariables = Exact<{
  importId: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
  offset: Scalars['Int']['input'];
}>;


export type RejectedRowsQuery = { rejectedRows: { count: number, rows: Array<{ part: string, file: string, line: number, reason: string, row: string }> } };

export const ImportRunsDocument = "query ImportRuns($first:Int!$after:String){importRuns(first:$first after:$after){edges{node{id kind source state startedAt updatedAt finishedAt parts{name accepted rejected replaced}}}pageInfo{hasNextPage endCursor}}}" as TypedDocument<ImportRunsQuery, ImportRunsQueryVariables>;

export const RejectedRowsDocument = "query RejectedRows($importId:ID!$first:Int!$offset:Int!){rejectedRows(importId:$importId first:$first offset:$offset){count rows{part file line reason row}}}" as TypedDocument<RejectedRowsQuery, RejectedRowsQueryVariables>;
