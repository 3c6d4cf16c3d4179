import { createUnionType, Field, Float, InputType, Int, ObjectType } from "type-graphql";
import { OriginalReason } from "./enums.js";

@InputType({ description: "How a picture is made. What is left out takes its default." })
export class PersonalizeImageOptions {
  @Field(() => Int, {
    defaultValue: 0,
    description: "How long to wait for the picture before the job is returned, 0 to 60000 ms.",
  })
  waitMs!: number;

  @Field(() => Int, {
    nullable: true,
    description: "Seed of all randomness: the same request gives the same picture. Default: 1.",
  })
  seed?: number | null;

  @Field(() => Float, {
    nullable: true,
    description:
      "How far from the catalogue picture the drawing starts, 0.05 to 1 (from noise alone). Default: the model pack's, 1 for the bundled one.",
  })
  strength?: number | null;

  @Field(() => Float, {
    nullable: true,
    description:
      "Weight of classifier-free guidance, 1 (none) to 20. Default: the model pack's, 1 for the bundled one.",
  })
  guidanceScale?: number | null;

  @Field(() => Int, {
    nullable: true,
    description: "Denoising steps, 1 to 100. Default: the model pack's, 2 for the bundled one.",
  })
  numSteps?: number | null;

  @Field(() => Int, {
    nullable: true,
    description: "Pictures to draw, of which the best is kept, 1 to 8. Default: 3.",
  })
  numCandidates?: number | null;
}

@ObjectType({ description: "The picture is there." })
export class PersonalizedImagePayload {}

@ObjectType({ description: "The picture is being made: follow `job(id)` or `jobProgress(id)`." })
export class JobRunning {}

@ObjectType({ description: "The item keeps its catalogue picture for this shopper." })
export class OriginalImage {
  @Field(() => OriginalReason, { description: "Why, for programs." })
  reason!: OriginalReason;
}

/** The member of {@link PersonalizeImageResult} of each kind that the personalization service answers with. */
const members = {
  picture: "PersonalizedImagePayload",
  running: "JobRunning",
  original: "OriginalImage",
};

export const PersonalizeImageResult = createUnionType({
  name: "PersonalizeImageResult",
  description: "The picture, the job that makes it, or the reason why there is none.",
  types: () => [PersonalizedImagePayload, JobRunning, OriginalImage] as const,
  resolveType: value => members[(value as unknown as { kind: keyof typeof members }).kind],
});
