import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import type { PersonalizedImageRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "A picture made for one shopper from one item." })
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
      "Whether its shopper is shown it; false if the item ranks lower with it, and keeps its catalogue picture.",
  })
  isServed!: boolean;

  @Field(() => Float, {
    description: "Time from the start of the job to the stored file, seconds.",
  })
  generationSeconds!: number;

  @Field(() => DateTime, { description: "When it was made." })
  createdAt!: Date;
}

export const PersonalizedImageConnection = connectionType(PersonalizedImage, "PersonalizedImage");

@ObjectType({ description: "A picture that was drawn, and how it was judged." })
export class CandidateImage {
  @Field(() => Float, {
    nullable: true,
    description: "The ranking model's score of the item with it; null without a ranking model.",
  })
  score!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "The item's place in the catalogue with it, 1 is best; null likewise.",
  })
  rank!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "Its rank change, `(rankBefore - rank) / (1 + rankBefore)`; null likewise.",
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

@ObjectType({ description: "What a personalised picture was made from and how." })
export class Explanation {
  @Field(() => String, {
    description:
      "What found the keywords: a language model by its name, or `words-1`, which needs none.",
  })
  keywordExtractor!: string;

  @Field(() => Float, {
    description: "Entropy of the retrieved items' weights, in nats: ln n when n weigh alike.",
  })
  weightEntropy!: number;

  @Field(() => Float, {
    nullable: true,
    description:
      "The ranking model's score of the item with its catalogue picture; null without one.",
  })
  scoreBefore!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "The item's place with its catalogue picture; null likewise.",
  })
  rankBefore!: number | null;

  @Field(() => Float, {
    description: "The least CLIP cosine with the item's caption that a picture had to have.",
  })
  captionFloor!: number;

  @Field(() => [String], { description: "Preference words of the item itself." })
  referenceKeywords!: string[];

  @Field(() => [String], { description: "Preference words found in the shopper's history." })
  preferenceKeywords!: string[];

  @Field(() => String, { description: "The text that the generator was given." })
  prompt!: string;

  @Field(() => Int, { description: "Denoising steps." })
  numSteps!: number;

  @Field(() => Float, { description: "Weight of classifier-free guidance; 1 is none." })
  guidanceScale!: number;

  @Field(() => Float, {
    description: "How far from the catalogue picture the drawing started: 1 is from noise alone.",
  })
  strength!: number;

  @Field(() => [CandidateImage], {
    description: "The pictures drawn, of which the best was kept, in the order they were drawn.",
  })
  candidates!: CandidateImage[];

  @Field(() => Int, { description: "Place of the picture kept among `candidates`, from 0." })
  chosenCandidate!: number;
}

@ObjectType({ description: "An item of the shopper's history that shaped the picture." })
export class RetrievedItem {
  @Field(() => Float, {
    description: "Cosine of its caption's embedding with the item's, -1 to 1.",
  })
  similarity!: number;

  @Field(() => Float, {
    description: "Its share in the retrieved preference, 0 to 1; the shares add up to 1.",
  })
  weight!: number;
}
