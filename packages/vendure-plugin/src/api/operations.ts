// Made by 'npm run codegen' from packages/vendure-plugin/src/operations.graphql: do not edit.
import type { TypedDocument } from "@vitrine/client";
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

export type ItemInput = {
  attribution?: InputMaybe<Scalars['String']['input']>;
  caption?: InputMaybe<Scalars['String']['input']>;
  category?: InputMaybe<Scalars['String']['input']>;
  description?: InputMaybe<Scalars['String']['input']>;
  id: Scalars['ID']['input'];
  imageUrl?: InputMaybe<Scalars['String']['input']>;
  isAvailable?: InputMaybe<Scalars['Boolean']['input']>;
  keywords?: InputMaybe<Array<Scalars['String']['input']>>;
  title?: InputMaybe<Scalars['String']['input']>;
  variants?: InputMaybe<Array<ItemVariantInput>>;
};

export type ItemVariantInput = {
  id: Scalars['ID']['input'];
  imageUrl?: InputMaybe<Scalars['String']['input']>;
  isAvailable?: InputMaybe<Scalars['Boolean']['input']>;
  options?: InputMaybe<Array<VariantOptionInput>>;
  title?: InputMaybe<Scalars['String']['input']>;
};

export type VariantOptionInput = {
  name: Scalars['String']['input'];
  value: Scalars['String']['input'];
};

export type UpsertItemsMutationVariables = Exact<{
  input: Array<ItemInput> | ItemInput;
}>;


export type UpsertItemsMutation = { upsertItems: { rejected: Array<{ index: number, code: string, message: string }>, imagesFailed: Array<{ index: number, code: string, message: string }> } };

export type ItemIdQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type ItemIdQuery = { item: { id: string } };

export type MergeUsersMutationVariables = Exact<{
  from: Scalars['ID']['input'];
  into: Scalars['ID']['input'];
}>;


export type MergeUsersMutation = { mergeUsers: { existed: boolean, interactions: number } };

export type DeleteUserMutationVariables = Exact<{
  userId: Scalars['ID']['input'];
}>;


export type DeleteUserMutation = { deleteUser: { existed: boolean } };

export const UpsertItemsDocument = "mutation UpsertItems($input:[ItemInput!]!){upsertItems(input:$input){rejected{index code message}imagesFailed{index code message}}}" as TypedDocument<UpsertItemsMutation, UpsertItemsMutationVariables>;

export const ItemIdDocument = "query ItemId($id:ID!){item(id:$id){id}}" as TypedDocument<ItemIdQuery, ItemIdQueryVariables>;

export const MergeUsersDocument = "mutation MergeUsers($from:ID!$into:ID!){mergeUsers(from:$from into:$into){existed interactions}}" as TypedDocument<MergeUsersMutation, MergeUsersMutationVariables>;

export const DeleteUserDocument = "mutation DeleteUser($userId:ID!){deleteUser(userId:$userId){existed}}" as TypedDocument<DeleteUserMutation, DeleteUserMutationVariables>;
