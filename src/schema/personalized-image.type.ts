import { Float, ID, Int, ObjectType } from "type-graphql";
import type { PersonalizedImageRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({
  description: "A picture of one item for one shopper: generated, or one of its variants.",
})
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
  @Described(ID, "A UUID.")
  id!: string;

  @Described(Int, "Seed of all randomness: the same request gives the same file.")
  seed!: number;

  @Described(String, "The generator's model pack, `name@version`; `variant@…` for a variant.")
  generator!: string;

  @Described(String, "Version of the prompt template.")
  promptVersion!: string;

  @Described(Float, "CLIP cosine between the picture and the item's caption, -1 to 1.")
  captionSimilarity!: number;

  @Described(Float, "CLIP cosine between the picture and the item's catalogue picture, -1 to 1.")
  imageSimilarity!: number;

  @Described(
    Boolean,
    "Whether its shopper sees it; false if the item ranks lower with it, and keeps its catalogue picture.",
  )
  isServed!: boolean;

  @Described(Float, "Time from the start of the job to the stored file, seconds.")
  generationSeconds!: number;

  @Described(DateTime, "When it was generated.")
  createdAt!: Date;
}

export const PersonalizedImageConnection = connectionType(PersonalizedImage, "PersonalizedImage");

@ObjectType({
  description:
    "How true a picture is to the catalogue picture, inside the product's mask, or in the whole picture if none is locked.",
})
export class Fidelity {
  @Described(Float, "Mean CIEDE2000 colour difference; 0 is equal, below 1 is invisible.")
  colorMean!: number;

  @Described(Float, "95th percentile of the CIEDE2000 colour differences.")
  colorP95!: number;

  @Described(Float, "Structural similarity (SSIM), -1 to 1; 1 is equal.")
  ssim!: number;

  @Described(Float, "Energy of the edges, over the catalogue picture's; 1 is equal.")
  edgeEnergy!: number;

  @Described(Float, "Sharpness, over the catalogue picture's at the same size; below 1 is softer.")
  sharpness!: number;

  @Described(Float, "Size, over the catalogue picture's; 1 is equal.")
  size!: number;
}

@ObjectType({ description: "A candidate, generated or a variant's, and its scores." })
export class CandidateImage {
  @Nullable(ID, "The variant whose picture it is; null for a generated one.")
  variantId?: string | null;

  @Nullable(Float, "The ranking model's score of the item with it; null without a ranking model.")
  score!: number | null;

  @Nullable(Float, "The item's catalogue rank with it, 1 is best; null without a ranking model.")
  rank!: number | null;

  @Nullable(
    Float,
    "Its rank change, `(rankBefore - rank) / (1 + rankBefore)`; null without a rank.",
  )
  deltaR!: number | null;

  @Described(Float, "CLIP cosine with the item's caption, -1 to 1.")
  captionSimilarity!: number;

  @Described(Float, "CLIP cosine with the item's catalogue picture, -1 to 1.")
  imageSimilarity!: number;

  @Described(
    [String],
    "Why it could not be shown: `BLANK`, `NOISE`, `UNLIKE_REFERENCE`, `OFF_CAPTION`, `UNSAFE`, `PRODUCT_CHANGED`, `BLURRED`; empty if it could.",
  )
  faults!: string[];

  @Nullable(
    Fidelity,
    "How true it is to the catalogue picture, as it is shown; null if not measured.",
  )
  fidelity?: Fidelity | null;

  @Nullable(
    Fidelity,
    "The same as it was generated, before the product's pixels were put back; null if none were.",
  )
  generatedFidelity?: Fidelity | null;
}

@ObjectType({ description: "How a personalised picture was generated." })
export class Explanation {
  @Described(
    String,
    "What extracted the keywords: a language model with its prompt, by name and version, or a deterministic extractor such as `words-2`; both, separated by a comma, if items differ.",
  )
  keywordExtractor!: string;

  @Described(Float, "Entropy of the retrieved items' weights, in nats: ln n for n equal weights.")
  weightEntropy!: number;

  @Nullable(
    Float,
    "The ranking model's score of the item with its catalogue picture; null without a ranking model.",
  )
  scoreBefore!: number | null;

  @Nullable(Float, "The item's rank with its catalogue picture; null without a ranking model.")
  rankBefore!: number | null;

  @Described(Float, "Minimum CLIP cosine with the item's caption.")
  captionFloor!: number;

  @Described([String], "Keywords of the item itself.")
  referenceKeywords!: string[];

  @Described([String], "Preference keywords from the shopper's history.")
  preferenceKeywords!: string[];

  @Described(String, "The generator's prompt.")
  prompt!: string;

  @Described(Int, "Denoising steps.")
  numSteps!: number;

  @Described(Float, "Weight of classifier-free guidance; 1 is none.")
  guidanceScale!: number;

  @Described(Float, "How far from the catalogue picture the generation started: 1 is pure noise.")
  strength!: number;

  @Described(
    [CandidateImage],
    "All pictures compared, generated or of variants, in order; the best was selected.",
  )
  candidates!: CandidateImage[];

  @Described(Int, "Index of the selected picture among `candidates`, from 0.")
  chosenCandidate!: number;
}

@ObjectType({ description: "An item of the shopper's history that influenced the picture." })
export class RetrievedItem {
  @Described(Float, "Cosine of its caption's embedding with the item's, -1 to 1.")
  similarity!: number;

  @Described(Float, "Its weight in the retrieved preference, 0 to 1; the weights sum to 1.")
  weight!: number;
}
