// Made by 'npm run codegen' from web/src/admin/session.graphql: do not edit.
import type { TypedDocument } from "../shared/typed-document";
export type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** All built-in and custom scalars, mapped to their actual values */
export type CheckKeyQueryVariables = Exact<{ [key: string]: never; }>;


export type CheckKeyQuery = { rankingModels: { edges: Array<{ node: { id: string } }> } };

export const CheckKeyDocument = "query CheckKey{rankingModels(first:1){edges{node{id}}}}" as TypedDocument<CheckKeyQuery, CheckKeyQueryVariables>;
