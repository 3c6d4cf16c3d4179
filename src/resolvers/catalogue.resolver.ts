import { ID, Resolver } from "type-graphql";
import { AppError } from "../errors/app-error.js";
import {
  DeleteUserPayload,
  ItemInput,
  MergeUsersPayload,
  RemoveItemsPayload,
} from "../schema/catalogue.input.js";
import { UpsertItemsPayload } from "../schema/upsert-items.type.js";
import { Argument, MutationFor } from "./decorators.js";
import type { ApiServices } from "./services.js";

/** Rows per call. */
const maxItems = 1_000;
/** Images fetched per call, while the call waits. */
const maxImages = 100;

@Resolver()
export class CatalogueResolver {
  constructor(private readonly services: Pick<ApiServices, "catalogue" | "erasure">) {}

  @MutationFor(
    "RECOMMENDER",
    UpsertItemsPayload,
    `Adds or updates items, up to ${maxItems} in a call with ${maxImages} pictures, those of variants among them. ` +
      "Changes only the given fields of a row. An invalid row is listed in `rejected` and does not affect the others. " +
      "Search finds the changes once the returned job has ended. Fails with `PAYLOAD_TOO_LARGE`.",
  )
  upsertItems(@Argument("input", [ItemInput], "The items.") input: ItemInput[]) {
    refuseMore("'input'", input.length, maxItems);
    const numImages = input.reduce((sum, row) => sum + numAddresses(row), 0);
    refuseMore("'imageUrl'", numImages, maxImages);
    return this.services.catalogue.upsert(input);
  }

  @MutationFor(
    "ADMIN",
    RemoveItemsPayload,
    `Permanently deletes up to ${maxItems} items with their pictures, interactions and personalised ` +
      "pictures; search and recommendations omit them immediately. To keep the history of an item that can no " +
      "longer be bought, set `isAvailable` to false instead. Fails with `PAYLOAD_TOO_LARGE`.",
  )
  removeItems(@Argument("ids", [ID], "The items' ids.") ids: string[]) {
    refuseMore("'ids'", ids.length, maxItems);
    return this.services.catalogue.remove(ids);
  }

  @MutationFor(
    "ADMIN",
    DeleteUserPayload,
    "Erases a shopper: interactions, jobs and personalised pictures, with the files that nothing else uses. " +
      "Erasing a shopper twice is not an error. Trained ranking models keep what they learned until the next training.",
  )
  deleteUser(@Argument("userId", ID, "The shopper's id in the shop.") userId: string) {
    return this.services.erasure.deleteUser(userId);
  }

  @MutationFor(
    "ADMIN",
    MergeUsersPayload,
    "Gives a guest's interactions to the shopper who logged in, and erases the guest. The shopper is added if unknown. " +
      "Merging twice changes nothing. Fails with `INVALID_ARGUMENT`.",
  )
  mergeUsers(
    @Argument("from", ID, "The guest's id.") from: string,
    @Argument("into", ID, "The shopper's id in the shop, 1 to 200 characters.") into: string,
  ) {
    return this.services.erasure.mergeUsers(from, into);
  }
}

/** Images that a row may have fetched: its own, and each of its variants' once. */
function numAddresses({ imageUrl, variants }: ItemInput): number {
  const ofVariants = (variants ?? []).flatMap(variant => variant.imageUrl ?? []);
  return (typeof imageUrl === "string" ? 1 : 0) + new Set(ofVariants).size;
}

function refuseMore(what: string, got: number, max: number): void {
  if (got > max) {
    throw new AppError("PAYLOAD_TOO_LARGE", { what, got, max });
  }
}
