import { createUnionType, Field, Float, ID, InputType, Int, ObjectType } from "type-graphql";
import { FidelityPolicy, OriginalReason, VariantMode } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@InputType({
  description:
    "Generation options. Omitted fields take their defaults. All but `waitMs` require an API key: with a shopper's token " +
    "they fail with `FORBIDDEN`. Values that the model pack does not support fail with `INVALID_ARGUMENT`.",
})
export class PersonalizeImageOptions {
  @Field(() => Int, {
    defaultValue: 0,
    description: "How long to wait for the picture before the job is returned, 0 to 60000 ms.",
  })
  waitMs!: number;

  @Nullable(Int, "Seed of all randomness: the same request gives the same picture. Default: 1.")
  seed?: number | null;

  @Nullable(
    Float,
    "How far from the catalogue picture the generation starts, 0.05 to 1 (pure noise). Default: the model pack's, 1 for the bundled one.",
  )
  strength?: number | null;

  @Nullable(
    Float,
    "Weight of classifier-free guidance, 1 (none) to 20. Default: the model pack's, 1 for the bundled one.",
  )
  guidanceScale?: number | null;

  @Nullable(Int, "Denoising steps, 1 to 100. Default: the model pack's, 2 for the bundled one.")
  numSteps?: number | null;

  @Nullable(Int, "Pictures to generate, of which the best is selected, 1 to 8. Default: 3.")
  numCandidates?: number | null;

  @Nullable(
    VariantMode,
    "Whether pictures of the item's variants may answer, which cost nothing. Default: FIRST.",
  )
  variants?: VariantMode | null;

  @Nullable(
    FidelityPolicy,
    "How true the picture must be to the catalogue picture. Default: `VITRINE_FIDELITY`; if that is `auto`, PRODUCT for photographs and STYLE for drawings, by the catalogue.",
  )
  fidelity?: FidelityPolicy | null;
}

@ObjectType({ description: "The picture exists." })
export class PersonalizedImagePayload {}

@ObjectType({
  description: "The picture is being generated: follow `job(id)` or `jobProgress(id)`.",
})
export class JobRunning {}

@ObjectType({ description: "The item keeps its catalogue picture for this shopper." })
export class OriginalImage {
  @Described(OriginalReason, "The reason code.")
  reason!: OriginalReason;

  @Nullable(DateTime, "When to try again, if the reason is `BUSY`; otherwise null.")
  retryAt?: Date | null;
}

/** The member of {@link PersonalizeImageResult} for each kind of answer of the personalization service. */
const members = {
  image: "PersonalizedImagePayload",
  running: "JobRunning",
  original: "OriginalImage",
};

export const PersonalizeImageResult = createUnionType({
  name: "PersonalizeImageResult",
  description: "The picture, the job that generates it, or the reason why there is none.",
  types: () => [PersonalizedImagePayload, JobRunning, OriginalImage] as const,
  resolveType: value => members[(value as unknown as { kind: keyof typeof members }).kind],
});

@ObjectType({
  description: "The entry of one item in a shelf: a result, or the item's error.",
})
export class ShelfImage {
  @Described(ID, "The requested item's id.")
  itemId!: string;

  @Nullable(PersonalizeImageResult, "The result of `personalizeImage`; null if there is an error.")
  result!: object | null;

  @Nullable(String, "Error code of this item, such as `ITEM_NOT_FOUND` (docs/errors.md).")
  errorCode!: string | null;

  @Nullable(String, "The error message.")
  errorMessage!: string | null;
}
