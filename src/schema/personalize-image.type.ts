import { createUnionType, Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import { OriginalReason } from "./enums.js";
import { DateTime } from "./scalars.js";

@InputType({
  description:
    "How a picture is made. What is left out takes its default. All but `waitMs` are for API keys: a shopper's token that " +
    "gives one is refused with `FORBIDDEN`. Values that the model pack cannot draw with are refused with `INVALID_ARGUMENT`.",
})
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

  @Field(() => DateTime, {
    nullable: true,
    description: "When it may be asked for again, if the reason is `BUSY`; else null.",
  })
  retryAt?: Date | null;
}

/** The member of {@link PersonalizeImageResult} of each kind that the personalization service answers with. */
const members = {
  image: "PersonalizedImagePayload",
  running: "JobRunning",
  original: "OriginalImage",
};

export const PersonalizeImageResult = createUnionType({
  name: "PersonalizeImageResult",
  description: "The picture, the job that makes it, or the reason why there is none.",
  types: () => [PersonalizedImagePayload, JobRunning, OriginalImage] as const,
  resolveType: value => members[(value as unknown as { kind: keyof typeof members }).kind],
});

@ObjectType({
  description:
    "What a shelf shows at the place of one item: a result, or what is wrong with the item.",
})
export class ShelfImage {
  @Field(() => ID, { description: "The item's id, as it was asked for." })
  itemId!: string;

  @Field(() => PersonalizeImageResult, {
    nullable: true,
    description: "As `personalizeImage` answers; null if there is an error.",
  })
  result!: object | null;

  @Field(() => String, {
    nullable: true,
    description: "Code of what is wrong with this item, such as `ITEM_NOT_FOUND` (docs/errors.md).",
  })
  errorCode!: string | null;

  @Field(() => String, { nullable: true, description: "The same for people." })
  errorMessage!: string | null;
}
