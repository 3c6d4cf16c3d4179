import { Field, ID, InputType, Int } from "type-graphql";
import { ImportSource } from "./enums.js";
import { JsonObject } from "./scalars.js";

@InputType({ description: "A catalogue to import." })
export class StartImportInput {
  @Field(() => ImportSource, { description: "What kind of catalogue it is." })
  source!: ImportSource;

  @Field(() => String, {
    nullable: true,
    description:
      "Its folder below `<VITRINE_HOME>/imports` on the server, such as `spring-2026`; needed by all but STICKERS.",
  })
  folder?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: "STICKERS: seed of the simulated shoppers. Default: 7.",
  })
  seed?: number | null;
}

@InputType({ description: "A ranking model to train." })
export class StartRankerTrainingInput {
  @Field(() => JsonObject, {
    nullable: true,
    description: "Hyper-parameters to change; the others take their defaults.",
  })
  config?: Record<string, unknown> | null;

  @Field(() => Int, { nullable: true, description: "Seed of all randomness. Default: 1." })
  seed?: number | null;

  @Field(() => Boolean, {
    nullable: true,
    description:
      "Whether the new version becomes the active one when it is ready. Default: unless its NDCG@10 on validation is below " +
      "the active version's, where both have the same data and split.",
  })
  activate?: boolean | null;
}

@InputType({ description: "A personalizer to train." })
export class StartPersonalizerTrainingInput {
  @Field(() => JsonObject, {
    nullable: true,
    description: "Hyper-parameters to change; the others take their defaults.",
  })
  config?: Record<string, unknown> | null;

  @Field(() => Int, { nullable: true, description: "Seed of all randomness. Default: 1." })
  seed?: number | null;

  @Field(() => Boolean, {
    defaultValue: true,
    description: "Whether the new version becomes the active one when it is ready.",
  })
  activate!: boolean;
}

@InputType({ description: "A re-ranking: pictures to make, and a ranking model to train on them." })
export class StartRerankInput {
  @Field(() => JsonObject, {
    nullable: true,
    description: "Users, items, pictures, protocol and seeds; what is left out takes its default.",
  })
  config?: Record<string, unknown> | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description: "Whether the new version serves even if it is not better on the validation split.",
  })
  activate!: boolean;
}

@InputType({ description: "A picture to make." })
export class GenerationPairInput {
  @Field(() => ID, { description: "The shopper it is for." })
  userId!: string;

  @Field(() => ID, { description: "The item it is of." })
  itemId!: string;
}
