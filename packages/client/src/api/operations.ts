// Made by 'npm run codegen' from packages/client/src/operations.graphql: do not edit.
import type { TypedDocument } from "../typed-document.js";
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

export type FidelityPolicy =
  | 'FREE'
  | 'PRODUCT'
  | 'STYLE';

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

export type PersonalizeImageOptions = {
  fidelity?: InputMaybe<FidelityPolicy>;
  guidanceScale?: InputMaybe<Scalars['Float']['input']>;
  numCandidates?: InputMaybe<Scalars['Int']['input']>;
  numSteps?: InputMaybe<Scalars['Int']['input']>;
  seed?: InputMaybe<Scalars['Int']['input']>;
  strength?: InputMaybe<Scalars['Float']['input']>;
  variants?: InputMaybe<VariantMode>;
  waitMs?: Scalars['Int']['input'];
};

export type RecommendationSource =
  | 'CONTENT'
  | 'FOLD_IN'
  | 'POPULARITY'
  | 'RANKER'
  | 'RERANKED';

export type VariantMode =
  | 'FIRST'
  | 'OFF'
  | 'ONLY';

export type PictureFragment = { id: string, url: string, kind: ImageKind, disclosure: string | null, file: { widthPixels: number, heightPixels: number } };

export type CatalogueImageFragment = { url: string, widthPixels: number, heightPixels: number };

type Outcome_JobRunning_Fragment = { __typename: 'JobRunning', job: { id: string } };

type Outcome_OriginalImage_Fragment = { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string>, retryAt: string | null, catalogueImage: { url: string, widthPixels: number, heightPixels: number } | null };

type Outcome_PersonalizedImagePayload_Fragment = { __typename: 'PersonalizedImagePayload', isCached: boolean, image: { id: string, url: string, kind: ImageKind, disclosure: string | null, file: { widthPixels: number, heightPixels: number } } };

export type OutcomeFragment =
  | Outcome_JobRunning_Fragment
  | Outcome_OriginalImage_Fragment
  | Outcome_PersonalizedImagePayload_Fragment
;

export type JobStateFragment = { state: JobState, progress: number, stage: string, previewUrl: string | null, errorCode: string | null, errorMessage: string | null, outcome:
    | { __typename: 'JobRunning', job: { id: string } }
    | { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string>, retryAt: string | null, catalogueImage: { url: string, widthPixels: number, heightPixels: number } | null }
    | { __typename: 'PersonalizedImagePayload', isCached: boolean, image: { id: string, url: string, kind: ImageKind, disclosure: string | null, file: { widthPixels: number, heightPixels: number } } }
   | null };

export type PersonalizeImageMutationVariables = Exact<{
  userId: Scalars['ID']['input'];
  itemId: Scalars['ID']['input'];
  options: InputMaybe<PersonalizeImageOptions>;
}>;


export type PersonalizeImageMutation = { personalizeImage:
    | { __typename: 'JobRunning', job: { id: string } }
    | { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string>, retryAt: string | null, catalogueImage: { url: string, widthPixels: number, heightPixels: number } | null }
    | { __typename: 'PersonalizedImagePayload', isCached: boolean, image: { id: string, url: string, kind: ImageKind, disclosure: string | null, file: { widthPixels: number, heightPixels: number } } }
   };

export type PersonalizeImagesMutationVariables = Exact<{
  userId: Scalars['ID']['input'];
  itemIds: Array<Scalars['ID']['input']> | Scalars['ID']['input'];
  options: InputMaybe<PersonalizeImageOptions>;
}>;


export type PersonalizeImagesMutation = { personalizeImages: Array<{ errorCode: string | null, errorMessage: string | null, result:
      | { __typename: 'JobRunning', job: { id: string } }
      | { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string>, retryAt: string | null, catalogueImage: { url: string, widthPixels: number, heightPixels: number } | null }
      | { __typename: 'PersonalizedImagePayload', isCached: boolean, image: { id: string, url: string, kind: ImageKind, disclosure: string | null, file: { widthPixels: number, heightPixels: number } } }
     | null }> };

export type JobQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type JobQuery = { job: { state: JobState, progress: number, stage: string, previewUrl: string | null, errorCode: string | null, errorMessage: string | null, outcome:
      | { __typename: 'JobRunning', job: { id: string } }
      | { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string>, retryAt: string | null, catalogueImage: { url: string, widthPixels: number, heightPixels: number } | null }
      | { __typename: 'PersonalizedImagePayload', isCached: boolean, image: { id: string, url: string, kind: ImageKind, disclosure: string | null, file: { widthPixels: number, heightPixels: number } } }
     | null } };

