// Made by 'npm run codegen' from web/src/storefront/explain.graphql: do not edit.
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

export type FidelityPolicy =
  | 'FREE'
  | 'PRODUCT'
  | 'STYLE';

export type ImageKind =
  | 'GENERATED'
  | 'STUDIO'
  | 'VARIANT';

export type NoRankChangeReason =
  | 'MODEL_READS_NO_IMAGES'
  | 'NO_RANKING_MODEL'
  | 'UNKNOWN_TO_MODEL';

export type ExplainImageQueryVariables = Exact<{
  userId: Scalars['ID']['input'];
  itemId: Scalars['ID']['input'];
}>;


export type ExplainImageQuery = { item: { id: string, title: string, description: string, category: string | null, attribution: string | null, caption: { text: string } | null, image: { url: string } | null, personalizedImage: { id: string, kind: ImageKind, url: string, isServed: boolean, disclosure: string | null, createdAt: string, generationSeconds: number, seed: number, generator: string, promptVersion: string, imageSimilarity: number, captionSimilarity: number, fidelityPolicy: FidelityPolicy | null, noRankChange: NoRankChangeReason | null, fidelity: { ssim: number, colorMean: number, edgeEnergy: number, sharpness: number } | null, personalizer: { id: string, trainedAt: string | null } | null, rankChange: { deltaR: number, rankBefore: number, rankAfter: number, numRanked: number, scoreBefore: number, scoreAfter: number, modelVersion: { id: string, algorithm: string, trainedAt: string | null } } | null, explanation: { prompt: string, preferenceKeywords: Array<string>, referenceKeywords: Array<string>, keywordExtractor: string, guidanceScale: number, numSteps: number, strength: number, rankBefore: number | null, scoreBefore: number | null, chosenCandidate: number, retrieved: Array<{ similarity: number, weight: number, item: { id: string, title: string, image: { url: string } | null } | null }>, candidates: Array<{ score: number | null, rank: number | null, deltaR: number | null, imageSimilarity: number, captionSimilarity: number, faults: Array<string> }> } } | null } };

export const ExplainImageDocument = "query ExplainImage($userId:ID!$itemId:ID!){item(id:$itemId){id title description category attribution caption{text}image{url(width:768)}personalizedImage(userId:$userId){id kind url(width:768)isServed disclosure createdAt generationSeconds seed generator promptVersion imageSimilarity captionSimilarity fidelityPolicy fidelity{ssim colorMean edgeEnergy sharpness}personalizer{id trainedAt}noRankChange rankChange{deltaR rankBefore rankAfter numRanked scoreBefore scoreAfter modelVersion{id algorithm trainedAt}}explanation{prompt preferenceKeywords referenceKeywords keywordExtractor guidanceScale numSteps strength rankBefore scoreBefore chosenCandidate retrieved{similarity weight item{id title image{url(width:128)}}}candidates{score rank deltaR imageSimilarity captionSimilarity faults}}}}}" as TypedDocument<ExplainImageQuery, ExplainImageQueryVariables>;
