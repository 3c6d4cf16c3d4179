import { Args, ID, Resolver } from "type-graphql";
import type { UserRow } from "../db/rows.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { JsonObject } from "../schema/scalars.js";
import { UserConnection } from "../schema/user.type.js";
import { Argument, ListQueryFor, OptionalArgument, QueryFor } from "./decorators.js";
import { byCreation, itemIdPlace, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const userList = KeysetList.byTime<UserRow>("users", byCreation, itemIdPlace);

@Resolver()
export class UserRecordsResolver {
  constructor(private readonly deps: Pick<ApiServices, "userRecords" | "userList">) {}

  @ListQueryFor("RECOMMENDER", UserConnection, "Shoppers, newest first.")
  async users(
    @Args(() => PageArgs) args: PageArgs,
    @OptionalArgument("search", String, "The beginning of the id; default all.")
    search?: string | null,
  ): Promise<Connection<UserRow>> {
    const page = userList.request(args);
    return userList.page(await this.deps.userList.findPage(search ?? null, page), args);
  }

  @QueryFor(
    "ADMIN",
    JsonObject,
    "Everything that is stored of a shopper: interactions, personalised pictures with their rank changes, refused requests and " +
      "jobs. Fails with `USER_NOT_FOUND`.",
  )
  exportUser(
    @Argument("userId", ID, "The shopper's id in the shop.") userId: string,
  ): Promise<Record<string, unknown>> {
    return this.deps.userRecords.export(userId);
  }
}
