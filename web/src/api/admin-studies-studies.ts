// Made by 'npm run codegen' from web/src/admin/studies/studies.graphql: do not edit.
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

export type CreateStudyInput = {
  maxParticipants?: InputMaybe<Scalars['Int']['input']>;
  methods: Array<StudyMethod>;
  numChecks?: InputMaybe<Scalars['Int']['input']>;
  numPairs?: InputMaybe<Scalars['Int']['input']>;
  pairs?: InputMaybe<Array<StudyPairInput>>;
  seed?: InputMaybe<Scalars['Int']['input']>;
  title: Scalars['String']['input'];
};

export type JobState =
  | 'CANCELLED'
  | 'FAILED'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED';

export type StudyMethod =
  | 'FIRST_CANDIDATE'
  | 'KEYWORDS'
  | 'ORIGINAL'
  | 'PLAIN'
  | 'RETRIEVAL'
  | 'SERVED';

export type StudyPairInput = {
  consent?: Scalars['Boolean']['input'];
  itemId: Scalars['ID']['input'];
  userId: Scalars['ID']['input'];
};

export type StudyQuestion =
  | 'CLICK'
  | 'MEANING';

export type StudyRowFragment = { id: string, title: string, methods: Array<StudyMethod>, link: string, createdAt: string, closedAt: string | null, numPairs: number, numChecks: number, numParticipants: number, numFinished: number, maxParticipants: number };

export type StudiesQueryVariables = Exact<{
  first: Scalars['Int']['input'];
  after: InputMaybe<Scalars['String']['input']>;
}>;


export type StudiesQuery = { studies: { edges: Array<{ node: { id: string, title: string, methods: Array<StudyMethod>, link: string, createdAt: string, closedAt: string | null, numPairs: number, numChecks: number, numParticipants: number, numFinished: number, maxParticipants: number } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type StudyResultsQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type StudyResultsQuery = { study: { generator: string, method: string, seed: number, id: string, title: string, methods: Array<StudyMethod>, link: string, createdAt: string, closedAt: string | null, numPairs: number, numChecks: number, numParticipants: number, numFinished: number, maxParticipants: number, results: { participants: { joined: number, finished: number, failedChecks: number, counted: number }, questions: Array<{ question: StudyQuestion, numAnswers: number, kendallsW: number | null, pairAgreement: number | null, friedman: { chiSquare: number, degreesOfFreedom: number, pValue: number } | null, methods: Array<{ method: StudyMethod, meanRank: number, firstShare: number, interval95: { low: number, high: number } | null }>, comparisons: Array<{ better: StudyMethod, worse: StudyMethod, difference: number, pValue: number, holmPValue: number }> }> } } };

export type StudyCsvQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type StudyCsvQuery = { study: { answersCsv: string } };

export type CreateStudyMutationVariables = Exact<{
  input: CreateStudyInput;
}>;


export type CreateStudyMutation = { createStudy: { id: string } };

export type StudyJobQueryVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type StudyJobQuery = { job: { state: JobState, progress: number, stage: string, errorMessage: string | null, result: Record<string, unknown> | null } };

export type CloseStudyMutationVariables = Exact<{
  id: Scalars['ID']['input'];
}>;


export type CloseStudyMutation = { closeStudy: { id: string } };

export const StudiesDocument = "query Studies($first:Int!$after:String){studies(first:$first after:$after){edges{node{...StudyRow}}pageInfo{hasNextPage endCursor}}}fragment StudyRow on Study{id title methods link createdAt closedAt numPairs numChecks numParticipants numFinished maxParticipants}" as TypedDocument<StudiesQuery, StudiesQueryVariables>;

export const StudyResultsDocument = "query StudyResults($id:ID!){study(id:$id){...StudyRow generator method seed results{participants{joined finished failedChecks counted}questions{question numAnswers kendallsW pairAgreement friedman{chiSquare degreesOfFreedom pValue}methods{method meanRank firstShare interval95{low high}}comparisons{better worse difference pValue holmPValue}}}}}fragment StudyRow on Study{id title methods link createdAt closedAt numPairs numChecks numParticipants numFinished maxParticipants}" as TypedDocument<StudyResultsQuery, StudyResultsQueryVariables>;

export const StudyCsvDocument = "query StudyCsv($id:ID!){study(id:$id){answersCsv}}" as TypedDocument<StudyCsvQuery, StudyCsvQueryVariables>;

export const CreateStudyDocument = "mutation CreateStudy($input:CreateStudyInput!){createStudy(input:$input){id}}" as TypedDocument<CreateStudyMutation, CreateStudyMutationVariables>;

export const StudyJobDocument = "query StudyJob($id:ID!){job(id:$id){state progress stage errorMessage result}}" as TypedDocument<StudyJobQuery, StudyJobQueryVariables>;

export const CloseStudyDocument = "mutation CloseStudy($id:ID!){closeStudy(id:$id){id}}" as TypedDocument<CloseStudyMutation, CloseStudyMutationVariables>;