export type JobProgressSubscriptionVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type JobProgressSubscription = { jobProgress: { state: JobState, progress: number, stage: string, previewUrl: string | null, errorCode: string | null, errorMessage: string | null, outcome:
      | { __typename: 'JobRunning', job: { id: string } }
      | { __typename: 'OriginalImage', reason: OriginalReason, message: string, faults: Array<string>, retryAt: string | null, catalogueImage: { url: string, widthPixels: number, heightPixels: number } | null }
      | { __typename: 'PersonalizedImagePayload', isCached: boolean, image: { id: string, url: string, kind: ImageKind, disclosure: string | null, file: { widthPixels: number, heightPixels: number } } }
     | null } };

export type RecommendationsQueryVariables = Exact<{
  userId: Scalars['ID']['input'];
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
  category: InputMaybe<Scalars['String']['input']>;
}>;


export type RecommendationsQuery = { recommendations: { source: RecommendationSource, edges: Array<{ rank: number, score: number, isNew: boolean, node: { id: string, title: string, category: string | null, isAvailable: boolean, image: { url: string, widthPixels: number, heightPixels: number } | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type RecordInteractionsMutationVariables = Exact<{
  input: Array<InteractionInput> | InteractionInput;
}>;


export type RecordInteractionsMutation = { recordInteractions: { accepted: number, duplicates: number, rejected: Array<{ index: number, code: string, message: string }> } };

export const PersonalizeImageDocument = "mutation PersonalizeImage($userId:ID!$itemId:ID!$options:PersonalizeImageOptions){personalizeImage(userId:$userId itemId:$itemId options:$options){...Outcome}}fragment Picture on PersonalizedImage{id url kind disclosure file{widthPixels heightPixels}}fragment CatalogueImage on Image{url widthPixels heightPixels}fragment Outcome on PersonalizeImageResult{__typename ...on PersonalizedImagePayload{isCached image{...Picture}}...on OriginalImage{reason message faults retryAt catalogueImage{...CatalogueImage}}...on JobRunning{job{id}}}" as TypedDocument<PersonalizeImageMutation, PersonalizeImageMutationVariables>;

export const PersonalizeImagesDocument = "mutation PersonalizeImages($userId:ID!$itemIds:[ID!]!$options:PersonalizeImageOptions){personalizeImages(userId:$userId itemIds:$itemIds options:$options){errorCode errorMessage result{...Outcome}}}fragment Picture on PersonalizedImage{id url kind disclosure file{widthPixels heightPixels}}fragment CatalogueImage on Image{url widthPixels heightPixels}fragment Outcome on PersonalizeImageResult{__typename ...on PersonalizedImagePayload{isCached image{...Picture}}...on OriginalImage{reason message faults retryAt catalogueImage{...CatalogueImage}}...on JobRunning{job{id}}}" as TypedDocument<PersonalizeImagesMutation, PersonalizeImagesMutationVariables>;

export const JobDocument = "query Job($id:ID!){job(id:$id){...JobState}}fragment Picture on PersonalizedImage{id url kind disclosure file{widthPixels heightPixels}}fragment CatalogueImage on Image{url widthPixels heightPixels}fragment Outcome on PersonalizeImageResult{__typename ...on PersonalizedImagePayload{isCached image{...Picture}}...on OriginalImage{reason message faults retryAt catalogueImage{...CatalogueImage}}...on JobRunning{job{id}}}fragment JobState on Job{state progress stage previewUrl errorCode errorMessage outcome{...Outcome}}" as TypedDocument<JobQuery, JobQueryVariables>;

export const JobProgressDocument = "subscription JobProgress($id:ID!){jobProgress(id:$id){...JobState}}fragment Picture on PersonalizedImage{id url kind disclosure file{widthPixels heightPixels}}fragment CatalogueImage on Image{url widthPixels heightPixels}fragment Outcome on PersonalizeImageResult{__typename ...on PersonalizedImagePayload{isCached image{...Picture}}...on OriginalImage{reason message faults retryAt catalogueImage{...CatalogueImage}}...on JobRunning{job{id}}}fragment JobState on Job{state progress stage previewUrl errorCode errorMessage outcome{...Outcome}}" as TypedDocument<JobProgressSubscription, JobProgressSubscriptionVariables>;

export const RecommendationsDocument = "query Recommendations($userId:ID!$first:Int!$after:String$category:String){recommendations(userId:$userId first:$first after:$after category:$category){source edges{rank score isNew node{id title category isAvailable image{...CatalogueImage}}}pageInfo{hasNextPage endCursor}}}fragment CatalogueImage on Image{url widthPixels heightPixels}" as TypedDocument<RecommendationsQuery, RecommendationsQueryVariables>;

export const RecordInteractionsDocument = "mutation RecordInteractions($input:[InteractionInput!]!){recordInteractions(input:$input){accepted duplicates rejected{index code message}}}" as TypedDocument<RecordInteractionsMutation, RecordInteractionsMutationVariables>;
