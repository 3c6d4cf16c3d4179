// Made by 'npm run codegen' from web/src/admin/audit/audit.graphql: do not edit.
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

export type AuditFilterInput = {
  action?: InputMaybe<Scalars['String']['input']>;
  actor?: InputMaybe<Scalars['String']['input']>;
  from?: InputMaybe<Scalars['DateTimeISO']['input']>;
  outcome?: InputMaybe<AuditOutcome>;
  to?: InputMaybe<Scalars['DateTimeISO']['input']>;
};

export type AuditOutcome =
  | 'FAILED'
  | 'STARTED'
  | 'SUCCEEDED';

export type AuditLogQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
  filter: InputMaybe<AuditFilterInput>;
}>;


export type AuditLogQuery = { auditLog: { edges: Array<{ node: { id: string, actor: string, action: string, arguments: Record<string, unknown>, outcome: AuditOutcome, errorCode: string | null, createdAt: string } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } } };

export const AuditLogDocument = "query AuditLog($first:Int!$after:String$filter:AuditFilterInput){auditLog(first:$first after:$after filter:$filter){edges{node{id actor action arguments outcome errorCode createdAt}}pageInfo{endCursor hasNextPage}}}" as TypedDocument<AuditLogQuery, AuditLogQueryVariables>;
