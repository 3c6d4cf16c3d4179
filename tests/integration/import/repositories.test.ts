import type { Database } from "../../../src/db/database.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import {
  type ItemColumn,
  ItemsRepository,
  type NewItem,
} from "../../../src/db/items.repository.js";
import { RankingQueries } from "../../../src/db/ranking-queries.js";
import { UsersRepository } from "../../../src/db/users.repository.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const item = (id: string, changes: Partial<NewItem> = {}): NewItem => ({
  id,
  title: `Item ${id}`,
  description: "",
  category: null,
  keywords: [],
  isAvailable: true,
  attribution: null,
  caption: null,
  ...changes,
});

const blob = (digit: string) => ({
  hash: digit.repeat(64),
  mediaType: "image/png",
  sizeBytes: 10,
  widthPixels: 2,
  heightPixels: 1,
});

describeOnEveryDatabase("the catalogue's repositories", open => {
  let db: Database;
  let items: ItemsRepository;
  let users: UsersRepository;
  let interactions: InteractionsRepository;
  beforeAll(async () => {
    db = await open();
    items = new ItemsRepository(db.prisma);
    users = new UsersRepository(db.prisma);
    interactions = new InteractionsRepository(db.prisma);
  });
  beforeEach(async () => {
    await db.pool.query("TRUNCATE users, items, blobs RESTART IDENTITY CASCADE");
  });

  it("counts only added or changed items", async () => {
    const tricky = item("b", {
      title: 'quo"te, {brace}',
      keywords: ["a,b", "", 'c"', "{}"],
      category: "x",
    });
    expect(await items.upsertMany([item("a"), tricky])).toBe(2);
    expect(await items.upsertMany([item("a"), tricky])).toBe(0);
    expect(await items.upsertMany([item("a", { isAvailable: false }), tricky])).toBe(1);
    expect(await items.findById("b")).toMatchObject({
      title: tricky.title,
      keywords: tricky.keywords,
    });
    expect(await items.upsertMany([])).toBe(0);
  });

  it("updates only the named columns, without a title for known items", async () => {
    const only = (...columns: ItemColumn[]) => ({ columns: new Set(columns) });
    await items.upsertMany([
      item("a", { category: "lamps", keywords: ["red"], caption: "a lamp" }),
    ]);
    const changes = [
      item("a", { ...only("isAvailable"), title: "", isAvailable: false }),
      item("new", { ...only("isAvailable"), title: "" }),
    ];
    expect(await items.withoutTitle(changes)).toEqual(new Set(["new"]));
    expect(await items.upsertMany(changes)).toBe(1);
    expect(await items.findById("a")).toMatchObject({
      title: "Item a",
      category: "lamps",
      keywords: ["red"],
      isAvailable: false,
    });
    expect(await items.findById("new")).toBeNull();
    // Two rows of one call with different columns; the later wins where both have one.
    const pair = [
      item("b", { ...only("title", "category"), title: "first", category: "one" }),
      item("b", { ...only("category", "keywords"), title: "", category: "two", keywords: ["k"] }),
    ];
    expect(await items.upsertMany(pair)).toBe(1);
    expect(await items.findById("b")).toMatchObject({
      title: "first",
      category: "two",
      keywords: ["k"],
      isAvailable: true,
    });
  });

  it("keeps the last of two items, pictures or blobs with the same id", async () => {
    await items.upsertMany([item("a", { title: "old" }), item("a", { title: "new" })]);
    expect((await items.findById("a"))?.title).toBe("new");
    await items.setImages([
      { itemId: "a", blob: blob("1"), source: "1.png" },
      { itemId: "a", blob: blob("2"), source: "2.png" },
      { itemId: "a", blob: blob("2"), source: "3.png" },
    ]);
    const image = await db.prisma.itemImage.findUnique({ where: { itemId: "a" } });
    expect(image).toMatchObject({ blobHash: blob("2").hash, source: "3.png" });
  });

  it("finds items in the order asked for, and those that exist", async () => {
    await items.upsertMany(["a", "b", "c", "d"].map(id => item(id)));
    const found = await items.findByIds(["c", "none", "a"]);
    expect(found.map(row => row?.id ?? null)).toEqual(["c", null, "a"]);
    expect(await items.existing(["a", "a", "none"])).toEqual(new Set(["a"]));
    expect(await items.deleteMany(["a", "b", "none"])).toBe(2);
    expect(await items.count()).toBe(2);
  });

  it("keeps a user's first simulated flag", async () => {
    expect(await users.upsertMany([{ id: "u" }, { id: "s", isSimulated: true }])).toBe(2);
    expect(await users.upsertMany([{ id: "u", isSimulated: true }, { id: "u" }])).toBe(0);
    expect(await users.findById("u")).toMatchObject({ isSimulated: false });
    expect(await users.count()).toBe(2);
  });

  describe("of interactions", () => {
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second, 7));
    const like = (itemId: string, second: number) => ({
      userId: "u",
      itemId,
      kind: "LIKE" as const,
      weight: 1,
      occurredAt: at(second),
    });
    beforeEach(async () => {
      await items.upsertMany(["a", "b", "c", "d"].map(id => item(id)));
      await users.upsertMany([{ id: "u" }]);
    });

    it("adds an interaction once", async () => {
      expect(await interactions.insertMany([like("a", 1), like("a", 1), like("a", 2)])).toBe(2);
      expect(await interactions.insertMany([like("a", 1)])).toBe(0);
      expect(await interactions.count()).toBe(2);
    });

    it("returns the newest in the order of time, ties in insertion order", async () => {
      await interactions.insertMany([like("a", 9), like("b", 5), like("c", 5), like("d", 1)]);
      const history = await new RankingQueries(db.pool).historyOf("u", 3);
      expect(history.map(({ itemId }) => itemId)).toEqual(["b", "c", "a"]);
      expect(history[2].occurredAt).toEqual(at(9));
      expect(await new RankingQueries(db.pool).historyOf("nobody", 3)).toEqual([]);
    });

    it("streams all interactions in batches", async () => {
      await interactions.insertMany([like("a", 1), like("b", 2), like("c", 3)]);
      const batches: string[][] = [];
      for await (const batch of interactions.streamAll(2)) {
        batches.push(batch.map(({ itemId }) => itemId));
      }
      expect(batches).toEqual([["a", "b"], ["c"]]);
    });
  });
});
