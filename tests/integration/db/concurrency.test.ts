import { CaptionsRepository } from "../../../src/db/captions.repository.js";
import { CatalogQueries } from "../../../src/db/catalog-queries.js";
import { EmbeddingsRepository } from "../../../src/db/embeddings.repository.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import { ItemsRepository, type NewItem } from "../../../src/db/items.repository.js";
import { retryConflicts } from "../../../src/db/retry.js";
import { UsersRepository } from "../../../src/db/users.repository.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const ids = Array.from({ length: 40 }, (_, i) => `row-${i}`);

/** Delays each row of an INSERT by 3 ms, so that concurrent calls overlap. */
const SLOW_INSERTS = `
  CREATE FUNCTION wait_a_little() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.003); RETURN NEW; END $$;
  ${["users", "items", "interactions", "captions", "embeddings", "blobs", "item_images"]
    .map(
      table =>
        `CREATE TRIGGER slow BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION wait_a_little();`,
    )
    .join("\n")}`;

/** Runs `write` four times concurrently, with the ids up, down, up and down. @returns the errors. */
async function faultsOf(write: (order: string[], call: number) => Promise<unknown>) {
  const orders = [ids, ids.toReversed(), ids, ids.toReversed()];
  const outcomes = await Promise.allSettled(orders.map(write));
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

const blobOf = (i: number) => ({
  hash: String(i).padStart(64, "0"),
  mediaType: "image/png",
  sizeBytes: 1,
  widthPixels: 1,
  heightPixels: 1,
});

describeOnEveryDatabase(
  "concurrent bulk writes of the same rows in different orders",
  (open, kind) => {
    const onPostgres = kind === "postgres" ? it : it.skip; // the embedded one has a single connection

    onPostgres("do not lock each other out", async () => {
      const { pool, prisma } = await open({ maxConnections: 8 });
      await pool.query(SLOW_INSERTS);
      expect(
        await faultsOf(order => new UsersRepository(prisma).upsertMany(order.map(id => ({ id })))),
      ).toEqual([]);
      const upsertItems = (order: string[], call: number) =>
        prisma.$transaction(transaction =>
          new ItemsRepository(transaction).upsertMany(itemsOf(order, call)),
        );
      expect(await faultsOf(upsertItems)).toEqual([]); // new rows
      expect(await faultsOf(upsertItems)).toEqual([]); // known ones
      expect(
        await faultsOf(async order => {
          await prisma.$transaction(transaction =>
            new ItemsRepository(transaction).setImages(
              order.map((itemId, i) => ({ itemId, blob: blobOf(i), source: itemId })),
            ),
          );
        }),
      ).toEqual([]);
      await pool.query("DELETE FROM captions");
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
    });

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
  },
);

describeOnEveryDatabase("a reader that follows the list of items", (open, kind) => {
  const onPostgres = kind === "postgres" ? it : it.skip; // the embedded one has a single connection

  onPostgres("misses no row of a transaction that commits late", async () => {
    const { pool, prisma } = await open({ maxConnections: 4 });
    const list = new CatalogQueries(prisma, pool);
    const insert = "INSERT INTO items (id, title, updated_at) VALUES ($1, $1, now())";
    await prisma.item.create({ data: { id: "first", title: "f", createdAt: new Date(0) } });
    const late = await pool.connect();
    await late.query("BEGIN");
    await late.query(insert, ["a-late"]);
    await pool.query(insert, ["b-quick"]);

    const before = await list.findItemPage({}, { limit: 10, after: null });
    await late.query("COMMIT");
    late.release(); // before anything can fail: the database closes only when all connections are back
    expect(before.map(({ id }) => id)).toEqual(["first"]);
    const { createdAt: value, id } = before[0];
    const rest = await list.findItemPage({}, { limit: 10, after: { value, id } });
    expect(rest.map(row => row.id)).toEqual(["a-late", "b-quick"]);
  });
});
