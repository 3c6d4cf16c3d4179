import { ArgsType, Int, ObjectType } from "type-graphql";
import type { BlobRow } from "../db/rows.js";
import { ImageFormat } from "./enums.js";
import { Described, Nullable } from "./field.js";

@ObjectType({ description: "A picture file. Its URL contains its hash, so it never changes." })
export class Image implements Pick<
  BlobRow,
  "mediaType" | "widthPixels" | "heightPixels" | "sizeBytes"
> {
  @Described(String, "Media type of the stored file, such as `image/png`.")
  mediaType!: string;

  @Described(Int, "Width of the stored file, pixels.")
  widthPixels!: number;

  @Described(Int, "Height of the stored file, pixels.")
  heightPixels!: number;

  @Described(Int, "Size of the stored file, bytes.")
  sizeBytes!: number;
}

@ArgsType()
export class ImageUrlArgs {
  @Nullable(
    Int,
    "Width in pixels, 1 to 1024; rounded up to the next served width, and a picture is never enlarged. " +
      "Default: the stored width.",
  )
  width?: number | null;

  @Nullable(ImageFormat, "File format. Default: the stored one, or WEBP if a width is given.")
  format?: ImageFormat | null;
}
