// Made by 'npm run codegen' from web/src/admin/jobs/jobs.graphql: do not edit.
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

export type JobKind =
  | 'CREATE_STUDY'
  | 'IMPORT'
  | 'INDEX'
  | 'PERSONALIZE_IMAGE'
  | 'RERANK'
  | 'SCORE_IMAGES'
  | 'TRAIN_PERSONALIZER'
  | 'TRAIN_RANKER';

export type JobState =
  | 'CANCELLED'
  | 'FAILED'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED';

export type JobRowFragment = { id: string, kind: JobKind, state: JobState, progress: number, stage: string, attempts: number, userId: string | null, errorCode: string | null, errorMessage: string | null, cancelRequested: boolean, queuePosition: number | null, previewUrl: string | null, createdAt: string, startedAt: string | null, finishedAt: string | null, item: { id: string, title: string } | null };

export type JobsQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
  kind: InputMaybe<JobKind>;
  state: InputMaybe<JobState>;
  userId: InputMaybe<Scalars['ID']['input']>;
  itemId: InputMaybe<Scalars['ID']['input']>;
}>;


export type JobsQuery = { jobs: { edges: Array<{ node: { id: string, kind: JobKind, state: JobState, progress: number, stage: string, attempts: number, userId: string | null, errorCode: string | null, errorMessage: string | null, cancelRequested: boolean, queuePosition: number | null, previewUrl: string | null, createdAt: string, startedAt: string | null, finishedAt: string | null, item: { id: string, title: string } | null } }>, pageInfo: { endCursor: string | null, hasNextPage: boolean } } };

export type JobDetailsQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type JobDetailsQuery = { job: { result: Record<string, unknown> | null, id: string, kind: JobKind, state: JobState, progress: number, stage: string, attempts: number, userId: string | null, errorCode: string | null, errorMessage: string | null, cancelRequested: boolean, queuePosition: number | null, previewUrl: string | null, createdAt: string, startedAt: string | null, finishedAt: string | null, item: { id: string, title: string } | null } };

export type JobProgressSubscriptionVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type JobProgressSubscription = { jobProgress: { id: string, kind: JobKind, state: JobState, progress: number, stage: string, attempts: number, userId: string | null, errorCode: string | null, errorMessage: string | null, cancelRequested: boolean, queuePosition: number | null, previewUrl: string | null, createdAt: string, startedAt: string | null, finishedAt: string | null, item: { id: string, title: string } | null } };

export type CancelJobMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type CancelJobMutation = { cancelJob: { id: string } };

export type RetryJobMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type RetryJobMutation = { retryJob: { id: string } };

export const JobsDocument = "query Jobs($first:Int!$after:String$kind:JobKind$state:JobState$userId:ID$itemId:ID){jobs(first:$first after:$after kind:$kind state:$state userId:$userId itemId:$itemId){edges{node{...JobRow}}pageInfo{endCursor hasNextPage}}}fragment JobRow on Job{id kind state progress stage attempts userId item{id title}errorCode errorMessage cancelRequested queuePosition previewUrl createdAt startedAt finishedAt}" as TypedDocument<JobsQuery, JobsQueryVariables>;

export const JobDetailsDocument = "query JobDetails($id:ID!){job(id:$id){...JobRow result}}fragment JobRow on Job{id kind state progress stage attempts userId item{id title}errorCode errorMessage cancelRequested queuePosition previewUrl createdAt startedAt finishedAt}" as TypedDocument<JobDetailsQuery, JobDetailsQueryVariables>;

export const JobProgressDocument = "subscription JobProgress($id:ID!){jobProgress(id:$id){...JobRow}}fragment JobRow on Job{id kind state progress stage attempts userId item{id title}errorCode errorMessage cancelRequested queuePosition previewUrl createdAt startedAt finishedAt}" as TypedDocument<JobProgressSubscription, JobProgressSubscriptionVariables>;

export const CancelJobDocument = "mutation CancelJob($id:ID!){cancelJob(id:$id){id}}" as TypedDocument<CancelJobMutation, CancelJobMutationVariables>;

export const RetryJobDocument = "mutation RetryJob($id:ID!){retryJob(id:$id){id}}" as TypedDocument<RetryJobMutation, RetryJobMutationVariables>;
