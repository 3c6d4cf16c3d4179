/** @file The API keys, by the hash of their secret. */
import { randomUUID } from "node:crypto";
import type { PrismaTransaction } from "./database.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import type { ApiKeyRole, ApiKeyRow } from "./rows.js";

export class ApiKeysRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /** The key with this hash, revoked or not. */
  findByHash(keyHash: string): Promise<ApiKeyRow | null> {
    return this.prisma.apiKey.findUnique({ where: { keyHash } });
  }

  findByName(name: string): Promise<ApiKeyRow | null> {
    return this.prisma.apiKey.findUnique({ where: { name } });
  }

  /** Newest first. */
  findPage({ limit, after }: PageRequest<Date>): Promise<ApiKeyRow[]> {
    return this.prisma.apiKey.findMany({
      where: afterInTime(after),
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }

  /** Stores a new key; null if the name is taken. */
  async insert(key: {
    name: string;
    role: ApiKeyRole;
    keyHash: string;
  }): Promise<ApiKeyRow | null> {
    const [row] = await this.prisma.apiKey.createManyAndReturn({
      data: [{ id: randomUUID(), ...key }],
      skipDuplicates: true,
    });
    return row ?? null;
  }

  /** Records a use of the key, unless one was recorded after `since`. */
  async touch(id: string, now: Date, since: Date): Promise<void> {
    await this.prisma.apiKey.updateMany({
      where: { id, OR: [{ lastUsedAt: null }, { lastUsedAt: { lt: since } }] },
      data: { lastUsedAt: now },
    });
  }

  /** The key, revoked now or before; null if there is none with this name. */
  async revoke(name: string, now: Date): Promise<ApiKeyRow | null> {
    await this.prisma.apiKey.updateMany({
      where: { name, revokedAt: null },
      data: { revokedAt: now },
    });
    return this.findByName(name);
  }
}
