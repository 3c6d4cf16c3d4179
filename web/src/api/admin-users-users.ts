// Made by 'npm run codegen' from web/src/admin/users/users.graphql: do not edit.
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

export type InteractionKind =
  | 'CART'
  | 'CLICK'
  | 'LIKE'
  | 'PURCHASE'
  | 'RATING'
  | 'VIEW';

export type UsersQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
  search: InputMaybe<Scalars['String']['input']>;
}>;


export type UsersQuery = { users: { edges: Array<{ node: { id: string, isSimulated: boolean, createdAt: string } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } } };

export type UserDetailsQueryVariables = Exact<{
  id: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
}>;


export type UserDetailsQuery = { user: { id: string, isSimulated: boolean, optedOutAt: string | null, createdAt: string, history: { edges: Array<{ node: { kind: InteractionKind, weight: number, occurredAt: string, item: { id: string, title: string, image: { url: string } | null } } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } } } | null };

export type ExportUserQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type ExportUserQuery = { exportUser: Record<string, unknown> };

export type EraseUserMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type EraseUserMutation = { deleteUser: { existed: boolean, interactions: number, images: number } };

export type OptOutUserMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type OptOutUserMutation = { optOut: { optedOutAt: string | null } };

export type OptInUserMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type OptInUserMutation = { optIn: { optedOutAt: string | null } };

export const UsersDocument = "query Users($first:Int!$after:String$search:String){users(first:$first after:$after search:$search){edges{node{id isSimulated createdAt}}pageInfo{endCursor hasNextPage}}}" as TypedDocument<UsersQuery, UsersQueryVariables>;

export const UserDetailsDocument = "query UserDetails($id:ID!$first:Int!$after:String){user(id:$id){id isSimulated optedOutAt createdAt history(first:$first after:$after){edges{node{kind weight occurredAt item{id title image{url(width:128)}}}}pageInfo{endCursor hasNextPage}}}}" as TypedDocument<UserDetailsQuery, UserDetailsQueryVariables>;

export const ExportUserDocument = "query ExportUser($id:ID!){exportUser(userId:$id)}" as TypedDocument<ExportUserQuery, ExportUserQueryVariables>;

export const EraseUserDocument = "mutation EraseUser($id:ID!){deleteUser(userId:$id){existed interactions images}}" as TypedDocument<EraseUserMutation, EraseUserMutationVariables>;

export const OptOutUserDocument = "mutation OptOutUser($id:ID!){optOut(userId:$id){optedOutAt}}" as TypedDocument<OptOutUserMutation, OptOutUserMutationVariables>;

export const OptInUserDocument = "mutation OptInUser($id:ID!){optIn(userId:$id){optedOutAt}}" as TypedDocument<OptInUserMutation, OptInUserMutationVariables>;
