// Made by 'npm run codegen' from web/src/admin/experiments/experiments.graphql: do not edit.
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

export type ResultFilesQueryVariables = Exact<{ [key: string]: never; }>;


export type ResultFilesQuery = { resultFiles: Array<{ name: string, sizeBytes: number, modifiedAt: string }> };

export type ResultFileQueryVariables = Exact<{
  name: Scalars['String']['input'];
}>;


export type ResultFileQuery = { resultFile: Record<string, unknown> };

export const ResultFilesDocument = "query ResultFiles{resultFiles{name sizeBytes modifiedAt}}" as TypedDocument<ResultFilesQuery, ResultFilesQueryVariables>;

export const ResultFileDocument = "query ResultFile($name:String!){resultFile(name:$name)}" as TypedDocument<ResultFileQuery, ResultFileQueryVariables>;
