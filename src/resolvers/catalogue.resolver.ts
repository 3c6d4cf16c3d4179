import { Arg, Authorized, ID, Mutation, Resolver } from "type-graphql";
import { AppError } from "../errors/app-error.js";
import { DeleteUserPayload, ItemInput, RemoveItemsPayload } from "../schema/catalogue.input.js";
import { UpsertItemsPayload } from "../schema/upsert-items.type.js";
import type { ApiServices } from "./services.js";

/** Rows of one call. */
const maxItems = 1_000;
/** Pictures fetched in one call, while it waits. */
const maxImages = 100;

@Resolver()
export class CatalogueResolver {
  constructor(private readonly services: Pick<ApiServices, "catalogue" | "erasure">) {}

  @Authorized("RECOMMENDER")
  @Mutation(() => UpsertItemsPayload, {
    description:
      `Adds items and changes those that are there, up to ${maxItems} in a call and ${maxImages} of them with a picture. ` +
      "Only the fields that a row has are changed. A row that cannot be used is named in `rejected` and stops no other. " +
      "The changes can be searched when the returned job has ended. Fails with `PAYLOAD_TOO_LARGE`.",
  })
  upsertItems(@Arg("input", () => [ItemInput], { description: "The items." }) input: ItemInput[]) {
    refuseMore("'input'", input.length, maxItems);
    const numImages = input.filter(({ imageUrl }) => typeof imageUrl === "string").length;
    refuseMore("'imageUrl'", numImages, maxImages);
    return this.services.catalogue.upsert(input);
  }

  @Authorized("ADMIN")
  @Mutation(() => RemoveItemsPayload, {
    description:
      `Deletes up to ${maxItems} items for good, with their pictures, what shoppers did with them and the personalised ` +
      "pictures of them; they are out of search and recommendations at once. To keep the history of an item that can no " +
      "longer be bought, set `isAvailable` to false instead. Fails with `PAYLOAD_TOO_LARGE`.",
  })
  removeItems(@Arg("ids", () => [ID], { description: "The items' ids." }) ids: string[]) {
    refuseMore("'ids'", ids.length, maxItems);
    return this.services.catalogue.remove(ids);
  }

  @Authorized("ADMIN")
  @Mutation(() => DeleteUserPayload, {
    description:
      "Erases a shopper: their interactions, jobs and personalised pictures, with the files that nothing else uses. " +
      "Erasing one twice is no fault. Ranking models trained before keep what they learned until they are trained again.",
  })
  deleteUser(
    @Arg("userId", () => ID, { description: "The shopper's id in the shop." }) userId: string,
  ) {
    return this.services.erasure.deleteUser(userId);
  }
}

function refuseMore(what: string, got: number, max: number): void {
  if (got > max) {
    throw new AppError("PAYLOAD_TOO_LARGE", { what, got, max });
  }
}
