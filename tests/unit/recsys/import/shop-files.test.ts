/** Real shops' files, read like the catalogue import. The expected values are those of the inputs' README. */
import { join } from "node:path";
import { CatalogueSource } from "../../../../src/recsys/import/catalogue.js";
import { readSource } from "../../../helpers/read-source.js";

const inputs = join(import.meta.dirname, "../../../fixtures/inputs");
const items = (name: string) => readSource(new CatalogueSource({ items: join(inputs, name) }));
const interactions = (name: string) =>
  readSource(new CatalogueSource({ interactions: join(inputs, name) }));
const reasons = (rejected: readonly [number, string][]) =>
  rejected.map(([line, reason]) => `${line} ${reason}`);

describe("exports of shops", () => {
  const tee = {
    id: "44",
    title: "V-Neck Tee",
    category: "Clothing > Tshirts",
    keywords: ["cotton", "soft"],
    isAvailable: true,
  };

  it.each(["shop/shopify-shaped.csv", "shop/shopify-shaped-renamed.csv"])(
    "joins the variants and images of %s to their product",
    async name => {
      const read = await items(name);
      expect(read.items).toEqual([
        {
          columns: new Set([...["title", "description", "category", "keywords", "isAvailable"]]),
          id: "varsity-top",
          title: "Varsity Top",
          description: "Grey & black",
          category: "Tops",
          keywords: ["women", "casual"],
          isAvailable: true,
          attribution: null,
          caption: null,
          variants: ["Small", "Medium", "Large"].map(size => ({
            ...{ id: size, title: size, options: [{ name: "Size", value: size }] },
            ...{ isAvailable: true, hasImage: false, images: [] },
          })),
        },
      ]);
      expect(read.variantImages).toEqual([]);
      expect(read.images).toEqual({
        "varsity-top": ["https://example.com/a.jpg", "https://example.com/b.jpg"],
      });
      expect(read.rejected).toEqual([]);
    },
  );

  it.each(["shop/woo-shaped.csv", "shop/woo-shaped-renamed.csv"])(
    "joins the variations of %s to their product, and reads several URLs in a cell",
    async name => {
      const read = await items(name);
      expect(read.items).toEqual([expect.objectContaining(tee)]);
      expect(read.images).toEqual({
        44: ["https://example.com/a.jpg", "https://example.com/b.jpg"],
      });
      expect(read.rejected).toEqual([]);
    },
  );

  it("reads a Google feed", async () => {
    const read = await items("shop/google-feed.xml");
    expect(read.items).toEqual([
      expect.objectContaining({
        id: "1",
        title: "فستان أحمر",
        description: "قطن",
        isAvailable: true,
      }),
    ]);
    expect(read.images).toEqual({ 1: ["https://shop.example/1.jpg"] });
  });

  it.each(["shop/retailrocket-events.csv", "shop/retailrocket-renamed.csv"])(
    "reads the events of %s",
    async name => {
      const read = await interactions(name);
      expect(read.rejected).toEqual([]);
      expect(read.interactions.map(({ kind }) => kind)).toEqual([
        ...["VIEW", "VIEW", "VIEW", "VIEW", "CART", "PURCHASE"],
      ]);
      expect(read.interactions[0]).toEqual({
        userId: "257597",
        itemId: "355908",
        kind: "VIEW",
        weight: 1,
        occurredAt: new Date("2015-06-02T05:02:12.117Z"),
      });
    },
  );
});

