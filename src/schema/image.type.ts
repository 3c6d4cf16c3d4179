import { ArgsType, Field, Int, ObjectType } from "type-graphql";
import type { BlobRow } from "../db/rows.js";
import { ImageFormat } from "./enums.js";

@ObjectType({ description: "A picture file. Its URL contains its hash, so it never changes." })
export class Image implements Pick<
  BlobRow,
  "mediaType" | "widthPixels" | "heightPixels" | "sizeBytes"
> {
  @Field(() => String, { description: "Media type of the stored file, such as `image/png`." })
  mediaType!: string;

  @Field(() => Int, { description: "Width of the stored file, pixels." })
  widthPixels!: number;

  @Field(() => Int, { description: "Height of the stored file, pixels." })
  heightPixels!: number;

  @Field(() => Int, { description: "Size of the stored file, bytes." })
  sizeBytes!: number;
}

@ArgsType()
export class ImageUrlArgs {
  @Field(() => Int, {
    nullable: true,
    description:
      "Width in pixels, 1 to 1024; rounded up to the next served width, and a picture is never enlarged. " +
      "Default: the stored width.",
  })
  width?: number | null;

  @Field(() => ImageFormat, {
    nullable: true,
    description: "File format. Default: the stored one, or WEBP if a width is given.",
  })
  format?: ImageFormat | null;
}
