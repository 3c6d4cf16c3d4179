import { Arg, Args, ID, Int, Resolver } from "type-graphql";
import type { ApiKeyRole as ApiKeyRoleRow, ApiKeyRow } from "../db/rows.js";
import {
  ApiKey,
  ApiKeyConnection,
  CreateApiKeyPayload,
  ShopperToken,
} from "../schema/api-key.type.js";
import { type Connection, PageArgs } from "../schema/connection.js";
import { ApiKeyRole } from "../schema/enums.js";
import { Argument, ListQueryFor, MutationFor } from "./decorators.js";
import { byCreation, KeysetList } from "./pagination.js";
import type { ApiServices } from "./services.js";

const keyList = KeysetList.byTime<ApiKeyRow>("apiKeys", byCreation);

@Resolver(() => ApiKey)
export class ApiKeyResolver {
  constructor(private readonly access: Omit<ApiServices["access"], "authenticate">) {}

  @ListQueryFor("ADMIN", ApiKeyConnection, "All API keys, newest first.")
  async apiKeys(@Args(() => PageArgs) args: PageArgs): Promise<Connection<ApiKeyRow>> {
    return keyList.page(await this.access.findKeys(keyList.request(args)), args);
  }

  @MutationFor(
    "ADMIN",
    CreateApiKeyPayload,
    "Creates an API key. Fails with `INVALID_ARGUMENT` if the name is taken.",
  )
  async createApiKey(
    @Argument("name", String, "A display name, unique; 1 to 100 characters.")
    name: string,
    @Argument("role", ApiKeyRole, "The key's permissions.") role: ApiKeyRoleRow,
  ): Promise<CreateApiKeyPayload> {
    const { key, row } = await this.access.createKey(name, role);
    return { key, apiKey: row };
  }

  @MutationFor("ADMIN", ApiKey, "Revokes a key permanently. Fails with `API_KEY_NOT_FOUND`.")
  revokeApiKey(@Argument("name", String, "The key's name.") name: string): Promise<ApiKeyRow> {
    return this.access.revokeKey(name);
  }

  @MutationFor(
    "STOREFRONT",
    ShopperToken,
    "A token with which a shopper's browser may call the storefront's fields for that shopper only. The caller " +
      "vouches for the shopper's identity. Fails with `INVALID_ARGUMENT`.",
  )
  issueShopperToken(
    @Argument("userId", ID, "The shopper's id in the shop.") userId: string,
    @Arg("ttlSeconds", () => Int, {
      defaultValue: 3_600,
      description: "How long the token is valid, 1 to 604800 seconds (7 days).",
    })
    ttlSeconds: number,
  ): Promise<ShopperToken> {
    return this.access.issueShopperToken(userId, ttlSeconds);
  }
}
