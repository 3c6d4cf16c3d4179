/** @file Signed tokens that let a user's own browser call the API for that user only (JWT, HS256). */
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { isStorable } from "../../db/storable-text.js";
import { AppError } from "../../errors/app-error.js";

const audience = "vitrine";
const algorithm = "HS256";

/** Seven days: a token cannot be revoked, so it must be short-lived. */
export const maxTtlSeconds = 7 * 24 * 3_600;
/** By how much the clocks of the servers that sign and verify may differ. */
const clockToleranceSeconds = 60;

export interface ShopperToken {
  token: string;
  expiresAt: Date;
}

export interface VerifiedToken {
  userId: string;
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

  /**
   * The user of a token, and when it expires.
   *
   * A shop may sign tokens itself: whoever signed it, a token is refused if it is valid for longer than
   * {@link maxTtlSeconds}, or is from the future.
   *
   * @throws AppError `TOKEN_INVALID`
   */
  async verify(token: string, now: Date): Promise<VerifiedToken> {
    const { sub, exp = 0, iat } = await this.claimsOf(token, now);
    if (typeof sub !== "string" || sub === "" || !isStorable(sub)) {
      throw invalid("it names no user");
    }
    const nowSeconds = now.getTime() / 1_000;
    if (exp > nowSeconds + maxTtlSeconds + clockToleranceSeconds) {
      throw invalid(`it may be valid for at most ${maxTtlSeconds} seconds`);
    }
    if (iat !== undefined && iat > nowSeconds + clockToleranceSeconds) {
      throw invalid("its claim 'iat' is in the future");
    }
    return { userId: sub, expiresAt: new Date(exp * 1_000) };
  }

  private async claimsOf(token: string, now: Date): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, this.key, {
        algorithms: [algorithm],
        audience,
        requiredClaims: ["sub", "exp"],
        currentDate: now,
      });
      return payload;
    } catch (error) {
      throw invalid(reasonOf(error), error);
    }
  }
}

function invalid(reason: string, cause?: unknown): AppError {
  return new AppError("TOKEN_INVALID", { reason }, { cause });
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
