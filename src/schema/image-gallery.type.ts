import { Float, ID, InputType, ObjectType } from "type-graphql";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "Why a picture may be shown to nobody any more." })
export class ImageRejection {
  @Described(String, "The reason, in the words of the one who rejected it.")
  reason!: string;

  @Described(DateTime, "When it was rejected.")
  createdAt!: Date;
}

@InputType({ description: "A filter of personalised pictures; omitted fields do not restrict." })
export class PersonalizedImageFilterInput {
  @Nullable(ID, "Of this shopper.")
  userId?: string | null;

  @Nullable(ID, "Of this item.")
  itemId?: string | null;

  @Nullable(String, "By this model pack, `name@version`.")
  generator?: string | null;

  @Nullable(ID, "Made while this version of the ranking model was active.")
  modelVersionId?: string | null;

  @Nullable(ID, "Conditioned by this version of the personalizer.")
  personalizerId?: string | null;

  @Nullable(Boolean, "Whether their shoppers see them.")
  isServed?: boolean | null;

  @Nullable(Boolean, "Whether they were rejected.")
  isRejected?: boolean | null;

  @Nullable(Float, "Of this rank change or a higher one.")
  minDeltaR?: number | null;

  @Nullable(Float, "Of this rank change or a lower one.")
  maxDeltaR?: number | null;

  @Nullable(
    String,
    "With this fault of one of their candidates, as in `CandidateImage.faults`, such as `BLURRED`.",
  )
  fault?: string | null;
}
