/** @file Raw reads give the rows that Prisma gives. */
import { createHash } from "node:crypto";
import { beforeAll, expect, it } from "@jest/globals";
import { CatalogQueries } from "../../../src/db/catalog-queries.js";
import type { Database } from "../../../src/db/database.js";
import type { Position } from "../../../src/db/keyset.js";
import { RankingQueries } from "../../../src/db/ranking-queries.js";
import type { ItemRow } from "../../../src/db/rows.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const hash = createHash("sha256").update("a picture").digest("hex");
const ids = ["plain", "full", "ä", 'quoted "x", \\', "no-image", "sold-out"];

describeOnEveryDatabase("reads of items", open => {
  let db: Database;
  let catalog: CatalogQueries;

  beforeAll(async () => {
    db = await open();
    const { pool, prisma } = db;
    catalog = new CatalogQueries(prisma, pool);
    await prisma.blob.create({
      data: { hash, mediaType: "image/png", sizeBytes: 7, widthPixels: 3, heightPixels: 5 },
    });
    await prisma.user.create({ data: { id: "u" } });
    for (const [place, id] of ids.entries()) {
      await prisma.item.create({
        data: {
          id,
          title: `the ${id}`,
          // Two items share a time, so that the id decides.
          createdAt: new Date(Date.UTC(2026, 6, 1, 12, 0, place >> 1, 123)),
          isAvailable: id !== "sold-out",
          ...(id === "full" && { description: "with\nall", category: "lamps", attribution: "CC0" }),
          ...(id.startsWith("quoted") && { keywords: ['a "b", c', "{}", "null", "", "\\"] }),
        },
      });
      if (id !== "no-image") {
        const sourceVersion = id === "full" ? "12 34" : null;
        await prisma.itemImage.create({
          data: { itemId: id, blobHash: hash, source: `${id}.png`, sourceVersion },
        });
        await prisma.caption.create({ data: { itemId: id, text: `a ${id}`, source: "IMPORTED" } });
      }
      await prisma.interaction.create({
        data: { userId: "u", itemId: id, kind: "RATING", weight: 0.1, occurredAt: new Date(place) },
      });
    }
  });

  /** As Prisma reads them, with images. */
  const expected = (where: object = {}) =>
    db.prisma.item.findMany({
      where,
      include: { image: { include: { blob: true } } },
      orderBy: [{ createdAt: "asc" }, { id: "asc" }],
    });
  const byId = <Row extends { id: string }>(rows: readonly Row[]) =>
    rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));

  it("finds items by their ids, with their images", async () => {
    const rows = await catalog.findItems([...ids, "absent"]);
    expect(byId(rows)).toEqual(byId(await expected()));
    expect(await catalog.findItems([])).toEqual([]);
  });

  it("finds images and captions of items", async () => {
    const { itemImage, caption } = db.prisma;
    const itemId = { in: ids.slice(1) };
    const orderBy = { itemId: "asc" } as const;
    const byItem = <Row extends { itemId: string }>(rows: readonly Row[]) =>
      rows.toSorted((a, b) => (a.itemId < b.itemId ? -1 : 1));
    const images = await itemImage.findMany({
      where: { itemId },
      include: { blob: true },
      orderBy,
    });
    expect(byItem(await catalog.findItemImages(ids.slice(1)))).toEqual(byItem(images));
    const captions = await caption.findMany({ where: { itemId }, orderBy });
    expect(byItem(await catalog.findCaptions(ids.slice(1)))).toEqual(byItem(captions));
  });

  it.each([
    ["all", {}, {}],
    ["of a category", { category: "lamps" }, { category: "lamps" }],
    ["that are available", { isAvailable: true }, { isAvailable: true }],
    ["that are not", { isAvailable: false }, { isAvailable: false }],
    ["of both kinds of filter", { category: "lamps", isAvailable: false }, { id: "none" }],
  ])("pages through the items: %s", async (_what, filter, where) => {
    const rows: ItemRow[] = [];
    for (let after: Position<Date> | null = null; ;) {
      const page = await catalog.findItemPage(filter, { limit: 1, after });
      if (page.length === 0) {
        break;
      }
      rows.push(...page);
      const [{ createdAt: value, id }] = page;
      after = { value, id };
    }
    expect(rows).toEqual(await expected(where));
  });

  it("reads the newest interactions in the order of time", async () => {
    const newest = await db.prisma.interaction.findMany({
      where: { userId: "u" },
      orderBy: { occurredAt: "desc" },
      take: 4,
    });
    expect(await new RankingQueries(db.pool).historyOf("u", 4)).toEqual(newest.reverse());
  });
});
