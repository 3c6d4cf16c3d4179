/** @file Usage per account: points of `rate-limiter-flexible`, shared by all processes through Postgres. */
import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { RateLimiterPostgres } from "rate-limiter-flexible";

/** The table of the migration `generation_budgets`; the library defines its columns and their order. */
const TABLE = "generation_budgets";

/** The account of a user: a hash, which has a fixed length. */
export function accountOfUser(userId: string): string {
  return `user:${createHash("sha256").update(userId).digest("hex")}`;
}

export interface Account {
  /** Points used in the current window. */
  used: number;
  /** End of the window, when all points become available. */
  freeAt: Date;
}

export class BudgetsRepository {
  private readonly points: RateLimiterPostgres;

  /** @param windowSeconds From an account's first points to their expiry; default a day. */
  constructor(pool: Pool, windowSeconds = 86_400) {
    this.points = new RateLimiterPostgres({
      storeClient: pool,
      storeType: "pool",
      tableName: TABLE,
      tableCreated: true,
      keyPrefix: "",
      points: 0, // the caller enforces limits, on the sum of several accounts
      duration: windowSeconds,
    });
  }

  /** Adds points, in one statement. */
  async use(account: string, points: number): Promise<Account> {
    const { consumedPoints, msBeforeNext } = await this.points.penalty(account, points);
    return { used: consumedPoints, freeAt: new Date(Date.now() + Math.max(msBeforeNext, 0)) };
  }

  /** Returns points that were just added. */
  async giveBack(account: string, points: number): Promise<void> {
    await this.points.reward(account, points);
  }
}