describe("values", () => {
  it("accepts words for availability, and lists them for unknown ones", async () => {
    const read = await items("shop/avail.csv");
    const answers = read.items.map(({ id, isAvailable, columns }) => [
      Number(id),
      columns?.has("isAvailable") ? isAvailable : null,
    ]);
    const yes = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 17].map(id => [id, true]);
    const no = [7, 11, 13, 15, 16].map(id => [id, false]);
    expect(answers).toEqual(
      [...yes, ...no, [14, null]].sort((a, b) => Number(a[0]) - Number(b[0])),
    );
    expect(read.rejected).toEqual([]);
  });

  it("accepts words for kinds, and lists them for unknown ones", async () => {
    const read = await interactions("shop/kinds.csv");
    const kinds = Object.fromEntries(read.interactions.map(({ userId, kind }) => [userId, kind]));
    expect(kinds).toEqual({
      ...{ u0: "VIEW", u1: "VIEW", u2: "VIEW", u3: "CART", u4: "CART", u5: "CART" },
      ...{ u6: "PURCHASE", u7: "PURCHASE", u8: "PURCHASE", u9: "CLICK" },
      ...{ u10: "LIKE", u11: "LIKE", u13: "LIKE" },
    });
    expect(reasons(read.rejected)).toEqual([
      "14 weight: is needed: a rating is its value",
      expect.stringMatching(/^16 kind: must be one of view, click, .*'remove_from_cart'$/),
      expect.stringMatching(/^17 kind: must be one of .*'refund'$/),
      expect.stringMatching(/^18 kind: must be one of .*''$/),
    ]);
  });

  it("reads unambiguous times as UTC", async () => {
    const read = await interactions("shop/dates.csv");
    const times = Object.fromEntries(
      read.interactions.map(({ userId, occurredAt }) => [userId, occurredAt.toISOString()]),
    );
    const ten = "2026-01-05T10:00:00.000Z";
    const midnight = "2026-01-05T00:00:00.000Z";
    const eight = "2026-01-05T08:00:00.000Z";
    expect(times).toEqual({
      ...{ u0: ten, u1: ten, u2: midnight, u3: eight, u4: eight, u5: ten, u6: ten, u7: ten },
      u8: "2026-01-05T10:00:00.500Z",
      ...{ u13: ten, u14: midnight, u15: midnight, u16: "2015-06-02T05:02:12.117Z" },
      u26: "2026-01-05T15:00:00.000Z",
    });
    const faults = new Map(read.rejected);
    // Day and month of 05/01/2026 may be either; an empty cell is no time.
    for (const user of [9, 10, 11, 12, 17, 18, 27]) {
      expect(faults.get(user + 2)).toMatch(/^occurredAt: must be a time, such as 2026-01-31/);
    }
    for (const user of [19, 20, 28]) {
      expect(faults.get(user + 2)).toMatch(/^occurredAt: must be an existing date and time/);
    }
    for (const user of [21, 22]) {
      expect(faults.get(user + 2)).toMatch(/^occurredAt: must not be in the future/);
    }
    for (const user of [23, 25]) {
      expect(faults.get(user + 2)).toMatch(/^occurredAt: must not be before 1970/);
    }
    expect(faults.get(26)).toMatch(/0 means none/);
    expect(faults.size).toBe(15);
  });

  it("refuses impossible dates, and reads times without a zone as UTC", async () => {
    const read = await interactions("bugs/impossible-and-local-times.csv");
    expect(read.interactions.map(({ occurredAt }) => occurredAt.toISOString())).toEqual([
      "2024-01-01T09:05:00.000Z",
      "2024-01-01T22:00:00.000Z",
      "2024-01-01T00:00:00.000Z",
    ]);
    expect(read.rejected.map(([line]) => line)).toEqual([2, 3]);
  });

  it("reads a weight too small for its column as 0", async () => {
    const read = await interactions("bugs/weights-decayed.csv");
    expect(read.interactions.map(({ weight }) => weight)).toEqual([1, 0, 0.5]);
  });

  it("truncates long optional text, reports it, and keeps the product", async () => {
    const source = new CatalogueSource({ items: join(inputs, "shop/long.csv") });
    const read = await readSource(source);
    expect(read.items.map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5"]);
    expect(read.items[0].title).toHaveLength(1_000);
    expect(read.items[1].description).toHaveLength(20_000);
    expect(read.items[2].category).toHaveLength(100);
    expect(read.items[3].keywords).toEqual(Array.from({ length: 100 }, (_, i) => `k${i}`));
    expect(read.items[4].keywords[0]).toHaveLength(100);
    expect(reasons(read.rejected)).toEqual([
      "7 id: must have at most 200 characters, but has 201",
      "8 title: is needed",
      "9 id: is needed",
    ]);
    expect(source.warnings.map(({ count, first }) => [count, first])).toEqual([
      [1, ["long.csv:2 title has 1001 characters and is cut to 1000"]],
      [1, ["long.csv:3 description has 20001 characters and is cut to 20000"]],
      [1, ["long.csv:4 category has 101 characters and is cut to 100"]],
      [1, ["long.csv:5 keywords are 101; the first 100 are taken"]],
      [1, ["long.csv:6 keywords has 101 characters and is cut to 100"]],
    ]);
  });

  it("keeps products whose category is a list of paths, and truncates a long one", async () => {
    const read = await items("shop/categories.csv");
    expect(read.items.map(({ category, keywords }) => [category, keywords])).toEqual([
      ["Clothing > Tshirts, Clothing > Sale", ["a", "b", "c"]],
      [
        "Apparel & Accessories > Clothing > Shirts & Tops > Something Rather Long > And Another Level Of It >",
        ["red", "blue"],
      ],
    ]);
    expect(read.rejected).toEqual([]);
  });

  it("reports each of several images, and accepts a URL without a scheme", async () => {
    const { images, rejected } = await items("shop/multi-image.csv");
    expect(images).toMatchObject({
      1: ["http://127.0.0.1:4199/a.jpg", "http://127.0.0.1:4199/b.jpg"],
      4: ["https://cdn.example/a.jpg"],
      13: ["http://127.0.0.1:4199/ok file.jpg"],
    });
    expect(reasons(rejected)).toEqual(["7 must have 3 fields, but got 4"]); // a comma without quotes
  });
});

