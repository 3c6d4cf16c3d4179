import { Args, Authorized, Ctx, ID, Query, Resolver, Root } from "type-graphql";
import type { InteractionRow, UserRow } from "../db/rows.js";
import { assertActsFor } from "../recsys/access/viewer.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { Item } from "../schema/item.type.js";
import { Interaction, InteractionConnection, User } from "../schema/user.type.js";
import { requireViewer, type RequestContext } from "./context.js";
import { Argument, ListResolved, Resolved } from "./decorators.js";
import { interactionIdPlace, KeysetList } from "./pagination.js";

const historyList = KeysetList.byTime<InteractionRow>(
  "history",
  ({ occurredAt, id }) => ({ value: occurredAt, id: String(id) }),
  interactionIdPlace,
);

@Resolver(() => User)
export class UserResolver {
  @Authorized("SHOPPER")
  @Query(() => User, {
    nullable: true,
    description:
      "A shopper; null for a visitor without recorded interactions. Fails with `OTHER_USER`.",
  })
  user(@Argument("id", ID, "The shop's own id.") id: string, @Ctx() context: RequestContext) {
    assertActsFor(requireViewer(context), id);
    return context.loaders.user.load(id);
  }

  @ListResolved(InteractionConnection, "The shopper's interactions, newest first.")
  async history(
    @Root() { id }: UserRow,
    @Args(() => PageArgs) args: PageArgs,
    @Ctx() { loaders }: RequestContext,
  ): Promise<Connection<InteractionRow>> {
    const page = historyList.request(args);
    return historyList.page(await loaders.historyOfUser.load({ parentId: id, page }), args);
  }
}

@Resolver(() => Interaction)
export class InteractionResolver {
  @Resolved(Item, "The item.")
  item(@Root() { itemId }: InteractionRow, @Ctx() { loaders }: RequestContext) {
    return loaders.item.load(itemId);
  }
}
