/** Variants of items in the exports of shops, read like the catalogue import. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type CatalogueOptions, CatalogueSource } from "../../../../src/recsys/import/catalogue.js";
import { readSource } from "../../../helpers/read-source.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrine-variants-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function read(name: string, content: string, options: Partial<CatalogueOptions> = {}) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const source = new CatalogueSource({ items: path, ...options });
  const { items, rejected, variantImages } = await readSource(source);
  const variants = items.map(({ id, variants: list }) => [
    id,
    list?.map(variant => {
      const options_ = variant.options.map(({ name: option, value }) => `${option}=${value}`);
      return [variant.id, options_.join(", "), variant.isAvailable, variant.hasImage];
    }),
  ]);
  return { items, rejected, variants, variantImages, warnings: source.warnings };
}

/** `[variant ids, sources]` of each image. */
const sharing = (images: readonly unknown[]) =>
  (images as { variantIds: string[]; candidates: string[] }[]).map(image => [
    image.variantIds,
    image.candidates,
  ]);

const cdn = "https://cdn.example";

describe("Shopify", () => {
  const header =
    "Handle,Title,Type,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Image Src,Variant Image\n";

  it("reads a variant of each row, and one image of a colour in two sizes", async () => {
    const { items, variants, variantImages } = await read(
      "products.csv",
      `${header}tee,Tee,Tops,true,Colour,Red,Size,S,T-R-S,shopify,3,deny,${cdn}/red.jpg,${cdn}/red.jpg
tee,,,,,Red,,M,T-R-M,shopify,0,deny,${cdn}/back.jpg,${cdn}/red.jpg
tee,,,,,Blue,,S,T-B-S,shopify,0,continue,,${cdn}/blue.jpg
tee,,,,,,,,,,,,${cdn}/detail.jpg,
cap,Cap,Hats,true,Title,Default Title,,,CAP,shopify,3,deny,${cdn}/cap.jpg,\n`,
    );
    expect(variants).toEqual([
      [
        "tee",
        [
          ["T-R-S", "Colour=Red, Size=S", true, true],
          ["T-R-M", "Colour=Red, Size=M", false, true],
          ["T-B-S", "Colour=Blue, Size=S", true, true],
        ],
      ],
      ["cap", []], // its only option is Shopify's word for none
    ]);
    expect(items.map(({ title, isAvailable }) => [title, isAvailable])).toEqual([
      ["Tee", true],
      ["Cap", true],
    ]);
    expect(sharing(variantImages)).toEqual([
      [["T-R-S", "T-R-M"], [`${cdn}/red.jpg`]],
      [["T-B-S"], [`${cdn}/blue.jpg`]],
    ]);
  });

  it("tells variants apart by their options where SKUs are missing or repeated", async () => {
    const { variants } = await read(
      "products.csv",
      `${header}tee,Tee,Tops,true,Colour,Red,,,SAME,,,,,\ntee,,,,,Blue,,,SAME,,,,,\n`,
    );
    expect(variants[0][1]).toEqual([
      ["Red", "Colour=Red", true, false],
      ["Blue", "Colour=Blue", true, false],
    ]);
  });

  it("says nothing of variants where the file has no options", async () => {
    const { variants } = await read("delta.csv", "Handle,Title,Vendor\ntee,Tee,demo\n");
    expect(variants).toEqual([["tee", undefined]]);
  });
});

describe("WooCommerce", () => {
  it("reads variations before and after their product, by SKU and by id", async () => {
    const { items, variants, variantImages } = await read(
      "products.csv",
      `ID,Type,SKU,Name,Published,In stock?,Images,Parent,Attribute 1 name,Attribute 1 value(s)
45,variation,tee-red,Tee - Red,1,1,${cdn}/red.jpg,tee,Colour,Red
44,variable,tee,Tee,1,1,${cdn}/tee.jpg,,Colour,"Red, Blue"
46,variation,tee-blue,Tee - Blue,1,0,${cdn}/blue.jpg,id:44,Colour,Blue
47,variation,tee-grey,Tee - Grey,-1,1,,tee,Colour,Grey
50,simple,cap,Cap,1,1,${cdn}/cap.jpg,,,\n`,
    );
    expect(variants).toEqual([
      [
        "44",
        expect.arrayContaining([
          ["45", "Colour=Red", true, true],
          ["46", "Colour=Blue", false, true],
          ["47", "Colour=Grey", false, false], // not published
        ]) as unknown,
      ],
      ["50", []],
    ]);
    expect(items[0].variants?.map(({ title }) => title).sort()).toEqual([
      ...["Tee - Blue", "Tee - Grey", "Tee - Red"],
    ]);
    expect(sharing(variantImages)).toHaveLength(2);
  });
});

