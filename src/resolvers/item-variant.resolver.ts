import { Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import type { BlobRow, ItemVariantRow } from "../db/rows.js";
import type { VariantOption as Option } from "../db/variants.repository.js";
import { Image } from "../schema/image.type.js";
import { ItemVariant, VariantOption } from "../schema/item-variant.type.js";
import type { RequestContext } from "./context.js";

@Resolver(() => ItemVariant)
export class ItemVariantResolver {
  @FieldResolver(() => [VariantOption], { description: "In the shop's order; may be empty." })
  options(@Root() { options }: ItemVariantRow): Option[] {
    return options as unknown as Option[]; // as `VariantsRepository` writes it
  }

  @FieldResolver(() => Image, {
    nullable: true,
    description: "The variant's own picture; null if there is none. Variants may share one.",
  })
  async image(
    @Root() { blobHash }: ItemVariantRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<BlobRow | null> {
    return blobHash === null ? null : loaders.blob.load(blobHash);
  }
}
