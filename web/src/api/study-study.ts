// Made by 'npm run codegen' from web/src/study/study.graphql: do not edit.
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

export type StudyAnswerInput = {
  pairId: Scalars['ID']['input'];
  question: StudyQuestion;
  ranking: Array<Scalars['ID']['input']>;
};

export type StudyQuestion =
  | 'CLICK'
  | 'MEANING';

export type StudyInvitationQueryVariables = Exact<{
  studyId: Scalars['ID']['input'];
}>;


export type StudyInvitationQuery = { studyInvitation: { title: string, isOpen: boolean, numTasks: number, minutes: number } };

export type JoinStudyMutationVariables = Exact<{
  studyId: Scalars['ID']['input'];
}>;


export type JoinStudyMutation = { joinStudy: { token: string } };

export type SessionFragment = { title: string, isFinished: boolean, tasks: Array<{ pairId: string, question: StudyQuestion, answer: Array<string> | null, images: Array<{ id: string, url: string }>, history: Array<{ id: string, url: string }>, reference: { id: string, url: string } }> };

export type StudySessionQueryVariables = Exact<{ [key: string]: never; }>;


export type StudySessionQuery = { studySession: { title: string, isFinished: boolean, tasks: Array<{ pairId: string, question: StudyQuestion, answer: Array<string> | null, images: Array<{ id: string, url: string }>, history: Array<{ id: string, url: string }>, reference: { id: string, url: string } }> } };

export type SubmitStudyAnswerMutationVariables = Exact<{
  input: StudyAnswerInput;
}>;


export type SubmitStudyAnswerMutation = { submitStudyAnswer: { pairId: string, question: StudyQuestion, answer: Array<string> | null } };

export type FinishStudyMutationVariables = Exact<{ [key: string]: never; }>;


export type FinishStudyMutation = { finishStudy: { title: string, isFinished: boolean, tasks: Array<{ pairId: string, question: StudyQuestion, answer: Array<string> | null, images: Array<{ id: string, url: string }>, history: Array<{ id: string, url: string }>, reference: { id: string, url: string } }> } };

export const StudyInvitationDocument = "query StudyInvitation($studyId:ID!){studyInvitation(studyId:$studyId){title isOpen numTasks minutes}}" as TypedDocument<StudyInvitationQuery, StudyInvitationQueryVariables>;

export const JoinStudyDocument = "mutation JoinStudy($studyId:ID!){joinStudy(studyId:$studyId){token}}" as TypedDocument<JoinStudyMutation, JoinStudyMutationVariables>;

export const StudySessionDocument = "query StudySession{studySession{...Session}}fragment Session on StudySession{title isFinished tasks{pairId question answer images{id url}history{id url}reference{id url}}}" as TypedDocument<StudySessionQuery, StudySessionQueryVariables>;

export const SubmitStudyAnswerDocument = "mutation SubmitStudyAnswer($input:StudyAnswerInput!){submitStudyAnswer(input:$input){pairId question answer}}" as TypedDocument<SubmitStudyAnswerMutation, SubmitStudyAnswerMutationVariables>;

export const FinishStudyDocument = "mutation FinishStudy{finishStudy{...Session}}fragment Session on StudySession{title isFinished tasks{pairId question answer images{id url}history{id url}reference{id url}}}" as TypedDocument<FinishStudyMutation, FinishStudyMutationVariables>;
