// Made by 'npm run codegen' from web/src/admin/images/images.graphql: do not edit.
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

export type PersonalizedImageFilterInput = {
  fault?: InputMaybe<Scalars['String']['input']>;
  generator?: InputMaybe<Scalars['String']['input']>;
  isRejected?: InputMaybe<Scalars['Boolean']['input']>;
  isServed?: InputMaybe<Scalars['Boolean']['input']>;
  itemId?: InputMaybe<Scalars['ID']['input']>;
  maxDeltaR?: InputMaybe<Scalars['Float']['input']>;
  minDeltaR?: InputMaybe<Scalars['Float']['input']>;
  modelVersionId?: InputMaybe<Scalars['ID']['input']>;
  personalizerId?: InputMaybe<Scalars['ID']['input']>;
  userId?: InputMaybe<Scalars['ID']['input']>;
};

export type ImageCardFragment = { id: string, url: string, createdAt: string, isServed: boolean, generator: string, rejection: { reason: string, createdAt: string } | null, rankChange: { deltaR: number, rankBefore: number, rankAfter: number } | null, item: { id: string, title: string, image: { url: string } | null }, user: { id: string } };

export type ImagesQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
  filter: InputMaybe<PersonalizedImageFilterInput>;
}>;


export type ImagesQuery = { personalizedImages: { edges: Array<{ node: { id: string, url: string, createdAt: string, isServed: boolean, generator: string, rejection: { reason: string, createdAt: string } | null, rankChange: { deltaR: number, rankBefore: number, rankAfter: number } | null, item: { id: string, title: string, image: { url: string } | null }, user: { id: string } } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } }, rankingModels: { edges: Array<{ node: { id: string, algorithm: string, createdAt: string, isActive: boolean } }> } };

export type RejectImageMutationVariables = Exact<{
  id: Scalars['ID']['input'];
  reason: Scalars['String']['input'];
}>;


export type RejectImageMutation = { rejectImage: { id: string } };

export const ImagesDocument = "query Images($first:Int!$after:String$filter:PersonalizedImageFilterInput){personalizedImages(first:$first after:$after filter:$filter){edges{node{...ImageCard}}pageInfo{endCursor hasNextPage}}rankingModels(first:50){edges{node{id algorithm createdAt isActive}}}}fragment ImageCard on PersonalizedImage{id url(width:256)createdAt isServed generator rejection{reason createdAt}rankChange{deltaR rankBefore rankAfter}item{id title image{url(width:256)}}user{id}}" as TypedDocument<ImagesQuery, ImagesQueryVariables>;

export const RejectImageDocument = "mutation RejectImage($id:ID!$reason:String!){rejectImage(id:$id reason:$reason){id}}" as TypedDocument<RejectImageMutation, RejectImageMutationVariables>;
