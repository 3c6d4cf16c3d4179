import { Args, FieldResolver, Resolver, Root } from "type-graphql";
import type { BlobRow } from "../db/rows.js";
import { Picture, PictureUrlArgs } from "../schema/image.type.js";
import { imageUrl } from "./image-urls.js";

@Resolver(() => Picture)
export class PictureResolver {
  constructor(private readonly publicUrl: string) {}

  @FieldResolver(() => String, {
    description: "Where the picture is served; it may be cached for ever.",
  })
  url(@Root() { hash }: BlobRow, @Args(() => PictureUrlArgs) args: PictureUrlArgs): string {
    return imageUrl(this.publicUrl, hash, args);
  }
}
