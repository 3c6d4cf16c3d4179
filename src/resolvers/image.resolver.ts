import { Args, Resolver, Root } from "type-graphql";
import type { BlobRow } from "../db/rows.js";
import { Image, ImageUrlArgs } from "../schema/image.type.js";
import { Resolved } from "./decorators.js";
import { imageUrl } from "./image-urls.js";

@Resolver(() => Image)
export class ImageResolver {
  constructor(private readonly publicUrl: string) {}

  @Resolved(String, "URL of the picture; it may be cached forever.")
  url(@Root() { hash }: BlobRow, @Args(() => ImageUrlArgs) args: ImageUrlArgs): string {
    return imageUrl(this.publicUrl, hash, args);
  }
}
