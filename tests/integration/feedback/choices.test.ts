import { type FeedbackRules, defaultFeedbackRules } from "../../../src/config/feedback-rules.js";
import { choicesOf, type Feedback, opinionsSql } from "../../../src/db/choices.js";
import type { Database } from "../../../src/db/database.js";
import { EmbeddingsRepository } from "../../../src/db/embeddings.repository.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import { RankingQueries } from "../../../src/db/ranking-queries.js";
import { RetrievalRepository } from "../../../src/db/retrieval.repository.js";
import type { InteractionKind } from "../../../src/db/rows.js";
import { Random } from "../../../src/ml/nn/random.js";
import { RetrievalService } from "../../../src/recsys/retrieval/retrieval.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const encoder = "test/clip@1";
const kinds: InteractionKind[] = ["VIEW", "CLICK", "CART", "LIKE", "PURCHASE", "RATING"];

const variants: [name: string, rules: FeedbackRules][] = [
  ["the default rules", defaultFeedbackRules],
  [
    "a scale of ten, no views, and a half-life",
    {
      likedFrom: 4.3,
      kindWeights: { ...defaultFeedbackRules.kindWeights, VIEW: 0, CART: 3 },
      halfLifeDays: 20,
    },
  ],
];

describeOnEveryDatabase("users' choices", open => {
  let db: Database;

  beforeAll(async () => {
    db = await open();
  });

  beforeEach(async () => {
    await db.prisma.user.deleteMany();
    await db.prisma.item.deleteMany();
  });

  async function record(rows: readonly (Feedback & { kind: InteractionKind })[]) {
    const ids = (name: "userId" | "itemId") => [...new Set(rows.map(row => row[name]))];
    await db.prisma.user.createMany({
      data: ids("userId").map(id => ({ id })),
      skipDuplicates: true,
    });
    await db.prisma.item.createMany({
      data: ids("itemId").map(id => ({ id, title: id })),
      skipDuplicates: true,
    });
    await new InteractionsRepository(db.prisma).insertMany(rows);
  }

  it.each(variants)("are the same in SQL and in memory, by %s", async (_, rules) => {
    const random = new Random(3);
    const oneOf = <Value>(values: readonly Value[]) => values[random.int(values.length)];
    const given = Array.from({ length: 600 }, (): Feedback & { kind: InteractionKind } => ({
      userId: `u${random.int(6)}`,
      itemId: `i${random.int(12)}`,
      kind: oneOf(kinds),
      weight: oneOf([0, 1e-45, 0.5, 1, 3, 4, 4.3, 5, 9, 1e30]),
      occurredAt: new Date(Date.UTC(2026, 0, 1 + random.int(40))), // often the same day
    }));
    await record(given);
    const rows: Feedback[] = await db.prisma.interaction.findMany({ orderBy: { id: "asc" } });
    const { rows: opinions } = await db.pool.query<{
      user_id: string;
      item_id: string;
      occurred_at: Date;
      strength: number;
      now: Date;
    }>(`SELECT *, now() AS now FROM (${opinionsSql(rules)}) AS opinions WHERE is_choice`);
    const key = (userId: string, itemId: string) => `${userId} ${itemId}`;
    const expected = choicesOf(rows, rules, opinions[0].now);
    expect(expected.length).toBeGreaterThan(20);
    expect(expected.length).toBeLessThan(72); // some are disliked
    const bySql = new Map(opinions.map(row => [key(row.user_id, row.item_id), row]));
    expect([...bySql.keys()].sort()).toEqual(
      expected.map(({ userId, itemId }) => key(userId, itemId)).sort(),
    );
    for (const { userId, itemId, lastAt, strength } of expected) {
      const row = bySql.get(key(userId, itemId))!;
      expect(row.occurred_at).toEqual(lastAt);
      expect(row.strength).toBeAllclose(strength, { rtol: 1e-6 });
    }
  });

  it("are the only input of retrieval's preference: five liked and five disliked items", async () => {
    const embeddings = new EmbeddingsRepository(db.pool);
    const subjects = { liked: "meadow", hated: "skull" };
    const items = ["liked", "hated"].flatMap(taste => [1, 2, 3, 4, 5].map(n => `${taste}-${n}`));
    for (const id of [...items, "reference"]) {
      const subject = id.startsWith("hated") ? subjects.hated : subjects.liked;
      await db.prisma.item.create({ data: { id, title: `${subject} print`, keywords: [subject] } });
      // The disliked ones are the most similar to the reference.
      const vector = Float32Array.of(
        1,
        id.startsWith("liked") ? 0.8 : 0.1,
        Number(id.slice(-1)) / 100 || 0,
      );
      for (const kind of ["CAPTION", "IMAGE"] as const) {
        await embeddings.saveMany(kind, encoder, [
          { itemId: id, vector, sourceHash: "0".repeat(64) },
        ]);
      }
    }
    await record(
      items.map((itemId, n) => ({
        userId: "u",
        itemId,
        kind: "RATING",
        weight: itemId.startsWith("liked") ? 5 : 0.5,
        occurredAt: new Date(Date.UTC(2026, 0, 1 + n)),
      })),
    );
    const retrieval = new RetrievalService({ encoder, rows: new RetrievalRepository(db.pool) });
    const found = await retrieval.retrieve("u", "reference");
    expect(found.historyItemIds).toEqual(items.slice(0, 5));
    expect(found.retrieved.map(({ itemId }) => itemId).sort()).toEqual(items.slice(0, 5));
    expect(found.preferenceKeywords).toEqual(["meadow", "print"]);
    expect(found.prompt).not.toContain("skull");
  });

  describe("weights of P^ret", () => {
    const embeddings = () => new EmbeddingsRepository(db.pool);
    const withRules = (readsStrengths: boolean, halfLifeDays: number | null = null) => {
      const rules = { ...defaultFeedbackRules, halfLifeDays };
      const rows = new RetrievalRepository(db.pool, { rules, readsStrengths });
      return new RetrievalService({ encoder, rows });
    };
    const weightsBy = async (retrieval: RetrievalService) => {
      const { retrieved } = await retrieval.retrieve("u", "reference");
      return Object.fromEntries(retrieved.map(({ itemId, weight }) => [itemId, weight]));
    };

    beforeEach(async () => {
      for (const id of ["bought", "viewed", "reference"]) {
        await db.prisma.item.create({ data: { id, title: id } });
        for (const kind of ["CAPTION", "IMAGE"] as const) {
          const row = { itemId: id, vector: Float32Array.of(1, 0), sourceHash: "0".repeat(64) };
          await embeddings().saveMany(kind, encoder, [row]);
        }
      }
      const did = (itemId: string, kind: InteractionKind, day: number) => ({
        userId: "u",
        itemId,
        kind,
        weight: 1,
        occurredAt: new Date(Date.UTC(2026, 0, day)),
      });
      await record([did("bought", "PURCHASE", 1), did("viewed", "VIEW", 11)]);
    });

    it("depend on similarity alone, as in the paper", async () => {
      expect(await weightsBy(withRules(false))).toEqual({ bought: 0.5, viewed: 0.5 });
    });

    it("count a view less than a purchase when configured, and decay with age", async () => {
      expect(await weightsBy(withRules(true))).toEqual({
        bought: expect.closeTo(1 / 1.2, 12) as number,
        viewed: expect.closeTo(0.2 / 1.2, 12) as number,
      });
      // 10 days are two half-lives: the purchase counts 0.25.
      expect((await weightsBy(withRules(true, 5))).bought).toBeCloseTo(0.25 / 0.45, 5);
    });

    it("do not change without new interactions", async () => {
      const retrieval = withRules(true, 0.001);
      expect(await weightsBy(retrieval)).toEqual(await weightsBy(retrieval));
    });
  });

  it("determine popularity, without dislikes", async () => {
    const rate = (userId: string, itemId: string, weight: number) => ({
      userId,
      itemId,
      kind: "RATING" as const,
      weight,
      occurredAt: new Date(Date.UTC(2026, 0, 1)),
    });
    const users = Array.from({ length: 81 }, (_, n) => `u${n}`);
    await record([
      ...users.map((user, n) => rate(user, "a-hated", n === 0 ? 5 : 0.5)),
      ...users.slice(0, 2).map(user => rate(user, "loved", 4)),
      rate("u0", "z-loved-by-one", 5),
      rate("u1", "only-hated", 1),
    ]);
    const popular = await new RankingQueries(db.pool).findPopularItems();
    expect(popular.map(({ itemId }) => itemId)).toEqual(["loved", "z-loved-by-one", "a-hated"]);
    expect(popular[0].strength).toBe(2);
  });

  it("weigh kinds in popularity: three views count less than one purchase", async () => {
    const did = (userId: string, itemId: string, kind: InteractionKind) => ({
      userId,
      itemId,
      kind,
      weight: 1,
      occurredAt: new Date(Date.UTC(2026, 0, 1)),
    });
    await record([
      ...["u1", "u2", "u3"].map(user => did(user, "viewed", "VIEW")),
      did("u1", "bought", "PURCHASE"),
      did("u1", "bought", "VIEW"), // counts as the purchase does
    ]);
    expect(await new RankingQueries(db.pool).findPopularItems()).toEqual([
      { itemId: "bought", strength: 1 },
      { itemId: "viewed", strength: 0.6 },
    ]);
  });
});
