// Made by 'npm run codegen' from web/src/storefront/shop.graphql: do not edit.
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

export type InteractionKind =
  | 'CART'
  | 'CLICK'
  | 'LIKE'
  | 'PURCHASE'
  | 'RATING'
  | 'VIEW';

export type ShopperHistoryQueryVariables = Exact<{
  userId: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
}>;


export type ShopperHistoryQuery = { user: { id: string, isSimulated: boolean, history: { edges: Array<{ node: { kind: InteractionKind, occurredAt: string, item: { id: string, title: string, image: { url: string } | null } } }> } } | null };

export const ShopperHistoryDocument = "query ShopperHistory($userId:ID!$first:Int!){user(id:$userId){id isSimulated history(first:$first){edges{node{kind occurredAt item{id title image{url(width:128)}}}}}}}" as TypedDocument<ShopperHistoryQuery, ShopperHistoryQueryVariables>;
