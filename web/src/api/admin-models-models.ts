// Made by 'npm run codegen' from web/src/admin/models/models.graphql: do not edit.
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

export type PersonalizerState =
  | 'FAILED'
  | 'READY'
  | 'TRAINING';

export type RankingModelState =
  | 'FAILED'
  | 'READY'
  | 'TRAINING';

export type RankerRowFragment = { id: string, algorithm: string, state: RankingModelState, isActive: boolean, ranksImages: boolean, seed: number, dataHash: string | null, metrics: Record<string, unknown> | null, config: Record<string, unknown>, failure: string | null, createdAt: string, trainedAt: string | null, activatedAt: string | null };

export type PersonalizerRowFragment = { id: string, generator: string, rankingModelVersionId: string, state: PersonalizerState, isActive: boolean, seed: number, metrics: Record<string, unknown> | null, config: Record<string, unknown>, failure: string | null, createdAt: string, trainedAt: string | null, activatedAt: string | null };

export type RankersQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
}>;


export type RankersQuery = { rankingModels: { edges: Array<{ node: { id: string, algorithm: string, state: RankingModelState, isActive: boolean, ranksImages: boolean, seed: number, dataHash: string | null, metrics: Record<string, unknown> | null, config: Record<string, unknown>, failure: string | null, createdAt: string, trainedAt: string | null, activatedAt: string | null } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } } };

export type PersonalizersQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
}>;


export type PersonalizersQuery = { personalizers: { edges: Array<{ node: { id: string, generator: string, rankingModelVersionId: string, state: PersonalizerState, isActive: boolean, seed: number, metrics: Record<string, unknown> | null, config: Record<string, unknown>, failure: string | null, createdAt: string, trainedAt: string | null, activatedAt: string | null } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } } };

export type PacksQueryVariables = Exact<{ [key: string]: never; }>;


export type PacksQuery = { modelPacks: Array<{ name: string, version: string | null, where: string, sizeBytes: number | null, licenses: Array<string>, parts: Array<string>, isInUse: boolean, fault: string | null }> };

export type CompareQueryVariables = Exact<{
  first: Scalars['ID']['input'];
  second: Scalars['ID']['input'];
}>;


export type CompareQuery = { compareRankingModels: { metric: string, numUsers: number, better: string | null, difference: number | null, pValue: number | null, wilcoxonPValue: number | null, difference95: { low: number, high: number } | null, versions: Array<{ versionId: string, metrics: Record<string, unknown>, interval95: { low: number, high: number } | null }> } };

export type ActivateRankerMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type ActivateRankerMutation = { activateRankingModel: { id: string } };

export type RollBackRankerMutationVariables = Exact<{ [key: string]: never; }>;


export type RollBackRankerMutation = { rollbackRankingModel: { id: string, algorithm: string } };

export type ActivatePersonalizerMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type ActivatePersonalizerMutation = { activatePersonalizer: { id: string } };

export type RollBackPersonalizerMutationVariables = Exact<{ [key: string]: never; }>;


export type RollBackPersonalizerMutation = { rollbackPersonalizer: { id: string } };

export const RankersDocument = "query Rankers($first:Int!$after:String){rankingModels(first:$first after:$after){edges{node{...RankerRow}}pageInfo{endCursor hasNextPage}}}fragment RankerRow on RankingModelVersion{id algorithm state isActive ranksImages seed dataHash metrics config failure createdAt trainedAt activatedAt}" as TypedDocument<RankersQuery, RankersQueryVariables>;

export const PersonalizersDocument = "query Personalizers($first:Int!$after:String){personalizers(first:$first after:$after){edges{node{...PersonalizerRow}}pageInfo{endCursor hasNextPage}}}fragment PersonalizerRow on PersonalizerVersion{id generator rankingModelVersionId state isActive seed metrics config failure createdAt trainedAt activatedAt}" as TypedDocument<PersonalizersQuery, PersonalizersQueryVariables>;

export const PacksDocument = "query Packs{modelPacks{name version where sizeBytes licenses parts isInUse fault}}" as TypedDocument<PacksQuery, PacksQueryVariables>;

export const CompareDocument = "query Compare($first:ID!$second:ID!){compareRankingModels(first:$first second:$second){metric numUsers better difference difference95{low high}pValue wilcoxonPValue versions{versionId metrics interval95{low high}}}}" as TypedDocument<CompareQuery, CompareQueryVariables>;

export const ActivateRankerDocument = "mutation ActivateRanker($id:ID!){activateRankingModel(id:$id){id}}" as TypedDocument<ActivateRankerMutation, ActivateRankerMutationVariables>;

export const RollBackRankerDocument = "mutation RollBackRanker{rollbackRankingModel{id algorithm}}" as TypedDocument<RollBackRankerMutation, RollBackRankerMutationVariables>;

export const ActivatePersonalizerDocument = "mutation ActivatePersonalizer($id:ID!){activatePersonalizer(id:$id){id}}" as TypedDocument<ActivatePersonalizerMutation, ActivatePersonalizerMutationVariables>;

export const RollBackPersonalizerDocument = "mutation RollBackPersonalizer{rollbackPersonalizer{id}}" as TypedDocument<RollBackPersonalizerMutation, RollBackPersonalizerMutationVariables>;
