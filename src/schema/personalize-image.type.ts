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
    description: "Seed of all randomness, 0 to 2147483647. Default: 0.",
  })
  seed?: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "How far the picture may leave the catalogue picture, 0 to 1.",
  })
  strength?: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "Classifier-free guidance weight, 1 (none) to 20.",
  })
  guidanceScale?: number | null;

  @Field(() => Int, { nullable: true, description: "Denoising steps, 1 to 100." })
  numSteps?: number | null;

  @Field(() => Int, {
    nullable: true,
    description: "Pictures to make, of which the best is kept, 1 to 8.",
  })
  numCandidates?: number | null;
}

@ObjectType({ description: "The picture is there." })
export class PersonalizedImagePayload {
  @Field(() => Boolean, { description: "Whether it had been made before this request." })
  isCached!: boolean;
}

@ObjectType({ description: "The picture is being made: follow `job(id)` or `jobProgress(id)`." })
export class JobRunning {
  @Field(() => String, { description: "That it is being made, for people." })
  message!: string;
}

@ObjectType({ description: "The item keeps its catalogue picture for this shopper." })
export class OriginalImage {
  @Field(() => OriginalReason, { description: "Why, for programs." })
  reason!: OriginalReason;

  @Field(() => String, { description: "Why, for people." })
  message!: string;
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
  resolveType: (value: { kind: keyof typeof members }) => members[value.kind],
});
