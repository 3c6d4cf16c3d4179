// Made by 'npm run codegen' from web/src/admin/keys/keys.graphql: do not edit.
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

export type ApiKeyRole =
  | 'ADMIN'
  | 'RECOMMENDER'
  | 'STOREFRONT';

export type KeysQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
}>;


export type KeysQuery = { apiKeys: { edges: Array<{ node: { id: string, name: string, role: ApiKeyRole, createdAt: string, lastUsedAt: string | null, revokedAt: string | null } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } } };

export type CreateKeyMutationVariables = Exact<{
  name: Scalars['String']['input'];
  role: ApiKeyRole;
}>;


export type CreateKeyMutation = { createApiKey: { key: string } };

export type RevokeKeyMutationVariables = Exact<{
  name: Scalars['String']['input'];
}>;


export type RevokeKeyMutation = { revokeApiKey: { id: string } };

export const KeysDocument = "query Keys($first:Int!$after:String){apiKeys(first:$first after:$after){edges{node{id name role createdAt lastUsedAt revokedAt}}pageInfo{endCursor hasNextPage}}}" as TypedDocument<KeysQuery, KeysQueryVariables>;

export const CreateKeyDocument = "mutation CreateKey($name:String!$role:ApiKeyRole!){createApiKey(name:$name role:$role){key}}" as TypedDocument<CreateKeyMutation, CreateKeyMutationVariables>;

export const RevokeKeyDocument = "mutation RevokeKey($name:String!){revokeApiKey(name:$name){id}}" as TypedDocument<RevokeKeyMutation, RevokeKeyMutationVariables>;