describe("Magento", () => {
  const header =
    "sku,product_type,name,visibility,product_online,is_in_stock,base_image,configurable_variations,attribute_set_code\n";

  it("reads the variations of a configurable product, whose commas stay", async () => {
    const { variants, variantImages } = await read(
      "products.csv",
      `${header}T-S-Red,simple,Tee-S-Red,Not Visible Individually,1,1,/t/e/tee-red.jpg,,Top
T-M-Red,simple,Tee-M-Red,Not Visible Individually,2,1,/t/e/tee-red.jpg,,Top
T-S-Sand,simple,Tee-S-Sand,Not Visible Individually,1,1,/t/e/tee-sand.jpg,,Top
T,configurable,Tee,"Catalog, Search",1,1,/t/e/tee-red.jpg,"sku=T-S-Red,size=S,color=Red|sku=T-M-Red,size=M,color=Red|sku=T-S-Sand,size=S,color=Sand, light|sku=GONE,size=L,color=Red",Top
CAP,simple,Cap,"Catalog, Search",1,1,/c/a/cap.jpg,,Top\n`,
    );
    expect(variants).toEqual([
      [
        "T",
        [
          ["T-S-Red", "size=S, color=Red", true, true],
          ["T-M-Red", "size=M, color=Red", false, true], // disabled
          ["T-S-Sand", "size=S, color=Sand, light", true, true],
        ],
      ],
      ["CAP", []],
    ]);
    expect(sharing(variantImages)).toEqual([
      [["T-S-Red", "T-M-Red"], ["t/e/tee-red.jpg"]],
      [["T-S-Sand"], ["t/e/tee-sand.jpg"]],
    ]);
  });

  const luma = resolve(import.meta.dirname, "../../../../shared/data/luma");
  const why = existsSync(luma) ? null : `${luma} is missing`;
  (why ? it.skip : it)(
    `reads the 1,847 variants of Luma with 417 images${why ? ` (${why})` : ""}`,
    async () => {
      const source = new CatalogueSource({
        items: join(luma, "fixtures/configurable_products.csv"),
        images: join(luma, "images"),
      });
      const { items, rejected, variantImages } = await readSource(source);
      const variants = items.flatMap(item => item.variants ?? []);
      expect(rejected).toEqual([]);
      expect([items.length, variants.length, variantImages.length]).toEqual([147, 1_847, 417]);
      expect(variants.every(({ hasImage, options }) => hasImage && options.length === 2)).toBe(
        true,
      );
      expect(sharing(variantImages).every(([, candidates]) => candidates.length > 0)).toBe(true);
    },
  );
});

describe("Google feed", () => {
  const entry = (fields: Record<string, string>) =>
    `<item>${Object.entries(fields)
      .map(([name, text]) => `<g:${name}>${text}</g:${name}>`)
      .join("")}</item>`;
  const feed = (...items: string[]) =>
    `<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel>${items.join("")}</channel></rss>`;

  it("makes one item of the products of an item_group_id", async () => {
    const { items, variants, variantImages } = await read(
      "feed.xml",
      feed(
        entry({
          id: "1",
          title: "Tee red",
          image_link: `${cdn}/r.jpg`,
          item_group_id: "T",
          color: "Red",
          availability: "out_of_stock",
        }),
        entry({ id: "9", title: "Cap", image_link: `${cdn}/cap.jpg` }),
        entry({
          id: "2",
          title: "Tee blue",
          image_link: `${cdn}/b.jpg`,
          item_group_id: "T",
          color: "Blue",
          size: "M",
          availability: "in_stock",
        }),
      ),
    );
    expect(items.map(({ id, title, isAvailable }) => [id, title, isAvailable])).toEqual([
      ["T", "Tee red", true], // one of them is in stock
      ["9", "Cap", true],
    ]);
    expect(variants).toEqual([
      [
        "T",
        [
          ["1", "color=Red", false, true],
          ["2", "color=Blue, size=M", true, true],
        ],
      ],
      ["9", []],
    ]);
    expect(sharing(variantImages)).toEqual([
      [["1"], [`${cdn}/r.jpg`]],
      [["2"], [`${cdn}/b.jpg`]],
    ]);
  });

  it("keeps a feed without groups as it is", async () => {
    const { variants } = await read(
      "feed.xml",
      feed(entry({ id: "1", title: "Tee", image_link: `${cdn}/r.jpg` })),
    );
    expect(variants).toEqual([["1", undefined]]);
  });
});

