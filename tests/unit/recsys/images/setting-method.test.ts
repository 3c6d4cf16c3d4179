import { type BackdropLook, backdropLook } from "../../../../src/ml/studio/backdrop-look.js";
import { decodeSetting, type Setting } from "../../../../src/ml/studio/setting.js";
import { BackdropLooks } from "../../../../src/recsys/images/backdrop-looks.js";
import type { PersonalizationContext } from "../../../../src/recsys/images/personalization-method.js";
import { SettingMethod } from "../../../../src/recsys/images/setting-method.js";
import { SettingTastes } from "../../../../src/recsys/images/setting-tastes.js";
import { describePersonalizationMethod } from "../../../contracts/personalization-method.contract.js";
import { box, type Colour, photograph } from "../../ml/studio/photographs.js";

const shape = box(20, 20, 44, 44);
const photoOn = (backdrop: Colour, product: Colour) =>
  photograph(64, 64, { backdrop, layers: [{ shape, colour: product }], noise: 1 });

const grey: Colour = [150, 152, 156];
const looks: Readonly<Record<string, BackdropLook>> = {
  wood: backdropLook(photoOn([176, 125, 82], grey)),
  clay: backdropLook(photoOn([205, 150, 110], grey)),
  slate: backdropLook(photoOn([120, 130, 145], [60, 60, 60])),
  steel: backdropLook(photoOn([140, 150, 165], [60, 60, 60])),
  bareBlue: backdropLook(photoOn([255, 255, 255], [30, 60, 190])),
};

const contextOf = (weights: Readonly<Record<string, number>>): PersonalizationContext => ({
  userId: "u1",
  itemId: "i1",
  sourceBlobHash: "ab",
  historyItemIds: Object.keys(weights),
  retrieved: Object.entries(weights).map(([itemId, weight]) => ({
    itemId,
    weight,
    similarity: 0.5,
  })),
  preferenceEmbedding: null,
  weightEntropy: 0,
  referenceCaptionEmbedding: null,
  referenceImageEmbedding: null,
  keywordExtractor: "",
  referenceKeywords: [],
  preferenceKeywords: [],
  prompt: "a vase",
  referencePrompt: "a vase",
});

const tastes = new SettingTastes({
  images: {
    findImageHashes: async ids => new Map(ids.filter(id => id in looks).map(id => [id, id])),
  },
  looks: { of: async hash => looks[hash] },
});
const method = new SettingMethod({ tastes });

async function settings(weights: Readonly<Record<string, number>>, n = 6): Promise<Setting[]> {
  const [condition] = await method.condition([contextOf(weights)], n, [3]);
  return "conditions" in condition ? condition.conditions.map(decodeSetting) : [];
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const warmth = (given: readonly Setting[]) => mean(given.map(({ colour }) => colour[2]));

describePersonalizationMethod("SettingMethod", async () => ({
  method,
  contexts: [contextOf({ wood: 1 }), contextOf({ slate: 0.6, steel: 0.4 })],
}));

describe("SettingMethod", () => {
  it("tells a shopper of warm wood from one of cool grey", async () => {
    const warm = await settings({ wood: 0.5, clay: 0.5 });
    const cool = await settings({ slate: 0.5, steel: 0.5 });
    expect(warmth(warm)).toBeGreaterThan(0.04);
    expect(warmth(cool)).toBeLessThan(0);
    expect(warm.map(({ texture }) => texture)).toContain("WOOD");
    expect(cool.map(({ texture }) => texture)).not.toContain("WOOD");
  });

  it("weighs the items as the retrieval does", async () => {
    const [mostlyWood] = await settings({ wood: 0.9, slate: 0.1 });
    const [mostlySlate] = await settings({ wood: 0.1, slate: 0.9 });
    expect(mostlyWood.colour[2]).toBeGreaterThan(mostlySlate.colour[2] + 0.03);
  });

  it("draws all kinds, at different distances from the mean", async () => {
    const drawn = await settings({ wood: 1 });
    expect(new Set(drawn.map(({ kind }) => kind))).toEqual(
      new Set(["RESTAGE", "STUDIO", "SURFACE"]),
    );
    expect(new Set(drawn.map(({ colour }) => colour.join())).size).toBe(drawn.length);
  });

  it("takes the products' colours where the backdrops are bare", async () => {
    const [first] = await settings({ bareBlue: 1 });
    expect(first.colour[2]).toBeLessThan(-0.02);
    const [withBackdrop] = await settings({ bareBlue: 0.5, wood: 0.5 });
    expect(withBackdrop.colour[2]).toBeGreaterThan(0); // a backdrop says more than a product
  });

  it("draws neutral settings for a history without images", async () => {
    const drawn = await settings({ absent: 1 });
    expect(drawn).toHaveLength(6);
    expect(Math.abs(warmth(drawn))).toBeLessThan(0.03);
  });

  it("reads no item without weight, and draws neutral settings where none has any", async () => {
    expect(await settings({ wood: 0.5, slate: 0 })).toEqual(await settings({ wood: 0.5 }));
    expect(await settings({ wood: 0, clay: 0 })).toEqual(await settings({ absent: 1 }));
  });

  it("draws other settings for another seed", async () => {
    const conditions = await method.condition(
      [contextOf({ wood: 1 }), contextOf({ wood: 1 })],
      3,
      [1, 2],
    );
    expect(conditions[0]).not.toEqual(conditions[1]);
  });
});

describe("BackdropLooks", () => {
  it("measures an image once, keeps it, and measures a damaged file again", async () => {
    const files = new Map<string, Uint8Array>();
    let numDecoded = 0;
    const create = () =>
      new BackdropLooks({
        blobs: { get: async () => new Uint8Array() },
        decode: async () => {
          numDecoded++;
          return { image: photoOn([176, 125, 82], grey) };
        },
        store: {
          get: async key => files.get(key) ?? null,
          put: async (key, bytes) => {
            files.set(key, bytes);
          },
        },
      });
    const kept = create();
    const look = await kept.of("abcd");
    expect(look).toEqual(looks.wood);
    expect(await kept.of("abcd")).toBe(look);
    expect(await create().of("abcd")).toEqual(look);
    expect(numDecoded).toBe(1);
    files.forEach((_, key) => files.set(key, Buffer.from("{")));
    expect(await create().of("abcd")).toEqual(look);
    expect(numDecoded).toBe(2);
  });
});
