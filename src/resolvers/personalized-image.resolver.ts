import { Args, Ctx, Resolver, Root } from "type-graphql";
import type {
  BlobRow,
  ItemRow,
  ItemVariantRow,
  PersonalizedImageRow,
  PersonalizerVersionRow,
  RankChangeRow,
  UserRow,
} from "../db/rows.js";
import { disclosureOf, imageKindOf } from "../recsys/images/disclosure.js";
import type { Provenance } from "../recsys/images/provenance.js";
import { ranksImages } from "../recsys/ranking/image-ranking.js";
import { FidelityPolicy, ImageKind, NoRankChangeReason } from "../schema/enums.js";
import { Image, ImageUrlArgs } from "../schema/image.type.js";
import { ItemVariant } from "../schema/item-variant.type.js";
import { Item } from "../schema/item.type.js";
import {
  Explanation,
  Fidelity,
  PersonalizedImage,
  RetrievedItem,
} from "../schema/personalized-image.type.js";
import { PersonalizerVersion } from "../schema/personalizer-version.type.js";
import { RankChange } from "../schema/rank-change.type.js";
import { User } from "../schema/user.type.js";
import { type RequestContext } from "./context.js";
import { NullableResolved, Resolved } from "./decorators.js";
import { imageUrl } from "./image-urls.js";

type ExplanationSource = Provenance & Provenance["options"];

/** Defaults of fields that pictures of earlier releases lack. */
const unsaid = {
  keywordExtractor: "words-1",
  weightEntropy: 0,
  scoreBefore: null,
  rankBefore: null,
  captionFloor: 0,
};

/** Only ImageGenerationService and VariantChoice write it. */
const provenanceOf = ({ provenance }: PersonalizedImageRow) => provenance as unknown as Provenance;

@Resolver(() => PersonalizedImage)
export class PersonalizedImageResolver {
  constructor(private readonly publicUrl: string) {}

  @Resolved(String, "URL of the picture; it may be cached forever.")
  url(
    @Root() { blobHash }: PersonalizedImageRow,
    @Args(() => ImageUrlArgs) args: ImageUrlArgs,
  ): string {
    return imageUrl(this.publicUrl, blobHash, args);
  }

  @Resolved(Image, "The picture's file.")
  file(
    @Root() { blobHash }: PersonalizedImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<BlobRow | null> {
    return loaders.blob.load(blobHash);
  }

  @Resolved(ImageKind, "How it was made.")
  kind(@Root() image: PersonalizedImageRow): ImageKind {
    return imageKindOf(provenanceOf(image).sourceType);
  }

  @NullableResolved(
    ItemVariant,
    "The variant that it shows; null for a generated one, or if it was deleted since.",
  )
  async variant(
    @Root() { itemId, variantId }: PersonalizedImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<ItemVariantRow | null> {
    return variantId === null ? null : loaders.variant.load({ itemId, variantId });
  }

  @Resolved(Item, "The item it shows.")
  item(
    @Root() { itemId }: PersonalizedImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<ItemRow | null> {
    return loaders.item.load(itemId);
  }

  @Resolved(User, "The shopper it was generated for.")
  user(
    @Root() { userId }: PersonalizedImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<UserRow | null> {
    return loaders.user.load(userId);
  }

  @NullableResolved(
    RankChange,
    "How it changes the item's rank for its shopper, by the active ranking model, otherwise by the newest that scored it; " +
      "null if none did: see `noRankChange`.",
  )
  rankChange(
    @Root() { id }: PersonalizedImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<RankChangeRow | null> {
    return loaders.currentRankChange.load(id);
  }

  @NullableResolved(NoRankChangeReason, "Why `rankChange` is null; null when it is not.")
  async noRankChange(
    @Root() { id, rankingModelVersionId }: PersonalizedImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<NoRankChangeReason | null> {
    if (await loaders.currentRankChange.load(id)) {
      return null;
    }
    const version =
      rankingModelVersionId === null
        ? null
        : await loaders.rankingModelVersion.load(rankingModelVersionId);
    if (!version) {
      return "NO_RANKING_MODEL";
    }
    return ranksImages(version) ? "UNKNOWN_TO_MODEL" : "MODEL_READS_NO_IMAGES";
  }

  @NullableResolved(
    PersonalizerVersion,
    "The personalizer that conditioned it; null for the untrained condition.",
  )
  async personalizer(
    @Root() { personalizerVersionId }: PersonalizedImageRow,
    @Ctx() { loaders }: RequestContext,
  ): Promise<PersonalizerVersionRow | null> {
    return personalizerVersionId === null
      ? null
      : loaders.personalizerVersion.load(personalizerVersionId);
  }

  @NullableResolved(
    String,
    "A sentence for the picture's label: that it, or the product's surroundings, are generated. Null if nothing is.",
  )
  disclosure(@Root() image: PersonalizedImageRow): string | null {
    return disclosureOf(image.variantId === null ? provenanceOf(image).sourceType : null);
  }

  @NullableResolved(
    FidelityPolicy,
    "How true it had to be to the catalogue picture; null for a variant, and a picture of an earlier release.",
  )
  fidelityPolicy(@Root() image: PersonalizedImageRow): FidelityPolicy | null {
    return provenanceOf(image).fidelityPolicy ?? null;
  }

  @NullableResolved(
    Fidelity,
    "How true it is to the catalogue picture; null for a variant, and a picture of an earlier release.",
  )
  fidelity(@Root() image: PersonalizedImageRow): Fidelity | null {
    const { candidates, chosenCandidate } = provenanceOf(image);
    return candidates[chosenCandidate].fidelity ?? null;
  }

  @Resolved(Explanation, "How it was generated.")
  explanation(@Root() image: PersonalizedImageRow): ExplanationSource {
    const provenance = provenanceOf(image);
    return { ...unsaid, ...provenance, ...provenance.options };
  }
}

@Resolver(() => Explanation)
export class ExplanationResolver {
  @Resolved(
    [RetrievedItem],
    "The items of the shopper's history that influenced it, most similar first.",
  )
  retrieved(@Root() { retrieved }: ExplanationSource): Provenance["retrieved"] {
    return retrieved;
  }
}

@Resolver(() => RetrievedItem)
export class RetrievedItemResolver {
  @NullableResolved(Item, "The item; null if it was deleted since.")
  item(
    @Root() { itemId }: { itemId: string },
    @Ctx() { loaders }: RequestContext,
  ): Promise<ItemRow | null> {
    return loaders.item.load(itemId);
  }
}
