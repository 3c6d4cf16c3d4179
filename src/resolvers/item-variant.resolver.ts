import { Ctx, Resolver, Root } from "type-graphql";
import type { ItemVariantRow } from "../db/rows.js";
import type { VariantOption as Option } from "../db/variants.repository.js";
import { Image } from "../schema/image.type.js";
import { ItemVariant, VariantOption } from "../schema/item-variant.type.js";
import type { RequestContext } from "./context.js";
import { NullableResolved, Resolved } from "./decorators.js";

@Resolver(() => ItemVariant)
export class ItemVariantResolver {
  @Resolved([VariantOption], "In the shop's order; may be empty.")
  options(@Root() { options }: ItemVariantRow): Option[] {
    return options as unknown as Option[]; // as `VariantsRepository` writes it
  }

  @NullableResolved(
    Image,
    "The variant's own picture; null if there is none. Variants may share one.",
  )
  async image(@Root() { blobHash }: ItemVariantRow, @Ctx() { loaders }: RequestContext) {
    return blobHash === null ? null : loaders.blob.load(blobHash);
  }
}
