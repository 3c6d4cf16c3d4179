import { Field, ID, InputType, Int } from "type-graphql";
import { ImportSource } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { JsonObject } from "./scalars.js";

@InputType({ description: "A catalogue to import." })
export class StartImportInput {
  @Described(ImportSource, "The kind of catalogue.")
  source!: ImportSource;

  @Nullable(
    String,
    "Its folder below `<VITRINE_HOME>/imports` on the server, such as `spring-2026`; required by all but STICKERS.",
  )
  folder?: string | null;

  @Nullable(Int, "STICKERS: seed of the simulated shoppers. Default: 7.")
  seed?: number | null;
}

@InputType()
abstract class TrainingInput {
  @Nullable(JsonObject, "Hyper-parameters to change; the others keep their defaults.")
  config?: Record<string, unknown> | null;

  @Nullable(Int, "Seed of all randomness. Default: 1.")
  seed?: number | null;
}

@InputType({ description: "A ranking model to train." })
export class StartRankerTrainingInput extends TrainingInput {
  @Nullable(
    Boolean,
    "Whether the new version becomes active when it is ready. Default: unless its NDCG@10 on validation is below " +
      "the active version's, where both have the same data and split.",
  )
  activate?: boolean | null;
}

@InputType({ description: "A personalizer to train." })
export class StartPersonalizerTrainingInput extends TrainingInput {
  @Field(() => Boolean, {
    defaultValue: true,
    description: "Whether the new version becomes active when it is ready.",
  })
  activate!: boolean;
}

@InputType({
  description: "A re-ranking: pictures to generate, and a ranking model to train on them.",
})
export class StartRerankInput {
  @Nullable(
    JsonObject,
    "Users, items, pictures, protocol and seeds; omitted fields take their defaults.",
  )
  config?: Record<string, unknown> | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description: "Whether the new version serves even if it is not better on the validation split.",
  })
  activate!: boolean;
}

@InputType({ description: "A picture to generate." })
export class GenerationPairInput {
  @Described(ID, "The shopper it is for.")
  userId!: string;

  @Described(ID, "The item it is of.")
  itemId!: string;
}