describe("Vendure", () => {
  it("reads rows without a name as variants of the product above", async () => {
    const { items, variants, variantImages, rejected } = await read(
      "products.csv",
      `name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets
Laptop,laptop,A laptop,laptop.jpg|side.jpg,category:Electronics|brand:Apple,screen|colour,13 inch|Grey,L13G,1299,standard,0,true,grey.jpg,
,,,,,,15 inch|Grey,L15G,1899,standard,100,true,grey.jpg,
,,,,,,15 inch|Red,L15R,1899,standard,0,false,red.jpg,
Plant,plant,A plant,plant.jpg,category:Home,,,PL,10,standard,0,true,,\n`,
    );
    expect(rejected).toEqual([]);
    expect(
      items.map(({ id, title, category, keywords, isAvailable }) => [
        ...[id, title, category, keywords, isAvailable],
      ]),
    ).toEqual([
      ["laptop", "Laptop", "Electronics", ["Electronics", "Apple"], true],
      ["plant", "Plant", "Home", ["Home"], false],
    ]);
    expect(variants).toEqual([
      [
        "laptop",
        [
          ["L13G", "screen=13 inch, colour=Grey", false, true],
          ["L15G", "screen=15 inch, colour=Grey", true, true],
          ["L15R", "screen=15 inch, colour=Red", true, true], // its stock is not tracked
        ],
      ],
      ["plant", []],
    ]);
    expect(sharing(variantImages)).toEqual([
      [["L13G", "L15G"], ["grey.jpg"]],
      [["L15R"], ["red.jpg"]],
    ]);
  });
});

describe("JSON", () => {
  it("reads lists of variants in several spellings", async () => {
    const { variants } = await read(
      "items.jsonl",
      [
        { id: 1, title: "Tee", variants: [{ id: 11, options: { Colour: "Red" }, image: "r.jpg" }] },
        {
          id: 2,
          title: "Cap",
          variants: [{ sku: "C", options: [{ name: "Size", value: "M" }], in_stock: false }],
        },
        {
          id: 3,
          title: "Mug",
          variants: [{ option1: "Blue", featured_image: { src: `${cdn}/m.jpg` } }],
        },
        { id: 4, title: "Pen", variants: [] },
        { id: 5, title: "Ink" },
      ]
        .map(item => JSON.stringify(item))
        .join("\n"),
    );
    expect(variants).toEqual([
      ["1", [["11", "Colour=Red", true, true]]],
      ["2", [["C", "Size=M", false, false]]],
      ["3", [["Blue", "Option 1=Blue", true, true]]],
      ["4", []],
      ["5", undefined],
    ]);
  });

  it("reads a list in a CSV cell", async () => {
    const { variants } = await read(
      "items.csv",
      'id,title,variants\n1,Tee,"[{""id"":""a"",""image"":""a.jpg""}]"\n2,Cap,\n',
    );
    expect(variants).toEqual([
      ["1", [["a", "", true, true]]],
      ["2", undefined],
    ]);
  });

  it("leaves out unusable variants, says why, and keeps the item", async () => {
    const { items, variants, rejected, warnings } = await read(
      "items.jsonl",
      [
        {
          id: 1,
          title: "Tee",
          variants: [
            ...[{}, 7, { id: "x".repeat(201) }, { id: "half \ud83d" }],
            ...[{ id: "a", available: "perhaps" }, { id: "b" }, { id: "b", title: "later" }],
          ],
        },
        { id: 2, title: "Cap", variants: 3 },
        { id: 3, title: "Mug", variants: Array.from({ length: 3_000 }, (_, n) => ({ id: n })) },
      ]
        .map(item => JSON.stringify(item))
        .join("\n"),
    );
    expect(rejected).toEqual([]);
    expect(variants.slice(0, 2)).toEqual([
      ["1", [["b", "", true, false]]],
      ["2", undefined],
    ]);
    expect(items[0].variants?.[0].title).toBe("later");
    expect(items[2].variants).toHaveLength(2_048);
    const said = warnings.flatMap(({ first }) => first).join("\n");
    expect(said).toContain("number 1: is needed");
    expect(said).toContain("number 2: must be an object");
    expect(said).toContain("number 3: must have at most 200 characters");
    expect(said).toContain("number 4: must not hold the character U+0000 or half a character");
    expect(said).toContain("number 5: must be a count, or a word");
    expect(said).toContain("are no list of objects and are not read");
    expect(said).toContain("are 3000; the first 2048 are taken");
  });
});
