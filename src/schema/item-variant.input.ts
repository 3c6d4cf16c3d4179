import { ID, InputType } from "type-graphql";
import { Described, Nullable } from "./field.js";

@InputType({ description: "A property in which variants differ." })
export class VariantOptionInput {
  @Described(String, "Its name, such as `Colour`, 1 to 100 characters.")
  name!: string;

  @Described(String, "The variant's value, such as `Red`, 1 to 100 characters.")
  value!: string;
}

@InputType({ description: "A variant of an item. An omitted field takes its default." })
export class ItemVariantInput {
  @Described(ID, "The shop's own id of the variant, 1 to 200 characters, unique within its item.")
  id!: string;

  @Nullable(String, "Its own name, at most 1,000 characters. Default: none.")
  title?: string | null;

  @Nullable([VariantOptionInput], "At most 20. Default: none.")
  options?: VariantOptionInput[] | null;

  @Nullable(Boolean, "Whether it can be bought now. Default: true.")
  isAvailable?: boolean | null;

  @Nullable(
    String,
    "The URL of its own picture: a public http or https address, fetched once for variants of an item that share it; " +
      "or the picture itself, as a base64 `data:` URL. Default: the variant has none.",
  )
  imageUrl?: string | null;
}
