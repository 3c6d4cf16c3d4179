import { Authorized, Ctx, ID, Mutation, Resolver, Root } from "type-graphql";
import type { BlobRow, ItemRow, JobRow, PersonalizedImageRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import { assertActsFor, assertReaches, type Viewer } from "../recsys/access/viewer.js";
import {
  type GenerationKnobs,
  MAX_WAIT_MS,
  type PersonalizeOutcome,
  type RequestOrigin,
} from "../recsys/images/personalization.service.js";
import { waitingOf } from "../recsys/jobs/waiting-places.js";
import { GenerationPairInput } from "../schema/admin.input.js";
import { type OriginalReason } from "../schema/enums.js";
import { Image } from "../schema/image.type.js";
import { Item } from "../schema/item.type.js";
import { Job } from "../schema/job.type.js";
import {
  JobRunning,
  OriginalImage,
  PersonalizedImagePayload,
  PersonalizeImageOptions,
  PersonalizeImageResult,
  ShelfImage,
} from "../schema/personalize-image.type.js";
import { PersonalizedImage } from "../schema/personalized-image.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import {
  Argument,
  MutationFor,
  NullableResolved,
  OptionalArgument,
  Resolved,
} from "./decorators.js";
import type { ApiServices } from "./services.js";

type Outcome<Kind extends PersonalizeOutcome["kind"]> = Extract<PersonalizeOutcome, { kind: Kind }>;

/** Pairs per bulk generation. */
export const maxPairs = 1_000;
/** Items per shelf. */
export const maxShelf = 100;

@Resolver()
export class PersonalizeImageResolver {
  constructor(private readonly personalization: ApiServices["personalization"]) {}

  @MutationFor(
    "SHOPPER",
    PersonalizeImageResult,
    "The item's picture for the shopper. Repeating a request does not generate again; a new interaction or model " +
      "does. An unknown visitor gets the catalogue picture (`NO_HISTORY`). " +
      "Fails with `ITEM_NOT_FOUND`, `OTHER_USER` or `INVALID_ARGUMENT`.",
  )
  personalizeImage(
    @Argument("userId", ID, "The shopper's id in the shop.") userId: string,
    @Argument("itemId", ID, "The item's id in the shop.") itemId: string,
    @OptionalArgument("options", PersonalizeImageOptions, "Generation options.")
    options: PersonalizeImageOptions | null | undefined,
    @Ctx() context: RequestContext,
  ): Promise<PersonalizeOutcome> {
    const viewer = requireViewer(context);
    assertActsFor(viewer, userId);
    assertMayTurn(viewer, options);
    const { waitMs = 0 } = options ?? {};
    if (waitMs < 0 || waitMs > MAX_WAIT_MS) {
      const problem = `must be between 0 and ${MAX_WAIT_MS}, but got ${waitMs}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "waitMs", problem });
    }
    const origin = { ...originOf(viewer), waiting: waitingOf(viewer), signal: context.signal };
    return this.personalization.request(userId, itemId, { ...options }, origin);
  }

  @Authorized("SHOPPER")
  @Mutation(() => [ShelfImage], {
    description:
      `The pictures of up to ${maxShelf} items for one shopper, in the order of \`itemIds\`: a whole shelf in one request. ` +
      "Returns stored pictures immediately and starts the others, as `personalizeImage` does. An error of one item " +
      "is in its entry. Fails with `OTHER_USER`, `INVALID_ARGUMENT` or `PAYLOAD_TOO_LARGE`.",
    complexity: ({ args, childComplexity }) =>
      1 + Math.min((args as { itemIds: unknown[] }).itemIds.length, maxShelf) * childComplexity,
  })
  async personalizeImages(
    @Argument("userId", ID, "The shopper's id in the shop.") userId: string,
    @Argument("itemIds", [ID], "The items' ids in the shop.") itemIds: string[],
    @OptionalArgument(
      "options",
      PersonalizeImageOptions,
      "Generation options for all of them; `waitMs` is ignored.",
    )
    options: PersonalizeImageOptions | null | undefined,
    @Ctx() context: RequestContext,
  ): Promise<ShelfImage[]> {
    const viewer = requireViewer(context);
    assertActsFor(viewer, userId);
    assertMayTurn(viewer, options);
    assertAtMost("'itemIds'", itemIds, maxShelf);
    const knobs = knobsOf(options);
    const origin = originOf(viewer);
    const outcomes = await this.personalization.requestMany(userId, itemIds, knobs, origin);
    return outcomes.map((outcome, place) => {
      const fault = outcome instanceof AppError ? outcome : null;
      return {
        itemId: itemIds[place],
        result: fault ? null : outcome,
        errorCode: fault?.code ?? null,
        errorMessage: fault?.message ?? null,
      };
    });
  }

