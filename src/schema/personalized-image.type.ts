import { Field, Float, ID, Int, ObjectType } from "type-graphql";
import type { PersonalizedImageRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { DateTime, JsonObject } from "./scalars.js";

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

  @Field(() => Float, {
    description: "Time from the start of the job to the stored file, seconds.",
  })
  generationSeconds!: number;

  @Field(() => DateTime, { description: "When it was made." })
  createdAt!: Date;
}

export const PersonalizedImageConnection = connectionType(PersonalizedImage, "PersonalizedImage");

@ObjectType({ description: "What a personalised picture was made from and how." })
export class Explanation {
  @Field(() => [String], { description: "Preference words given to the generator." })
  keywords!: string[];

  @Field(() => String, { nullable: true, description: "The prompt; null if none was written." })
  prompt!: string | null;

  @Field(() => String, { nullable: true, description: "Name of the sampler." })
  scheduler!: string | null;

  @Field(() => Int, { nullable: true, description: "Denoising steps." })
  numSteps!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "Classifier-free guidance weight; 1 is no guidance.",
  })
  guidanceScale!: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "How far the picture may leave the catalogue picture: 0 not at all, 1 freely.",
  })
  strength!: number | null;

  @Field(() => Int, { nullable: true, description: "Pictures made, of which the best was kept." })
  numCandidates!: number | null;

  @Field(() => JsonObject, {
    description: "The whole record, for reproducing the picture; its shape may change.",
  })
  provenance!: Record<string, unknown>;
}

@ObjectType({ description: "An item of the shopper's history that shaped the picture." })
export class RetrievedItem {
  @Field(() => Float, {
    description: "Cosine of its caption's embedding with the item's, -1 to 1.",
  })
  similarity!: number;

  @Field(() => Float, {
    nullable: true,
    description: "Its share in the retrieved preference, 0 to 1; null if it was not weighed.",
  })
  weight!: number | null;
}
