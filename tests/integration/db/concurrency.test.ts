import { CaptionsRepository } from "../../../src/db/captions.repository.js";
import { EmbeddingsRepository } from "../../../src/db/embeddings.repository.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import { ItemsRepository, type NewItem } from "../../../src/db/items.repository.js";
import { retryConflicts } from "../../../src/db/retry.js";
import { UsersRepository } from "../../../src/db/users.repository.js";
import { Random } from "../../../src/ml/nn/random.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const NUM_ROWS = 200;
const NUM_CALLS = 40;
const ids = Array.from({ length: NUM_ROWS }, (_, i) => `row-${i}`);

/** The ids in another order for every call. */
function shuffled(call: number): string[] {
  const random = new Random(call);
  const keys = new Map(ids.map(id => [id, random.uniform()]));
  return [...ids].sort((a, b) => keys.get(a)! - keys.get(b)!);
}

/** Does `write` many times at once; @returns the faults. */
async function faultsOf(
  write: (ids: string[], call: number) => Promise<unknown>,
): Promise<string[]> {
  const calls = Array.from({ length: NUM_CALLS }, (_, call) => write(shuffled(call), call));
  const outcomes = await Promise.allSettled(calls);
  return outcomes.flatMap(one => (one.status === "rejected" ? [String(one.reason)] : []));
}

const itemsOf = (order: string[], call: number): NewItem[] =>
  order.map(id => ({
    id,
    title: `${id} of ${call}`,
    description: "",
    category: null,
    keywords: [],
    isAvailable: true,
    attribution: null,
    caption: `caption ${call}`,
  }));

describeOnEveryDatabase("bulk writes of the same rows in other orders at once", (open, kind) => {
  it("do not lock each other out", async () => {
    const { pool, prisma } = await open({ maxConnections: 16 });
    expect(
      await faultsOf(order => new UsersRepository(prisma).upsertMany(order.map(id => ({ id })))),
    ).toEqual([]);
    expect(
      await faultsOf((order, call) =>
        prisma.$transaction(transaction =>
          new ItemsRepository(transaction).upsertMany(itemsOf(order, call)),
        ),
      ),
    ).toEqual([]);
    expect(
      await faultsOf((order, call) =>
        new ItemsRepository(prisma).setImportedCaptions(
          order.map(itemId => ({ itemId, text: `caption ${call}` })),
        ),
      ),
    ).toEqual([]);
    const occurredAt = new Date("2024-01-01T00:00:00Z");
    expect(
      await faultsOf((order, call) =>
        new InteractionsRepository(prisma).insertMany(
          order.map(id => ({ userId: id, itemId: id, kind: "LIKE", weight: call, occurredAt })),
        ),
      ),
    ).toEqual([]);
    expect(
      await faultsOf((order, call) =>
        new EmbeddingsRepository(pool).saveMany(
          "CAPTION",
          "encoder",
          order.map(itemId => ({
            itemId,
            vector: Float32Array.of(call, 1),
            sourceHash: String(call),
          })),
        ),
      ),
    ).toEqual([]);
    await pool.query("DELETE FROM captions");
    expect(
      await faultsOf((order, call) =>
        new CaptionsRepository(pool).saveMany(
          order.map(itemId => ({
            itemId,
            text: `caption ${call}`,
            source: "MODEL",
            blobHash: "0".repeat(64),
            comparedWith: null,
          })),
          "model",
        ),
      ),
    ).toEqual([]);
    expect(await prisma.user.count()).toBe(NUM_ROWS);
  });

  const onPostgres = kind === "postgres" ? it : it.skip; // the embedded one has a single connection
  onPostgres("are done again after a deadlock", async () => {
    const { prisma } = await open({ maxConnections: 4 });
    await new UsersRepository(prisma).upsertMany([{ id: "a" }, { id: "b" }]);
    let numWaiting = 0;
    let letGo: () => void = () => undefined;
    const bothHoldOne = new Promise<void>(resolve => (letGo = resolve));
    let numTries = 0;
    const lockBoth = (first: string, second: string) =>
      retryConflicts(() =>
        prisma.$transaction(async transaction => {
          numTries++;
          await transaction.$queryRaw`SELECT id FROM users WHERE id = ${first} FOR UPDATE`;
          if (++numWaiting === 2) {
            letGo();
          }
          await bothHoldOne;
          await transaction.$queryRaw`SELECT id FROM users WHERE id = ${second} FOR UPDATE`;
          return `${first}${second}`;
        }),
      );
    expect(await Promise.all([lockBoth("a", "b"), lockBoth("b", "a")])).toEqual(["ab", "ba"]);
    expect(numTries).toBeGreaterThanOrEqual(3);
  });

  onPostgres("are not done again after other faults", async () => {
    const { pool } = await open({ maxConnections: 2 });
    let numTries = 0;
    const query = () => {
      numTries++;
      return pool.query("SELECT nonsense");
    };
    await expect(retryConflicts(query)).rejects.toThrow("nonsense");
    expect(numTries).toBe(1);
  });
});
