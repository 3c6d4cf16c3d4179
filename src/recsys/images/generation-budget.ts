/**
 * @file Limits of drawing: U-Net evaluations a day for each user, each API key and in total, and generations that may wait.
 * Stored images cost nothing, and neither does a request whose job is already queued. A job is charged once, when it is queued,
 * not for each attempt.
 */
import { type Account, accountOfUser } from "../../db/budgets.repository.js";
import { JobPriority } from "../../db/jobs.repository.js";

export interface BudgetLimits {
  /** U-Net evaluations a day; 0 is no limit. */
  evaluationsPerUser: number;
  evaluationsPerKey: number;
  evaluationsPerDay: number;
  /** Live generations that may wait. */
  maxLiveQueued: number;
  /** Generations of batches that may wait. */
  maxBatchQueued: number;
}

/** Who is charged. */
export interface Payer {
  userId: string;
  /** The API key that asks; null for a shopper's own token, and for this process. */
  keyId: string | null;
  /** A batch is the key's alone: it does not use up the shopper's budget. */
  isBatch: boolean;
}

export interface Grant {
  /** Generations that may be queued, from the first on. */
  numGranted: number;
  /** When the others may be asked for again. */
  retryAt: Date;
  /** Gives the charge for some of the granted ones back: they were not queued. */
  giveBack(count: number): Promise<void>;
}

interface Dependencies {
  accounts: {
    use(account: string, points: number): Promise<Account>;
    giveBack(account: string, points: number): Promise<void>;
  };
  jobs: { countQueued(kind: "PERSONALIZE_IMAGE", priority: number): Promise<number> };
  limits: BudgetLimits;
  /** Default: the clock. */
  now?: () => Date;
}

/** How long to wait before asking again when the queue is full: some images are drawn by then. */
const FULL_QUEUE_MS = 60_000;

export class GenerationBudget {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Charges for up to `count` generations of `cost` evaluations each, in a bounded number of statements. What is over a limit
   * is not charged.
   */
  async take(payer: Payer, cost: number, count: number): Promise<Grant> {
    const { accounts, now = () => new Date() } = this.deps;
    const room = await this.roomInQueue(payer.isBatch);
    let numGranted = Math.min(count, room);
    let retryAt = new Date(now().getTime() + FULL_QUEUE_MS);
    const charged: string[] = [];
    const giveBack = async (numGenerations: number) => {
      for (const account of numGenerations > 0 ? charged : []) {
        await accounts.giveBack(account, numGenerations * cost);
      }
    };
    for (const { account, limit } of numGranted > 0 ? this.accountsOf(payer) : []) {
      const points = numGranted * cost;
      const { used, freeAt } = await accounts.use(account, points);
      charged.push(account);
      if (used > limit) {
        const numFit = Math.max(0, Math.floor((limit - (used - points)) / cost));
        await giveBack(numGranted - numFit);
        numGranted = numFit;
        retryAt = freeAt;
        if (numFit === 0) {
          break;
        }
      }
    }
    return { numGranted, retryAt, giveBack };
  }

  private async roomInQueue(isBatch: boolean): Promise<number> {
    const { jobs, limits } = this.deps;
    const priority = isBatch ? JobPriority.BATCH : JobPriority.LIVE;
    const max = isBatch ? limits.maxBatchQueued : limits.maxLiveQueued;
    return Math.max(0, max - (await jobs.countQueued("PERSONALIZE_IMAGE", priority)));
  }

  private accountsOf({ userId, keyId, isBatch }: Payer): { account: string; limit: number }[] {
    const { evaluationsPerUser, evaluationsPerKey, evaluationsPerDay } = this.deps.limits;
    return [
      ...(isBatch ? [] : [{ account: accountOfUser(userId), limit: evaluationsPerUser }]),
      ...(keyId === null ? [] : [{ account: `key:${keyId}`, limit: evaluationsPerKey }]),
      { account: "all", limit: evaluationsPerDay },
    ].filter(({ limit }) => limit > 0);
  }
}
