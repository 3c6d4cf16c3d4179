import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import sharp from "sharp";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import {
  measureLook,
  paletteOf,
  type PhotoLook,
  settingOf,
} from "../../../../src/recsys/datasets/photo-looks.js";
import { shopProducts, unsplashCredit } from "../../../../src/recsys/datasets/photo-shops.js";
import {
  defaultPhotoUsers,
  type PhotoTaste,
  photoTastes,
  type ShopPhoto,
  simulatedPhotoLikes,
} from "../../../../src/recsys/datasets/photo-users.js";
import { catalogueCaption, mixture, PhotosSource } from "../../../../src/recsys/datasets/photos.js";

type Rgb = readonly [number, number, number];

/** A square of one colour on another. @param reach half the square's side, as a share of the image's. */
function photo(backdrop: Rgb, subject: Rgb, reach = 0.2): RgbImage {
  const side = 40;
  const pixels = new Uint8Array(3 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isInside =
        Math.max(Math.abs(x + 0.5 - side / 2), Math.abs(y + 0.5 - side / 2)) < reach * side;
      pixels.set(isInside ? subject : backdrop, 3 * (y * side + x));
    }
  }
  return { widthPixels: side, heightPixels: side, pixels };
}

const wood: Rgb = [190, 150, 100];
const white: Rgb = [250, 250, 250];

