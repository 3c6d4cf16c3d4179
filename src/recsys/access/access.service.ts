/** @file API keys and tokens. */
import { createHash, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { ApiKeysRepository } from "../../db/api-keys.repository.js";
import type { PageRequest } from "../../db/keyset.js";
import type { ApiKeyRole, ApiKeyRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import { maxTtlSeconds, type ShopperToken, type ShopperTokens } from "./shopper-tokens.js";
import type { Viewer } from "./viewer.js";

const keyPrefix = "vk_";
const participantPrefix = "vp_";
/** `lastUsedAt` is informational: one write per minute keeps reads from becoming writes. */
const touchIntervalMs = 60_000;
/** How long a looked-up key is believed: one revoked by another process is refused after this time at the latest. */
const KEY_MAX_AGE_MS = 1_000;
/** Keys remembered, unknown ones among them. */
const MAX_KEYS = 10_000;

interface Dependencies {
  apiKeys: Pick<ApiKeysRepository, "findByHash" | "findPage" | "insert" | "touch" | "revoke">;
  tokens: Pick<ShopperTokens, "issue" | "verify">;
  /** Participants of studies. Default: there are none. */
  participants?: {
    findByTokenHash(tokenHash: string): Promise<{ id: string; studyId: string } | null>;
  };
  /** Default: the clock. */
  now?: () => Date;
  /** Milliseconds; 0: each request looks its key up. Default 1000. */
  keyMaxAgeMs?: number;
}

/** A key has 256 random bits, so plain SHA-256 is safe, and the lookup by hash leaks nothing through timing. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** A new participant's token: 256 random bits. */
export function newParticipantToken(): string {
  return participantPrefix + randomBytes(32).toString("base64url");
}

export class AccessService {
  private readonly now: () => Date;
  /** By the key's hash. Requests that come together share one look-up. */
  private readonly keys = new LRUCache<string, { row: Promise<ApiKeyRow | null>; atMs: number }>({
    max: MAX_KEYS,
  });

  constructor(private readonly deps: Dependencies) {
    this.now = deps.now ?? (() => new Date());
  }

  /** The viewer of an `Authorization` header; null without one. @throws AppError `UNAUTHENTICATED`, `TOKEN_INVALID`, `STUDY_TOKEN_INVALID` */
  async authenticate(authorization: string | null | undefined): Promise<Viewer | null> {
    if (!authorization) {
      return null;
    }
    const credential = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (!credential) {
      throw new AppError("UNAUTHENTICATED");
    }
    if (credential.startsWith(participantPrefix)) {
      return this.participantOf(credential);
    }
    if (!credential.startsWith(keyPrefix)) {
      return { kind: "SHOPPER", ...(await this.deps.tokens.verify(credential, this.now())) };
    }
    const row = await this.findKey(hashApiKey(credential));
    if (!row || row.revokedAt) {
      throw new AppError("UNAUTHENTICATED");
    }
    await this.touch(row);
    return { kind: "KEY", keyId: row.id, role: row.role };
  }

  /** @throws AppError `INVALID_ARGUMENT` */
  async issueShopperToken(userId: string, ttlSeconds: number): Promise<ShopperToken> {
    if (userId === "") {
      throw new AppError("INVALID_ARGUMENT", { argument: "userId", problem: "must not be empty" });
    }
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > maxTtlSeconds) {
      const problem = `must be between 1 and ${maxTtlSeconds}, but got ${ttlSeconds}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "ttlSeconds", problem });
    }
    return this.deps.tokens.issue(userId, ttlSeconds, this.now());
  }

  /**
   * Creates a key. The key itself is not stored and cannot be shown again.
   *
   * @throws AppError `INVALID_ARGUMENT` if the name is empty, too long or taken
   */
  async createKey(name: string, role: ApiKeyRole): Promise<{ key: string; row: ApiKeyRow }> {
    if (!/^\S(.{0,98}\S)?$/u.test(name)) {
      const problem = "must have 1 to 100 characters and no space at either end";
      throw new AppError("INVALID_ARGUMENT", { argument: "name", problem });
    }
    const key = keyPrefix + randomBytes(32).toString("base64url");
    const row = await this.deps.apiKeys.insert({ name, role, keyHash: hashApiKey(key) });
    if (!row) {
      throw new AppError("INVALID_ARGUMENT", { argument: "name", problem: `'${name}' is taken` });
    }
    return { key, row };
  }

  /** @throws AppError `API_KEY_NOT_FOUND` */
  async revokeKey(name: string): Promise<ApiKeyRow> {
    const row = await this.deps.apiKeys.revoke(name, this.now());
    if (!row) {
      throw new AppError("API_KEY_NOT_FOUND", { name });
    }
    this.keys.clear();
    return row;
  }

  findKeys(page: PageRequest<Date>): Promise<ApiKeyRow[]> {
    return this.deps.apiKeys.findPage(page);
  }

  private async participantOf(token: string): Promise<Viewer> {
    const row = await this.deps.participants?.findByTokenHash(hashApiKey(token));
    if (!row) {
      throw new AppError("STUDY_TOKEN_INVALID");
    }
    return { kind: "PARTICIPANT", participantId: row.id, studyId: row.studyId };
  }

  private findKey(keyHash: string): Promise<ApiKeyRow | null> {
    const nowMs = this.now().getTime();
    const known = this.keys.get(keyHash);
    const maxAgeMs = this.deps.keyMaxAgeMs ?? KEY_MAX_AGE_MS;
    if (known && Math.abs(nowMs - known.atMs) < maxAgeMs) {
      return known.row;
    }
    const row = this.deps.apiKeys.findByHash(keyHash);
    this.keys.set(keyHash, { row, atMs: nowMs });
    row.catch(() => this.keys.delete(keyHash));
    return row;
  }

  /** Writes once a minute, also if the row is older than the last write. */
  private async touch(row: ApiKeyRow): Promise<void> {
    const now = this.now();
    const since = new Date(now.getTime() - touchIntervalMs);
    if (!row.lastUsedAt || row.lastUsedAt < since) {
      row.lastUsedAt = now; // the row that is remembered
      await this.deps.apiKeys.touch(row.id, now, since);
    }
  }
}
