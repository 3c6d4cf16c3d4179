import { Args, Authorized, Ctx, FieldResolver, ID, Resolver, Root } from "type-graphql";
import type { PersonalizedImageRow } from "../db/rows.js";
import { isUuid } from "../db/uuid.js";
import { AppError } from "../errors/app-error.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { ImageRejection, PersonalizedImageFilterInput } from "../schema/image-gallery.type.js";
import {
  PersonalizedImage,
  PersonalizedImageConnection,
} from "../schema/personalized-image.type.js";
import type { RequestContext } from "./context.js";
import { Argument, ListQueryFor, MutationFor, OptionalArgument } from "./decorators.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const gallery = KeysetList.byTime<PersonalizedImageRow>("imageGallery", byCreation);

@Resolver(() => PersonalizedImage)
export class ImageGalleryResolver {
  constructor(private readonly deps: Pick<ApiServices, "gallery" | "imageRejections">) {}

  @ListQueryFor(
    "RECOMMENDER",
    PersonalizedImageConnection,
    "All personalised pictures, also those that nobody sees; newest first. Fails with `MODEL_VERSION_NOT_FOUND` or " +
      "`PERSONALIZER_NOT_FOUND` for an id that is no UUID.",
  )
  async personalizedImages(
    @Args(() => PageArgs) args: PageArgs,
    @OptionalArgument("filter", PersonalizedImageFilterInput, "Filter; default all.")
    filter?: PersonalizedImageFilterInput | null,
  ): Promise<Connection<PersonalizedImageRow>> {
    const { modelVersionId, personalizerId, ...rest } = filter ?? {};
    if (modelVersionId && !isUuid(modelVersionId)) {
      throw new AppError("MODEL_VERSION_NOT_FOUND", { versionId: modelVersionId });
    }
    if (personalizerId && !isUuid(personalizerId)) {
      throw new AppError("PERSONALIZER_NOT_FOUND", { versionId: personalizerId });
    }
    const rows = await this.deps.gallery.findPage(
      { ...rest, rankingModelVersionId: modelVersionId, personalizerVersionId: personalizerId },
      gallery.request(args),
    );
    return gallery.page(rows, args);
  }

  @MutationFor(
    "RECOMMENDER",
    PersonalizedImage,
    "Rejects a picture for good: no shopper gets it any more, also those who had the same one, and its URL answers 404. " +
      "The next request for it makes another, or gets the catalogue picture. " +
      "Fails with `PERSONALIZED_IMAGE_NOT_FOUND` or `INVALID_ARGUMENT`.",
  )
  async rejectImage(
    @Argument("id", ID, "The picture's UUID.") id: string,
    @Argument("reason", String, "Why, 1 to 500 characters.") reason: string,
  ): Promise<PersonalizedImageRow> {
    if (!isUuid(id)) {
      throw new AppError("PERSONALIZED_IMAGE_NOT_FOUND", { imageId: id });
    }
    return this.deps.imageRejections.reject(id, reason);
  }

  @Authorized("RECOMMENDER")
  @FieldResolver(() => ImageRejection, {
    nullable: true,
    description: "Why nobody may see it any more; null if it was not rejected. Needs RECOMMENDER.",
  })
  rejection(@Root() { blobHash }: PersonalizedImageRow, @Ctx() { loaders }: RequestContext) {
    return loaders.rejection.load(blobHash);
  }
}