describe("text", () => {
  it("detects semicolons and a byte-order mark", async () => {
    const read = await items("shop/semicolon.csv");
    expect(read.items.map(({ title, description }) => [title, description])).toEqual([
      ["Rotes Hemd", "Ein Hemd; weich"],
      ["Blaue Hose", "Schön"],
    ]);
  });

  it("detects tabs", async () => {
    expect((await items("shop/tab.csv")).items).toMatchObject([{ id: "1", title: "A" }]);
  });

  it("reads Windows-1252", async () => {
    expect((await items("bugs/latin1.csv")).items).toMatchObject([{ id: "1", title: "Café" }]);
    expect((await items("shop/latin1.csv")).items).toMatchObject([
      { title: "Chemise d'été brodée", category: "Vêtements" },
      { title: "Größe XL Mütze", category: "Mützen" },
    ]);
  });

  it("loses only one row to a broken quote", async () => {
    const read = await items("shop/quotes.csv");
    expect(read.items.map(({ title, description }) => [title, description])).toEqual([
      ["Shirt", '5" wide, 32" waist'],
      ['Screen 24" wide', "flat"],
      ["Fine", "y"],
    ]);
    expect(reasons(read.rejected)).toEqual(["4 has a quote that is not closed"]);
  });

  it.each([
    ["bugs/header-lf-rows-crlf.csv", ["Lamp", "Chair"]],
    ["bugs/header-crlf-rows-lf.csv", ["Lamp", "Chair", "Table"]],
  ])("reads the mixed line endings of %s", async (name, titles) => {
    const read = await items(name);
    expect(read.items.map(({ title }) => title)).toEqual(titles);
    expect(read.items[0].caption ?? "").not.toMatch(/["\r]$/);
    expect(read.rejected).toEqual([]);
  });

  it("keeps U+2028 as a character", async () => {
    const read = await items("bugs/line-separator.jsonl");
    expect(read.items.map(({ title }) => title)).toEqual(["one\u2028two", "x"]);
  });

  it("keeps all digits of an id", async () => {
    const read = await items("bugs/items-64-bit-ids.jsonl");
    expect(read.items.map(({ id }) => id)).toEqual(["9007199254740993", "9007199254740992"]);
  });

  it.each([
    [
      "bugs/keywords-cut-emoji.jsonl",
      ["1", "3"],
      "2 keywords: must not hold the character U+0000 or half a character",
    ],
    [
      "bugs/title-cut-emoji.jsonl",
      ["1"],
      "2 title: must not hold the character U+0000 or half a character",
    ],
  ])("rejects the row of %s that has half an emoji", async (name, ids, fault) => {
    const read = await items(name);
    expect(read.items.map(({ id }) => id)).toEqual(ids);
    expect(reasons(read.rejected)).toEqual([
      `${fault} (a lone surrogate), which Postgres cannot store`,
    ]);
  });

  it("reads JSON Lines row by row, with null as absent", async () => {
    const read = await items("shop/title-null.jsonl");
    expect(read.items.map(({ id, title, isAvailable }) => [id, title, isAvailable])).toEqual([
      ["1", "A", true],
      ["2", "B", true],
      ["3", "", true], // has no title, so it only counts if the item already exists
      ["4", "D", true],
      ["5", "E", true],
    ]);
    expect(read.images).toEqual({ 5: ["a.jpg"] });
    expect(read.rejected.map(([line, reason]) => `${line} ${reason.split(":")[0]}`)).toEqual([
      "4 is not JSON",
      "7 must be an object of columns",
      "8 id",
      "9 id",
    ]);
  });
});
