import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import type { PersonalizedImageRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "A picture of one item, generated for one shopper." })
export class PersonalizedImage implements Pick<
  PersonalizedImageRow,
  | "id"
  | "seed"
  | "generator"
  | "promptVersion"
  | "captionSimilarity"
  | "imageSimilarity"
  | "generationSeconds"
  | "isServed"
  | "createdAt"
> {
  @Field(() => ID, { description: "A UUID." })
  id!: string;

  @Field(() => Int, {
    description: "Seed of all randomness: the same request gives the same file.",
  })
  seed!: number;

  @Field(() => String, { description: "The generator's model pack, `name@version`." })
  generator!: string;

  @Field(() => String, { description: "Version of the prompt template." })
  promptVersion!: string;

  @Field(() => Float, {
    description: "CLIP cosine between the picture and the item's caption, -1 to 1.",
  })
  captionSimilarity!: number;

  @Field(() => Float, {
    description: "CLIP cosine between the picture and the item's catalogue picture, -1 to 1.",
  })
  imageSimilarity!: number;

  @Field(() => Boolean, {
    description:
      "Whether its shopper sees it; false if the item ranks lower with it, and keeps its catalogue picture.",
  })
  isServed!: boolean;

  @Field(() => Float, {
    description: "Time from the start of the job to the stored file, seconds.",
  })
  generationSeconds!: number;

  @Field(() => DateTime, { description: "When it was generated." })
  createdAt!: Date;
}

export const PersonalizedImageConnection = connectionType(PersonalizedImage, "PersonalizedImage");

@ObjectType({ description: "A generated candidate and its scores." })
export class CandidateImage {
  @Field(() => Float, {
    nullable: true,
    description: "The ranking model's score of the item with it; null without a ranking model.",
  })
  score!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "The item's catalogue rank with it, 1 is best; null without a ranking model.",
  })
  rank!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "Its rank change, `(rankBefore - rank) / (1 + rankBefore)`; null without a rank.",
  })
  deltaR!: number | null;

  @Field(() => Float, { description: "CLIP cosine with the item's caption, -1 to 1." })
  captionSimilarity!: number;

  @Field(() => Float, { description: "CLIP cosine with the item's catalogue picture, -1 to 1." })
  imageSimilarity!: number;

  @Field(() => [String], {
    description:
      "Why it could not be shown: `BLANK`, `NOISE`, `UNLIKE_REFERENCE`, `OFF_CAPTION`, `UNSAFE`; empty if it could.",
  })
  faults!: string[];
}

@ObjectType({ description: "How a personalised picture was generated." })
export class Explanation {
  @Field(() => String, {
    description:
      "What extracted the keywords: a language model with its prompt, by name and version, or a deterministic extractor such as `words-2`; both, separated by a comma, if items differ.",
  })
  keywordExtractor!: string;

  @Field(() => Float, {
    description: "Entropy of the retrieved items' weights, in nats: ln n for n equal weights.",
  })
  weightEntropy!: number;

  @Field(() => Float, {
    nullable: true,
    description:
      "The ranking model's score of the item with its catalogue picture; null without a ranking model.",
  })
  scoreBefore!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "The item's rank with its catalogue picture; null without a ranking model.",
  })
  rankBefore!: number | null;

  @Field(() => Float, {
    description: "Minimum CLIP cosine with the item's caption.",
  })
  captionFloor!: number;

  @Field(() => [String], { description: "Keywords of the item itself." })
  referenceKeywords!: string[];

  @Field(() => [String], { description: "Preference keywords from the shopper's history." })
  preferenceKeywords!: string[];

  @Field(() => String, { description: "The generator's prompt." })
  prompt!: string;

  @Field(() => Int, { description: "Denoising steps." })
  numSteps!: number;

  @Field(() => Float, { description: "Weight of classifier-free guidance; 1 is none." })
  guidanceScale!: number;

  @Field(() => Float, {
    description: "How far from the catalogue picture the generation started: 1 is pure noise.",
  })
  strength!: number;

  @Field(() => [CandidateImage], {
    description: "All generated pictures in order, of which the best was selected.",
  })
  candidates!: CandidateImage[];

  @Field(() => Int, { description: "Index of the selected picture among `candidates`, from 0." })
  chosenCandidate!: number;
}

@ObjectType({ description: "An item of the shopper's history that influenced the picture." })
export class RetrievedItem {
  @Field(() => Float, {
    description: "Cosine of its caption's embedding with the item's, -1 to 1.",
  })
  similarity!: number;

  @Field(() => Float, {
    description: "Its weight in the retrieved preference, 0 to 1; the weights sum to 1.",
  })
  weight!: number;
}
