import { ID, ObjectType } from "type-graphql";
import type { ApiKeyRole as ApiKeyRoleRow, ApiKeyRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { ApiKeyRole } from "./enums.js";
import { Described, Nullable } from "./field.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "A key that may call the API. Its secret is not stored." })
export class ApiKey implements Omit<ApiKeyRow, "keyHash"> {
  @Described(ID, "A UUID.")
  id!: string;

  @Described(String, "Display name, unique.")
  name!: string;

  @Described(ApiKeyRole, "Its permissions.")
  role!: ApiKeyRoleRow;

  @Described(DateTime, "When it was created.")
  createdAt!: Date;

  @Nullable(DateTime, "When it was last used, to the minute; null if never.")
  lastUsedAt!: Date | null;

  @Nullable(DateTime, "When it was revoked; null while it is valid.")
  revokedAt!: Date | null;
}

export const ApiKeyConnection = connectionType(ApiKey, "ApiKey");

@ObjectType({ description: "A new API key." })
export class CreateApiKeyPayload {
  @Described(String, "The key itself. It is shown only once.")
  key!: string;

  @Described(ApiKey, "The key's record.")
  apiKey!: ApiKey;
}

@ObjectType({ description: "A token for one shopper's own browser." })
export class ShopperToken {
  @Described(String, "Send it as `Authorization: Bearer <token>`.")
  token!: string;

  @Described(DateTime, "When it expires.")
  expiresAt!: Date;
}
