import { Field, ID, ObjectType } from "type-graphql";
import type { ApiKeyRole as ApiKeyRoleRow, ApiKeyRow } from "../db/rows.js";
import { connectionType } from "./connection.js";
import { ApiKeyRole } from "./enums.js";
import { DateTime } from "./scalars.js";

@ObjectType({ description: "A key that may call the API. Its secret is not stored." })
export class ApiKey implements Omit<ApiKeyRow, "keyHash"> {
  @Field(() => ID, { description: "A UUID." })
  id!: string;

  @Field(() => String, { description: "Display name, unique." })
  name!: string;

  @Field(() => ApiKeyRole, { description: "Its permissions." })
  role!: ApiKeyRoleRow;

  @Field(() => DateTime, { description: "When it was created." })
  createdAt!: Date;

  @Field(() => DateTime, {
    nullable: true,
    description: "When it was last used, to the minute; null if never.",
  })
  lastUsedAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "When it was revoked; null while it is valid.",
  })
  revokedAt!: Date | null;
}

export const ApiKeyConnection = connectionType(ApiKey, "ApiKey");

@ObjectType({ description: "A new API key." })
export class CreateApiKeyPayload {
  @Field(() => String, { description: "The key itself. It is shown only once." })
  key!: string;

  @Field(() => ApiKey, { description: "The key's record." })
  apiKey!: ApiKey;
}

@ObjectType({ description: "A token for one shopper's own browser." })
export class ShopperToken {
  @Field(() => String, { description: "Send it as `Authorization: Bearer <token>`." })
  token!: string;

  @Field(() => DateTime, { description: "When it expires." })
  expiresAt!: Date;
}
