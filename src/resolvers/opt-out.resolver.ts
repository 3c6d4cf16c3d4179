import { Ctx, ID, Resolver } from "type-graphql";
import type { UserRow } from "../db/rows.js";
import { assertActsFor } from "../recsys/access/viewer.js";
import { User } from "../schema/user.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import { Argument, MutationFor } from "./decorators.js";
import type { ApiServices } from "./services.js";

const USER_ID = "The shopper's id in the shop.";

@Resolver()
export class OptOutResolver {
  constructor(private readonly optOuts: ApiServices["optOuts"]) {}

  @MutationFor(
    "SHOPPER",
    User,
    "The shopper opts out of personalisation. Pictures are the catalogue's (`OPTED_OUT`), recommendations those of an " +
      "unknown visitor, and nothing new is recorded. Running jobs for their pictures are cancelled. Nothing is deleted: see " +
      "`optIn` and `deleteUser`. Fails with `OTHER_USER` or `INVALID_ARGUMENT`.",
  )
  async optOut(
    @Argument("userId", ID, USER_ID) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<UserRow> {
    assertActsFor(requireViewer(context), userId);
    return this.optOuts.optOut(userId);
  }

  @MutationFor(
    "SHOPPER",
    User,
    "Ends the shopper's opt-out; what was recorded before counts again. Fails with `OTHER_USER` or `INVALID_ARGUMENT`.",
  )
  async optIn(
    @Argument("userId", ID, USER_ID) userId: string,
    @Ctx() context: RequestContext,
  ): Promise<UserRow> {
    assertActsFor(requireViewer(context), userId);
    return this.optOuts.optIn(userId);
  }
}
