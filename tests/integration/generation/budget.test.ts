import { BudgetsRepository } from "../../../src/db/budgets.repository.js";
import type { Database } from "../../../src/db/database.js";
import { JobsRepository } from "../../../src/db/jobs.repository.js";
import {
  type BudgetLimits,
  GenerationBudget,
} from "../../../src/recsys/images/generation-budget.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const unlimited: BudgetLimits = {
  evaluationsPerUser: 0,
  evaluationsPerKey: 0,
  evaluationsPerDay: 0,
  maxLiveQueued: 1_000,
  maxBatchQueued: 1_000,
};
const cost = 6;
const anna = { userId: "anna", keyId: "key-1", isBatch: false };

describeOnEveryDatabase("the generation budget", open => {
  let db: Database;

  beforeAll(async () => {
    db = await open();
  });
  afterEach(async () => {
    await db.pool.query("DELETE FROM generation_budgets");
    await db.pool.query("DELETE FROM jobs");
  });

  /** Each call represents another process. */
  const budget = (limits: Partial<BudgetLimits>) =>
    new GenerationBudget({
      accounts: new BudgetsRepository(db.pool),
      jobs: new JobsRepository(db.pool),
      limits: { ...unlimited, ...limits },
    });
  const granted = async (of: GenerationBudget, payer = anna, count = 1) =>
    (await of.take(payer, cost, count)).numGranted;

  it("grants whole generations until the day's evaluations are used", async () => {
    const limits = { evaluationsPerUser: 20 };
    expect(await granted(budget(limits), anna, 2)).toBe(2); // 12
    const third = await budget(limits).take(anna, cost, 5);
    expect(third.numGranted).toBe(1); // 18; the others are not charged
    const days = (third.retryAt.getTime() - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(0.9);
    expect(days).toBeLessThanOrEqual(1);
    expect(await granted(budget(limits))).toBe(0);
    expect((await budget(limits).take(anna, 2, 1)).numGranted).toBe(1); // 20: a smaller one still fits
    expect(await granted(budget(limits), { ...anna, userId: "ben" })).toBe(1);
  });

  it("resets after a day", async () => {
    const limits = { evaluationsPerUser: 6 };
    expect(await granted(budget(limits))).toBe(1);
    expect(await granted(budget(limits))).toBe(0);
    await db.pool.query("UPDATE generation_budgets SET expire = 1");
    expect(await granted(budget(limits))).toBe(1);
  });

  it("counts a key's requests for all shoppers, and all requests", async () => {
    const users = ["a", "b", "c", "d"].map(userId => ({ ...anna, userId }));
    const perKey = budget({ evaluationsPerKey: 18 });
    const ofKey = [];
    for (const payer of users) {
      ofKey.push(await granted(perKey, payer));
    }
    expect(ofKey).toEqual([1, 1, 1, 0]);
    expect(await granted(perKey, { ...anna, keyId: "key-2" })).toBe(1);
    const perDay = budget({ evaluationsPerDay: 12 });
    expect(await granted(perDay, { userId: "e", keyId: null as never, isBatch: false }, 9)).toBe(2);
    expect(await granted(perDay, { ...anna, keyId: "key-3" })).toBe(0);
  });

  it("charges nothing unless every account allows it", async () => {
    const limits = { evaluationsPerUser: 60, evaluationsPerKey: 12 };
    expect(await granted(budget(limits), anna, 5)).toBe(2);
    const { rows } = await db.pool.query<{ points: number }>(
      "SELECT points FROM generation_budgets ORDER BY points",
    );
    expect(rows).toEqual([{ points: 12 }, { points: 12 }]);
  });

  it("does not charge shoppers for batches", async () => {
    const limits = { evaluationsPerUser: 6, evaluationsPerKey: 600 };
    expect(await granted(budget(limits), { ...anna, isBatch: true }, 50)).toBe(50);
    expect(await granted(budget(limits))).toBe(1);
  });

  it("refunds what was not queued", async () => {
    const limits = { evaluationsPerUser: 12, evaluationsPerDay: 12 };
    const grant = await budget(limits).take(anna, cost, 2);
    await grant.giveBack(1);
    expect(await granted(budget(limits), anna, 2)).toBe(1);
    await grant.giveBack(0);
    expect(await granted(budget(limits), anna, 2)).toBe(0);
  });

  it("never exceeds the limit under concurrency", async () => {
    const one = budget({ evaluationsPerUser: 20 });
    const grants = await Promise.all(Array.from({ length: 16 }, () => granted(one)));
    const total = grants.reduce((sum, n) => sum + n, 0);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThanOrEqual(3);
  });

  it("limits the live and the batch queue separately", async () => {
    const jobs = new JobsRepository(db.pool);
    await jobs.createMany(
      [1, 1, 0].map(priority => ({ kind: "PERSONALIZE_IMAGE" as const, payload: {}, priority })),
    );
    const full = budget({ maxLiveQueued: 3, maxBatchQueued: 1, evaluationsPerUser: 100 });
    const grant = await full.take(anna, cost, 4);
    expect(grant.numGranted).toBe(1);
    expect(grant.retryAt.getTime()).toBeGreaterThan(Date.now());
    expect(await granted(full, { ...anna, isBatch: true }, 4)).toBe(0);
  });
});
