import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import {
  colorName,
  dominantColors,
  plainStickerCaption,
  stickerCaption,
} from "../../../../src/recsys/datasets/sticker-art.js";
import { stickerConcepts } from "../../../../src/recsys/datasets/sticker-concepts.js";
import { exportStickers } from "../../../../src/recsys/datasets/sticker-export.js";
import { shopStyles, stickerStyles } from "../../../../src/recsys/datasets/sticker-styles.js";
import {
  defaultSimulatedUsers,
  type ShopSticker,
  simulatedLikes,
} from "../../../../src/recsys/datasets/sticker-users.js";

const concepts = stickerConcepts();

describe("stickerConcepts()", () => {
  it("has over a thousand concepts that exist in all styles of the shop, each once", () => {
    expect(concepts.length).toBeGreaterThan(1_000);
    expect(new Set(concepts.map(({ slug }) => slug)).size).toBe(concepts.length);
    for (const { art, keywords, title } of concepts) {
      expect(shopStyles.every(style => art[style])).toBe(true);
      expect(keywords.length).toBeLessThanOrEqual(10);
      expect(title).toMatch(/^[a-z0-9 '-]+$/);
    }
  });

  it("leaves out flags and skin tones", () => {
    const left = concepts.filter(
      ({ slug, group }) => group === "flags" || slug.includes("skin_tone"),
    );
    expect(left.map(({ slug }) => slug)).toEqual([]);
  });

  it("keeps a fixed mixture of all groups when limited", () => {
    const few = stickerConcepts(100);
    expect(few).toHaveLength(100);
    expect(new Set(few.map(({ group }) => group)).size).toBe(8);
    expect(stickerConcepts(100).map(({ slug }) => slug)).toEqual(few.map(({ slug }) => slug));
    const more = new Set(stickerConcepts(200).map(({ slug }) => slug));
    expect(few.every(({ slug }) => more.has(slug))).toBe(true);
  });
});

describe("the styles", () => {
  const learned = join(import.meta.dirname, "../../../../models/mini/styles.json");
  (existsSync(learned) ? it : it.skip)("are named as the base models learned them", () => {
    const words = JSON.parse(readFileSync(learned, "utf8")) as Record<string, string>;
    for (const [style, { words: ours }] of Object.entries(stickerStyles)) {
      expect([style, words[style]]).toEqual([style, ours]);
    }
  });
});

describe("colorName()", () => {
  it.each([
    ["black", 0x10, 0x10, 0x10],
    ["white", 0xff, 0xff, 0xff],
    ["grey", 0x80, 0x80, 0x80],
    ["red", 0xdd, 0x2e, 0x44],
    ["orange", 0xf4, 0x90, 0x0c],
    ["yellow", 0xff, 0xcc, 0x4d],
    ["green", 0x77, 0xb2, 0x55],
    ["blue", 0x55, 0xac, 0xee],
    ["purple", 0x92, 0x66, 0xcc],
    ["pink", 0xf4, 0xab, 0xba],
    ["brown", 0x66, 0x40, 0x21],
  ])("names a typical %s", (name, red, green, blue) => {
    expect(colorName(red, green, blue)).toBe(name);
  });
});

describe("dominantColors()", () => {
  const pixels = (...runs: [count: number, rgba: number[]][]) =>
    Uint8Array.from(runs.flatMap(([count, rgba]) => Array<number[]>(count).fill(rgba).flat()));

  it("names the largest first, without small and transparent ones", () => {
    const drawing = pixels(
      [30, [255, 204, 77, 255]],
      [60, [221, 46, 68, 255]],
      [10, [85, 172, 238, 255]], // a tenth: too little to be named
      [900, [85, 172, 238, 0]],
    );
    expect(dominantColors(drawing)).toEqual(["red", "yellow"]);
  });

  it("is empty without a drawing", () => {
    expect(dominantColors(new Uint8Array(400))).toEqual([]);
  });
});

describe("stickerCaption()", () => {
  const concept = (title: string) => ({ ...concepts[0], title });

  it("has concept, colours and style", () => {
    expect(stickerCaption(concept("grinning cat"), "fluent-flat", ["yellow", "orange"])).toBe(
      "a grinning cat, yellow and orange, in flat vector style",
    );
    expect(stickerCaption(concept("eagle"), "fluent-3d", ["brown", "white", "grey"])).toBe(
      "an eagle, brown, white and grey, in glossy 3d style",
    );
    expect(stickerCaption(concept("grapes"), "fluent-3d", ["purple"])).toMatch(/^grapes, purple,/);
    expect(stickerCaption(concept("unicorn"), "fluent-3d", ["white"])).toMatch(/^a unicorn,/);
  });

  it("names the object alone where the captions are those of a shop", () => {
    expect(plainStickerCaption(concept("grinning cat"))).toBe("a grinning cat");
    expect(plainStickerCaption(concept("grapes"))).toBe("grapes");
  });
});

describe("exportStickers()", () => {
  it("writes the folder that pretrain/ reads", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vitrine-export-"));
    const numStickers = await exportStickers(folder, { limitConcepts: 3 });
    const rows = readFileSync(join(folder, "catalog.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map(line => JSON.parse(line) as Record<string, string>);
    expect(rows).toHaveLength(numStickers);
    expect(numStickers).toBeGreaterThanOrEqual(12);
    for (const row of rows) {
      expect(Object.keys(row).sort()).toEqual([
        "caption",
        "colors",
        "concept",
        "file",
        "group",
        "id",
        "keywords",
        "style",
        "title",
      ]);
      expect(row.id).toBe(`${row.style}:${row.concept}`);
      const { format, width, height, channels } = await sharp(join(folder, row.file)).metadata();
      expect([format, width, height, channels]).toEqual(["png", 128, 128, 3]);
    }
    rmSync(folder, { recursive: true });
  });
});

describe("simulatedLikes()", () => {
  const colors = ["red", "blue", "green"];
  const groups = ["animals", "food", "objects", "people"];
  const stickers = Array.from({ length: 120 }, (_, concept) =>
    shopStyles.map((style, i): ShopSticker => ({
      id: `${style}:${concept}`,
      concept: String(concept),
      style,
      group: groups[concept % groups.length],
      colors: [colors[(concept + i) % colors.length]],
    })),
  ).flat();
  const byId = new Map(stickers.map(sticker => [sticker.id, sticker]));
  const config = { ...defaultSimulatedUsers, numUsers: 200 };
  const likes = [...simulatedLikes(stickers, config)];
  const likesOf = (userId: string) => likes.filter(like => like.userId === userId);
  const userIds = [...new Set(likes.map(({ userId }) => userId))];

  /** Fraction of a user's likes with the most frequent value, averaged over users. */
  const concentration = (of: keyof ShopSticker) => {
    const shares = userIds.map(userId => {
      const values = likesOf(userId).map(({ itemId }) => String(byId.get(itemId)?.[of]));
      return (
        Math.max(...values.map(value => values.filter(v => v === value).length)) / values.length
      );
    });
    return shares.reduce((sum, share) => sum + share) / shares.length;
  };

  it("gives every user 20 to 40 distinct stickers in the order of time", () => {
    expect(userIds).toHaveLength(200);
    expect(userIds[0]).toBe("sim-0001");
    for (const userId of userIds) {
      const mine = likesOf(userId);
      expect(mine.length).toBeGreaterThanOrEqual(20);
      expect(mine.length).toBeLessThanOrEqual(40);
      expect(new Set(mine.map(({ itemId }) => itemId)).size).toBe(mine.length);
      const times = mine.map(({ occurredAt }) => occurredAt.getTime());
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(times.at(-1)).toBeLessThanOrEqual(config.until.getTime());
      expect(times[0]).toBeGreaterThanOrEqual(config.until.getTime() - 90 * 86_400_000);
    }
  });

  it("is the same for the same seed only", () => {
    expect([...simulatedLikes(stickers, config)]).toEqual(likes);
    expect([...simulatedLikes(stickers, { ...config, seed: 8 })]).not.toEqual(likes);
  });

  it("reflects the loved style: by chance its fraction would be about 0.4", () => {
    expect(concentration("style")).toBeGreaterThan(0.7);
    expect(concentration("group")).toBeGreaterThan(0.5);
  });

  it("is random when all strengths are 0", () => {
    const none = { styleStrength: 0, groupStrength: 0, colorStrength: 0, zipfExponent: 0 };
    const counts = new Map<string, number>();
    for (const { itemId } of simulatedLikes(stickers, { ...config, ...none })) {
      const style = byId.get(itemId)?.style ?? "";
      counts.set(style, (counts.get(style) ?? 0) + 1);
    }
    // About 6,000 likes over 4 styles: 3.5 standard deviations of a share of 1/4 are 0.02.
    const total = [...counts.values()].reduce((sum, count) => sum + count);
    for (const count of counts.values()) {
      expect(Math.abs(count / total - 1 / 4)).toBeLessThan(0.02);
    }
  });

  it("makes some concepts far more popular than others", () => {
    const counts = new Map<string, number>();
    for (const { itemId } of likes) {
      const concept = byId.get(itemId)?.concept ?? "";
      counts.set(concept, (counts.get(concept) ?? 0) + 1);
    }
    const sorted = [...counts.values()].sort((a, b) => b - a);
    expect(sorted[0]).toBeGreaterThan(3 * sorted[Math.floor(sorted.length / 2)]);
  });
});