  @Authorized("RECOMMENDER")
  @Mutation(() => [PersonalizeImageResult], {
    nullable: "items",
    description:
      `Requests the pictures of up to ${maxPairs} pairs, in order. They are generated when no shopper waits for one ` +
      "(`personalizeImage`). An invalid pair is null, with its error at its position.",
  })
  async startGeneration(
    @Argument("pairs", [GenerationPairInput], "Pairs of shopper and item.")
    pairs: GenerationPairInput[],
    @OptionalArgument(
      "options",
      PersonalizeImageOptions,
      "Generation options for all of them; `waitMs` is ignored.",
    )
    options: PersonalizeImageOptions | null | undefined,
    @Ctx() context: RequestContext,
  ): Promise<(PersonalizeOutcome | AppError)[]> {
    assertAtMost("'pairs'", pairs, maxPairs);
    const knobs = knobsOf(options);
    const origin = { ...originOf(requireViewer(context)), isBatch: true };
    const placesOf = new Map<string, number[]>();
    pairs.forEach(({ userId }, place) => {
      placesOf.set(userId, [...(placesOf.get(userId) ?? []), place]);
    });
    const outcomes: (PersonalizeOutcome | AppError)[] = [];
    for (const [userId, places] of placesOf) {
      const itemIds = places.map(place => pairs[place].itemId);
      const ofUser = await this.personalization.requestMany(userId, itemIds, knobs, origin);
      places.forEach((place, index) => {
        outcomes[place] = ofUser[index];
      });
    }
    return outcomes; // graphql-js reports an error in a list at its position
  }
}

/** @throws AppError `PAYLOAD_TOO_LARGE` */
function assertAtMost(what: string, rows: readonly unknown[], max: number): void {
  if (rows.length > max) {
    throw new AppError("PAYLOAD_TOO_LARGE", { what, got: rows.length, max });
  }
}

/**
 * Generation options determine the cost, so a browser may not set them.
 *
 * @throws AppError `FORBIDDEN` for a shopper's token with options other than `waitMs`
 */
function assertMayTurn(viewer: Viewer, options: PersonalizeImageOptions | null | undefined): void {
  if (Object.values(knobsOf(options)).some(value => value !== undefined && value !== null)) {
    assertReaches(viewer, "STOREFRONT");
  }
}

/** All options but `waitMs`. */
function knobsOf(options: PersonalizeImageOptions | null | undefined): GenerationKnobs {
  const { fidelity, seed, strength, guidanceScale, numSteps, numCandidates, variants } =
    options ?? {};
  return { fidelity, seed, strength, guidanceScale, numSteps, numCandidates, variants };
}

function originOf(viewer: Viewer): RequestOrigin {
  return { keyId: viewer.kind === "KEY" ? viewer.keyId : null };
}

@Resolver(() => PersonalizedImagePayload)
export class PersonalizedImagePayloadResolver {
  @Resolved(PersonalizedImage, "The picture.")
  image(@Root() { image }: Outcome<"image">): PersonalizedImageRow {
    return image;
  }

  @Resolved(Boolean, "Whether it existed before this request.")
  isCached(@Root() { cached }: Outcome<"image">): boolean {
    return cached;
  }
}

@Resolver(() => JobRunning)
export class JobRunningResolver {
  @Resolved(Job, "The job that generates it.")
  job(@Root() { job }: Outcome<"running">): JobRow {
    return job;
  }

  @Resolved(String, "A message for people: the picture is being generated.")
  message(): string {
    return "The picture is being generated";
  }
}

const messages: Record<OriginalReason, string> = {
  OPTED_OUT: "The shopper opted out of personalisation",
  NO_HISTORY: "The shopper has not interacted with another item yet",
  NO_IMAGE: "The item has no catalogue picture",
  HISTORY_NOT_INDEXED: "The shopper's items are not indexed yet",
  ITEM_NOT_INDEXED: "The item is not indexed yet",
  BELOW_QUALITY_FLOOR: "No picture was true enough to the item",
  MASK_IMPLAUSIBLE: "The product cannot be separated from its backdrop",
  RANKED_LOWER: "The item would rank lower with every generated picture",
  NO_BETTER_VARIANT: "No variant suits the shopper better than the item's catalogue picture",
  REJECTED: "The picture was rejected",
  GENERATION_FAILED: "The picture could not be generated",
  CANCELLED: "The generation of the picture was cancelled",
  BUSY: "Too many pictures are requested",
};

@Resolver(() => OriginalImage)
export class OriginalImageResolver {
  @Resolved(Item, "The item.")
  item(@Root() { item }: Outcome<"original">): ItemRow {
    return item;
  }

  @NullableResolved(Image, "Its catalogue picture; null if it has none.")
  async catalogueImage(
    @Root() { item }: Outcome<"original">,
    @Ctx() { loaders }: RequestContext,
  ): Promise<BlobRow | null> {
    return (await loaders.itemImage.load(item.id))?.blob ?? null;
  }

  @Resolved(
    [String],
    "Why the generated pictures may not be shown, as in `CandidateImage.faults`, or what is wrong with the product's mask; " +
      "empty if nothing was refused.",
  )
  faults(@Root() { faults }: Outcome<"original">): string[] {
    return faults ?? [];
  }

  @Resolved(String, "The reason, for people.")
  message(@Root() { reason, retryAt }: Outcome<"original">): string {
    const again = retryAt ? `; try again at ${retryAt.toISOString()}` : "";
    return messages[reason] + again;
  }
}
