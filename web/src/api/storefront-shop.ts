// Made by 'npm run codegen' from web/src/storefront/shop.graphql: do not edit.
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

export type DeleteInteractionsInput = {
  before?: InputMaybe<Scalars['DateTimeISO']['input']>;
  itemId: Scalars['ID']['input'];
  kinds?: InputMaybe<Array<InteractionKind>>;
  since?: InputMaybe<Scalars['DateTimeISO']['input']>;
  userId: Scalars['ID']['input'];
};

export type ImageKind =
  | 'GENERATED'
  | 'STUDIO'
  | 'VARIANT';

export type InteractionInput = {
  itemId: Scalars['ID']['input'];
  kind: InteractionKind;
  occurredAt: Scalars['RowTime']['input'];
  userId: Scalars['ID']['input'];
  weight?: InputMaybe<Scalars['Float']['input']>;
};

export type InteractionKind =
  | 'CART'
  | 'CLICK'
  | 'LIKE'
  | 'PURCHASE'
  | 'RATING'
  | 'VIEW';

export type JobState =
  | 'CANCELLED'
  | 'FAILED'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED';

export type OriginalReason =
  | 'BELOW_QUALITY_FLOOR'
  | 'BUSY'
  | 'CANCELLED'
  | 'GENERATION_FAILED'
  | 'HISTORY_NOT_INDEXED'
  | 'ITEM_NOT_INDEXED'
  | 'MASK_IMPLAUSIBLE'
  | 'NO_BETTER_VARIANT'
  | 'NO_HISTORY'
  | 'NO_IMAGE'
  | 'OPTED_OUT'
  | 'RANKED_LOWER'
  | 'REJECTED';

export type RecommendationSource =
  | 'CONTENT'
  | 'FOLD_IN'
  | 'POPULARITY'
  | 'RANKER'
  | 'RERANKED';

export type UserHistoryQueryVariables = Exact<{
  userId: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
}>;


export type UserHistoryQuery = { user: { id: string, history: { edges: Array<{ node: { kind: InteractionKind, occurredAt: string, item: { id: string, title: string, image: { url: string } | null } } }> } } | null };

export type ShelfQueryVariables = Exact<{
  userId: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
}>;


export type ShelfQuery = { recommendations: { source: RecommendationSource, edges: Array<{ rank: number, node: { id: string, title: string, category: string | null, image: { url: string } | null } }> } };

export type PictureFragment = { id: string, kind: ImageKind, url: string, rankChange: { deltaR: number, rankBefore: number, rankAfter: number, numRanked: number } | null };

export type ShelfImagesMutationVariables = Exact<{
  userId: Scalars['ID']['input'];
  itemIds: Array<Scalars['ID']['input']> | Scalars['ID']['input'];
}>;


export type ShelfImagesMutation = { personalizeImages: Array<{ itemId: string, errorCode: string | null, errorMessage: string | null, result:
      | { __typename: 'JobRunning', job: { id: string } }
      | { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string> }
      | { __typename: 'PersonalizedImagePayload', image: { id: string, kind: ImageKind, url: string, rankChange: { deltaR: number, rankBefore: number, rankAfter: number, numRanked: number } | null } }
     | null }> };

export type ImageProgressSubscriptionVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type ImageProgressSubscription = { jobProgress: { id: string, state: JobState, stage: string, progress: number, queuePosition: number | null, previewUrl: string | null, errorMessage: string | null, outcome:
      | { __typename: 'JobRunning', job: { id: string } }
      | { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string> }
      | { __typename: 'PersonalizedImagePayload', image: { id: string, kind: ImageKind, url: string, rankChange: { deltaR: number, rankBefore: number, rankAfter: number, numRanked: number } | null } }
     | null } };

export type RecordMutationVariables = Exact<{
  input: Array<InteractionInput> | InteractionInput;
}>;


export type RecordMutation = { recordInteractions: { accepted: number, rejected: Array<{ code: string, message: string }> } };

export type ForgetMutationVariables = Exact<{
  input: DeleteInteractionsInput;
}>;


export type ForgetMutation = { deleteInteractions: { deleted: number } };

export const UserHistoryDocument = "query UserHistory($userId:ID!$first:Int!){user(id:$userId){id history(first:$first){edges{node{kind occurredAt item{id title image{url(width:128)}}}}}}}" as TypedDocument<UserHistoryQuery, UserHistoryQueryVariables>;

export const ShelfDocument = "query Shelf($userId:ID!$first:Int!){recommendations(userId:$userId first:$first){source edges{rank node{id title category image{url(width:384)}}}}}" as TypedDocument<ShelfQuery, ShelfQueryVariables>;

export const ShelfImagesDocument = "mutation ShelfImages($userId:ID!$itemIds:[ID!]!){personalizeImages(userId:$userId itemIds:$itemIds){itemId errorCode errorMessage result{__typename ...on PersonalizedImagePayload{image{...Picture}}...on JobRunning{job{id}}...on OriginalImage{reason message faults}}}}fragment Picture on PersonalizedImage{id kind url(width:384)rankChange{deltaR rankBefore rankAfter numRanked}}" as TypedDocument<ShelfImagesMutation, ShelfImagesMutationVariables>;

export const ImageProgressDocument = "subscription ImageProgress($id:ID!){jobProgress(id:$id){id state stage progress queuePosition previewUrl errorMessage outcome{__typename ...on PersonalizedImagePayload{image{...Picture}}...on JobRunning{job{id}}...on OriginalImage{reason message faults}}}}fragment Picture on PersonalizedImage{id kind url(width:384)rankChange{deltaR rankBefore rankAfter numRanked}}" as TypedDocument<ImageProgressSubscription, ImageProgressSubscriptionVariables>;

export const RecordDocument = "mutation Record($input:[InteractionInput!]!){recordInteractions(input:$input){accepted rejected{code message}}}" as TypedDocument<RecordMutation, RecordMutationVariables>;

export const ForgetDocument = "mutation Forget($input:DeleteInteractionsInput!){deleteInteractions(input:$input){deleted}}" as TypedDocument<ForgetMutation, ForgetMutationVariables>;
