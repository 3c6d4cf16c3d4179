import { Field, ID, InputType, Int } from "type-graphql";
import { ImportSource } from "./enums.js";
import { JsonObject } from "./scalars.js";

@InputType({ description: "A catalogue to import." })
export class StartImportInput {
  @Field(() => ImportSource, { description: "The kind of catalogue." })
  source!: ImportSource;

  @Field(() => String, {
    nullable: true,
    description:
      "Its folder below `<VITRINE_HOME>/imports` on the server, such as `spring-2026`; required by all but STICKERS.",
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
    description: "Hyper-parameters to change; the others keep their defaults.",
  })
  config?: Record<string, unknown> | null;

  @Field(() => Int, { nullable: true, description: "Seed of all randomness. Default: 1." })
  seed?: number | null;

  @Field(() => Boolean, {
    nullable: true,
    description:
      "Whether the new version becomes active when it is ready. Default: unless its NDCG@10 on validation is below " +
      "the active version's, where both have the same data and split.",
  })
  activate?: boolean | null;
}

@InputType({ description: "A personalizer to train." })
export class StartPersonalizerTrainingInput {
  @Field(() => JsonObject, {
    nullable: true,
    description: "Hyper-parameters to change; the others keep their defaults.",
  })
  config?: Record<string, unknown> | null;

  @Field(() => Int, { nullable: true, description: "Seed of all randomness. Default: 1." })
  seed?: number | null;

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
  @Field(() => JsonObject, {
    nullable: true,
    description: "Users, items, pictures, protocol and seeds; omitted fields take their defaults.",
  })
  config?: Record<string, unknown> | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description: "Whether the new version serves even if it is not better on the validation split.",
  })
  activate!: boolean;
}

@InputType({ description: "A picture to generate." })
export class GenerationPairInput {
  @Field(() => ID, { description: "The shopper it is for." })
  userId!: string;

  @Field(() => ID, { description: "The item it is of." })
  itemId!: string;
}