describe("measureLook()", () => {
  it.each([
    ["warm", wood],
    ["white", white],
    ["grey", [140, 140, 142]],
    ["dark", [20, 18, 22]],
    ["cool", [70, 140, 150]],
    ["pink", [170, 60, 140]],
  ] as const)("finds a %s backdrop around a product", (setting, backdrop) => {
    expect(settingOf(measureLook(photo(backdrop, [40, 60, 190])).backdrop)).toBe(setting);
  });

  it.each([
    ["blue", [40, 60, 190]],
    ["red", [200, 30, 40]],
    ["green", [40, 130, 50]],
    ["brown", [130, 80, 40]],
    ["yellow", [230, 200, 40]],
    ["purple", [150, 60, 180]],
    ["black", [15, 15, 15]],
    ["grey", [120, 120, 120]],
  ] as const)("finds a %s product", (name, subject) => {
    const { colors } = measureLook(photo(white, subject));
    expect(paletteOf(colors[0].color)).toBe(name);
    expect(colors[0].share).toBeGreaterThan(0.9);
  });

  it("takes the middle for the product where nothing differs from the backdrop", () => {
    const { colors } = measureLook(photo(white, [252, 252, 252]));
    expect(paletteOf(colors[0].color)).toBe("white");
    expect(colors.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  it("sorts several colours by their share", () => {
    const image = photo(white, [200, 30, 40]);
    image.pixels.set([40, 60, 190, 40, 60, 190], 3 * (20 * 40 + 19)); // two blue pixels in the square
    const names = measureLook(image).colors.map(({ color }) => paletteOf(color));
    expect(names).toContain("blue");
    expect(names[0]).toBe("red");
  });
});

const lookOf = (setting: PhotoLook["backdrop"], color: PhotoLook["backdrop"]): PhotoLook => ({
  backdrop: setting,
  colors: [{ color, share: 1 }],
});
const settings = { white: [95, 0, 0], dark: [10, 0, 0], warm: [65, 8, 30] } as const;
const colors = { blue: [40, 10, -50], red: [45, 60, 35], green: [50, -40, 30] } as const;
const shop = Object.entries(settings).flatMap(([setting, backdrop]) =>
  Object.entries(colors).flatMap(([color, own]) =>
    ["bag", "lamp", "chair"].flatMap(kind =>
      Array.from({ length: 5 }, (_, n): ShopPhoto => ({
        id: `${setting} ${color} ${kind} ${n}`,
        kind,
        look: lookOf(backdrop, own),
      })),
    ),
  ),
);

describe("simulatedPhotoLikes()", () => {
  const likes = [...simulatedPhotoLikes(shop)];
  const tastes = photoTastes(shop);

  it("gives the same likes for the same seed, and others for another", () => {
    expect([...simulatedPhotoLikes(shop)]).toEqual(likes);
    expect([...simulatedPhotoLikes(shop, { ...defaultPhotoUsers, seed: 8 })]).not.toEqual(likes);
  });

  it("gives each shopper their number of distinct likes, in the order of time", () => {
    for (const userId of ["sim-0001", "sim-0400"]) {
      const own = likes.filter(like => like.userId === userId);
      expect(own.length).toBeGreaterThanOrEqual(defaultPhotoUsers.minLikes);
      expect(own.length).toBeLessThanOrEqual(defaultPhotoUsers.maxLikes);
      expect(new Set(own.map(({ itemId }) => itemId)).size).toBe(own.length);
      const times = own.map(({ occurredAt }) => occurredAt.getTime());
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
    expect(new Set(likes.map(({ userId }) => userId)).size).toBe(400);
  });

  it("lets setting, palette and kind count, in this order", () => {
    const share = (of: (taste: PhotoTaste, words: string[]) => boolean) =>
      likes.filter(({ itemId, userId }) => of(tastes.get(userId)!, itemId.split(" "))).length /
      likes.length;
    const inSetting = share((taste, [setting]) => taste.setting === setting);
    const inPalette = share((taste, [, color]) => taste.palettes.includes(color as never));
    const ofKind = share((taste, [, , kind]) => taste.kinds[0] === kind);
    expect(inSetting).toBeGreaterThan(0.75); // by chance 1/3
    expect(inPalette).toBeGreaterThan(0.85); // by chance 2/3
    expect(ofKind).toBeGreaterThan(0.5); // by chance 1/3
  });

  it("without strengths knows no taste", () => {
    const indifferent = {
      ...defaultPhotoUsers,
      settingStrength: 0,
      paletteStrength: 0,
      kindStrength: 0,
    };
    const own = [...simulatedPhotoLikes(shop, indifferent)];
    const hits = own.filter(({ itemId, userId }) => itemId.startsWith(tastes.get(userId)!.setting));
    expect(hits.length / own.length).toBeCloseTo(1 / 3, 1);
  });

  it("never likes more than a third of a small shop", () => {
    const small = shop.filter(({ id }) => id.endsWith("bag 0")); // nine products
    const own = [...simulatedPhotoLikes(small)].filter(({ userId }) => userId === "sim-0001");
    expect(own).toHaveLength(3);
  });

  it("draws only tastes that the shop can show", () => {
    const seen = new Set([...tastes.values()].map(({ setting }) => setting));
    expect([...seen].sort()).toEqual(["dark", "warm", "white"]);
  });
});

describe("the files of a shop", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "vitrine-photos-"));
    mkdirSync(join(folder, "assets", "images"), { recursive: true });
    const file = join(folder, "assets", "images", "jo-ann-doe-123-unsplash.jpg");
    await sharp({ create: { width: 40, height: 30, channels: 3, background: "#a05020" } })
      .jpeg()
      .toFile(file);
    writeFileSync(
      join(folder, "assets", "products.csv"),
      [
        "name    ,slug  ,description            ,assets                     ,facets",
        'Lamp    ,lamp  ,"Warm, and ""bright""."  ,jo-ann-doe-123-unsplash.jpg,category:Home|category:Lights|color:red',
        "        ,      ,                       ,                           ,",
      ].join("\n"),
    );
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("gives Vendure's products without its variants, and credits the photographers", async () => {
    const [lamp, ...others] = await shopProducts("vendure", folder);
    expect(others).toEqual([]);
    expect(lamp).toMatchObject({
      id: "lamp",
      title: "Lamp",
      description: 'Warm, and "bright".',
      category: "Lights",
      keywords: ["Home", "Lights", "red"],
      attribution: "Photo by Jo Ann Doe on Unsplash",
    });
    expect(existsSync(lamp.imagePath)).toBe(true);
  });

  it("fails with a code where the shop is not there", async () => {
    await expect(shopProducts("vendure", join(folder, "none"))).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });

  it("changes its version with the shoppers", async () => {
    const shops = { vendure: { folder } };
    const one = await new PhotosSource({ shops }).files();
    expect(await new PhotosSource({ shops }).files()).toEqual(one);
    expect(await new PhotosSource({ shops, users: { seed: 9 } }).files()).not.toEqual(one);
  });
});

describe("unsplashCredit()", () => {
  it.each([
    ["derick-david-409858-unsplash.jpg", "Photo by Derick David on Unsplash"],
    ["ann-unsplash.jpg", "Photo by Ann on Unsplash"],
    ["lamp.jpg", "Photo from Unsplash"],
  ])("%s -> %s", (file, credit) => {
    expect(unsplashCredit(file)).toBe(credit);
  });
});

describe("catalogueCaption()", () => {
  it("says the category once", () => {
    expect(catalogueCaption({ title: "Hat for kids", category: "Hat" })).toBe("Hat for kids");
    expect(catalogueCaption({ title: "Nora", category: "Bags" })).toBe("Nora, bags");
  });
});

describe("mixture()", () => {
  it("takes one of each category in turn, and keeps the order", () => {
    const products = ["a", "a", "a", "b", "b", "c"].map((category, n) => ({ id: n, category }));
    const taken = mixture(products as never, 4) as unknown as typeof products;
    expect(taken.map(({ id }) => id)).toEqual([0, 1, 3, 5]);
  });
});

const luma = resolve(import.meta.dirname, "../../../../shared/data/luma");
describe(existsSync(luma) ? "the Luma shop" : `the Luma shop (skipped: no ${luma})`, () => {
  (existsSync(luma) ? it : it.skip)(
    "has an item for each colour that has a photograph",
    async () => {
      const products = await shopProducts("luma", luma);
      expect(products.length).toBeGreaterThan(400);
      const hoodie = products.find(({ id }) => id === "luma-mh01-black_main");
      expect(hoodie).toMatchObject({
        title: "Chaz Kangeroo Hoodie, black",
        category: "Hoodies & Sweatshirts",
      });
      expect(hoodie!.description).not.toContain("<");
    },
  );
});
