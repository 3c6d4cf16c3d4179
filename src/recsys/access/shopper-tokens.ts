/** @file Signed tokens that let a user's own browser call the API for that user only (JWT, HS256). */
import { errors, jwtVerify, SignJWT } from "jose";
import { AppError } from "../../errors/app-error.js";

const audience = "vitrine";
const algorithm = "HS256";

/** Seven days: a token cannot be revoked, so it must be short-lived. */
export const maxTtlSeconds = 7 * 24 * 3_600;

export interface ShopperToken {
  token: string;
  expiresAt: Date;
}

export class ShopperTokens {
  private readonly key: Uint8Array;

  /** @param secret At least 32 characters, the same on every API server. */
  constructor(secret: string) {
    if (secret.length < 32) {
      throw new Error(`ShopperTokens: expected a secret of 32 characters, got ${secret.length}`);
    }
    this.key = new TextEncoder().encode(secret);
  }

  async issue(userId: string, ttlSeconds: number, now: Date): Promise<ShopperToken> {
    const issuedAt = Math.floor(now.getTime() / 1_000);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: algorithm })
      .setSubject(userId)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ttlSeconds)
      .sign(this.key);
    return { token, expiresAt: new Date((issuedAt + ttlSeconds) * 1_000) };
  }

  /** The user of a token. @throws AppError `TOKEN_INVALID` */
  async verify(token: string, now: Date): Promise<string> {
    try {
      const { payload } = await jwtVerify(token, this.key, {
        algorithms: [algorithm],
        audience,
        requiredClaims: ["sub", "exp"],
        currentDate: now,
      });
      if (payload.sub) {
        return payload.sub;
      }
    } catch (error) {
      throw new AppError("TOKEN_INVALID", { reason: reasonOf(error) }, { cause: error });
    }
    throw new AppError("TOKEN_INVALID", { reason: "it names no user" });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) {
    return "it has expired";
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return `its claim '${error.claim}' is ${error.reason === "missing" ? "missing" : "wrong"}`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return "its signature is wrong";
  }
  return "it is malformed";
}
