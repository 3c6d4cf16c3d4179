/** @file Who used how much since when: points of `rate-limiter-flexible`, kept in Postgres for all processes. */
import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { RateLimiterPostgres } from "rate-limiter-flexible";

/** The table of the migration `generation_budgets`; its columns and their order are the library's. */
const TABLE = "generation_budgets";

/** The account of a user: a hash, so that it has one length whatever the id's. */
export function accountOfUser(userId: string): string {
  return `user:${createHash("sha256").update(userId).digest("hex")}`;
}

export interface Account {
  /** Points used in the current window. */
  used: number;
  /** When the window ends, and all points are free again. */
  freeAt: Date;
}

export class BudgetsRepository {
  private readonly points: RateLimiterPostgres;

  /** @param windowSeconds from an account's first points to their return; default a day. */
  constructor(pool: Pool, windowSeconds = 86_400) {
    this.points = new RateLimiterPostgres({
      storeClient: pool,
      storeType: "pool",
      tableName: TABLE,
      tableCreated: true,
      keyPrefix: "",
      points: 0, // who may use how much is decided above, for the sum of several accounts
      duration: windowSeconds,
    });
  }

  /** Adds points, in one statement. */
  async use(account: string, points: number): Promise<Account> {
    const { consumedPoints, msBeforeNext } = await this.points.penalty(account, points);
    return { used: consumedPoints, freeAt: new Date(Date.now() + Math.max(msBeforeNext, 0)) };
  }

  /** Takes points back that were added a moment ago. */
  async giveBack(account: string, points: number): Promise<void> {
    await this.points.reward(account, points);
  }
}
