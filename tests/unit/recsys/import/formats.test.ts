import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type CatalogueOptions, CatalogueSource } from "../../../../src/recsys/import/catalogue.js";
import { describeDryRun, dryRun } from "../../../../src/recsys/import/dry-run.js";
import { readSource, type ReadSource } from "../../../helpers/read-source.js";

const fixtures = join(import.meta.dirname, "../../../fixtures/formats");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrine-formats-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

type Reading = Omit<CatalogueOptions, "items" | "interactions">;
const items = (name: string, content: string | Buffer, options: Reading = {}) =>
  readSource(new CatalogueSource({ items: write(name, content), ...options }));
const interactions = (name: string, content: string | Buffer, options: Reading = {}) =>
  readSource(new CatalogueSource({ interactions: write(name, content), ...options }));

const titles = (read: ReadSource) => read.items.map(({ id, title }) => [id, title]);
const expected = [
  ["1", "Chaise, été"],
  ["2", 'a "b" – c'],
];
const csv = 'id,title\n1,"Chaise, été"\n2,"a ""b"" – c"\n';
const jsonl = '{"id":1,"title":"Chaise, été"}\n{"id":"2","title":"a \\"b\\" – c"}\n';

describe("containers", () => {
  const feed = `<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>S</title>
    <item><g:id>1</g:id><g:title>Chaise, été</g:title><title>for browsers</title></item>
    <item><g:id>2</g:id><title><![CDATA[a "b" – c]]></title><g:shipping><g:id>9</g:id></g:shipping></item></channel></rss>`;
  const files: [string, string][] = [
    ["items.csv", csv],
    ["items.csv", csv.replaceAll("\n", "\r\n")],
    ["items.csv", csv.replaceAll("\n", "\r")],
    ["items.csv", `\ufeff${csv}`],
    ["items.csv", `sep=;\r\n${csv.replaceAll("id,", "id;").replaceAll(/^(\d),/gm, "$1;")}`],
    ["items.tsv", 'id\ttitle\n1\tChaise, été\n2\t"a ""b"" – c"\n'],
    ["items.txt", 'id|title\n1|Chaise, été\n2|a "b" – c\n'],
    ["items.jsonl", jsonl],
    ["items.txt", jsonl],
    ["items.json", `[\n${jsonl.trim().replace("\n", ",\n")}\n]`],
    ["items.json", `{"count": 2, "products": [${jsonl.trim().replace("\n", ",")}], "next": [1]}`],
    [
      "items.json",
      JSON.stringify(
        jsonl
          .trim()
          .split("\n")
          .map(line => JSON.parse(line) as unknown),
        null,
        2,
      ),
    ],
    ["items.xml", feed],
    ["items.xml", `\ufeff${feed}`],
  ];

  it.each(files)("reads %s", async (name, content) => {
    expect(titles(await items(name, content))).toEqual(expected);
  });

  it.each(files)("reads %s in gzip, whatever its name", async (name, content) => {
    expect(titles(await items(`${name}.gz`, gzipSync(content)))).toEqual(expected);
    expect(titles(await items(name, gzipSync(content)))).toEqual(expected);
  });

  it.each(files)(
    "reads %s in UTF-16, with and without a byte-order mark",
    async (name, content) => {
      const text = content.replace("\ufeff", "");
      const little = Buffer.from(text, "utf16le");
      const marked = Buffer.from(`\ufeff${text}`, "utf16le");
      for (const bytes of [
        marked,
        Buffer.from(marked).swap16(),
        little,
        Buffer.from(little).swap16(),
      ]) {
        expect(titles(await items(name, bytes))).toEqual(expected);
      }
    },
  );

  it.each(["snappy", "zstd", "gzip"])(
    "reads a Parquet file of another library (%s)",
    async codec => {
      const read = await readSource(
        new CatalogueSource({ items: join(fixtures, `items-${codec}.parquet`) }),
      );
      expect(read.items.map(({ id, title, keywords }) => [id, title, keywords])).toEqual([
        ["9007199254740993", "Lamp", ["red", "light"]],
        ["2", "Chaise été", []],
        ["3", "Tisch", []],
      ]);
      expect(
        read.items.map(({ isAvailable, columns }) => columns?.has("isAvailable") && isAvailable),
      ).toEqual([...[true, false, false]]);
      expect(read.items[2].columns).not.toContain("isAvailable");
    },
  );

  it("reads times and integers of Parquet exactly", async () => {
    const path = join(fixtures, "events.parquet");
    const read = await readSource(new CatalogueSource({ interactions: path }));
    const occurredAt = new Date("2024-02-29T01:02:03.456Z");
    expect(read.interactions).toEqual([
      { userId: "u1", itemId: "9007199254740993", kind: "CART", weight: 1, occurredAt },
      { userId: "u2", itemId: "2", kind: "VIEW", weight: 1, occurredAt },
    ]);
  });

  it.each([
    ["items.xlsx", Buffer.from("PK\u0003\u0004rest"), "an Excel workbook"],
    ["items.parquet", Buffer.from("PAR1 and nothing more"), "a Parquet file"],
    ["items.csv.gz", gzipSync(csv.repeat(100)).subarray(0, 60), "a whole gzip file"],
    ["items.json", Buffer.from('[{"id":"1","title":"x"},{"id":"2"'), "its list has no end"],
    ["items.xml", Buffer.from("<html><body>No feed</body></html>"), "no <item>"],
    ["items.csv", Buffer.from(""), "it has no columns"],
    ["items.csv", Buffer.from("name\nx\n"), "the column 'id' is missing (its columns: name)"],
    ["items.csv", Buffer.from("id,title,id\n1,a,b\n"), "the column 'id' occurs twice"],
  ])("refuses %s completely", async (name, content, reason) => {
    const { message, code } = await items(name, content).then(
      () => ({ message: "", code: "" }),
      (error: Error & { code: string }) => error,
    );
    expect(code).toBe("FILE_MALFORMED");
    expect(message).toContain(reason);
    expect(message).toContain(name);
  });

  it("rejects one element of JSON, or one item of XML, and accepts the others", async () => {
    const json = await items(
      "a.json",
      '[{"id":"1","title":"a"},\n{"id":"2" "title"},\n3,\n{"id":"4","title":"\\" ] }, {"},{"id":"5","title":"b"}]',
    );
    expect(titles(json)).toEqual([
      ["1", "a"],
      ["4", '" ] }, {'],
      ["5", "b"],
    ]);
    expect(json.rejected.map(([line]) => line)).toEqual([2, 3]);
    const xml = await items(
      "a.xml",
      "<rss><item><id>1</id><title>a &nope; b</title></item>\n<item><id>2</id><title>b</title></item>\n<item><id>3</id>",
    );
    expect(titles(xml)).toEqual([["2", "b"]]);
    expect(xml.rejected).toEqual([
      [1, expect.stringContaining("is not XML: undefined entity")],
      [3, "has no end"],
    ]);
  });

  it("reads a column that only later rows of JSON Lines have", async () => {
    const many = Array.from({ length: 150 }, (_, i) => JSON.stringify({ id: i, title: "x" }));
    const last = JSON.stringify({ id: "last", title: "x", keywords: ["late"], tags: ["no"] });
    const read = await items("items.jsonl", [...many, last].join("\n"));
    expect(read.items.at(-1)).toMatchObject({ id: "last", keywords: ["late"] });
    expect(read.items[0].columns).toEqual(new Set(["title"]));
  });

  it("reads a stream in pieces like the whole", async () => {
    const rows = Array.from({ length: 6_000 }, (_, i) => ({
      id: `${i}`,
      title: `${"é.".repeat(i % 40)} "x" [${i}]`,
    }));
    const wanted = rows.map(({ id, title }) => [id, title.trim()]);
    const list = JSON.stringify(rows);
    expect(titles(await items("a.json", list))).toEqual(wanted);
    const xml = rows.map(({ id, title }) => `<item><id>${id}</id><title>${title}</title></item>`);
    expect(titles(await items("a.xml", `<rss>${xml.join("\n")}</rss>`))).toEqual(wanted);
    const lines = rows.map(({ id, title }) => `${id},"${title.replaceAll('"', '""')}"`);
    const latin = Buffer.from(`id,title\r\n${lines.join("\r\n")}`, "latin1");
    expect(titles(await items("a.csv.gz", gzipSync(latin)))).toEqual(wanted);
  });
});

describe("encodings", () => {
  it("reads letters that Windows-1252 has and Latin-1 lacks", async () => {
    const bytes = Buffer.concat([
      Buffer.from("id,title\n1,"),
      Buffer.from([0x80, 0x20, 0x93, 0x78, 0x94, 0x20, 0x8a, 0x9c, 0xe9]),
    ]);
    expect(titles(await items("a.csv", bytes))).toEqual([["1", "€ “x” Šœé"]]);
  });

  it("rejects only the invalid row of a UTF-8 file", async () => {
    const bytes = Buffer.concat([
      Buffer.from("id,title\n1,été\n2,caf"),
      Buffer.from([0xe9]),
      Buffer.from("\n3,ça\n"),
    ]);
    const read = await items("a.csv", bytes);
    expect(titles(read)).toEqual([
      ["1", "été"],
      ["3", "ça"],
    ]);
    expect(read.rejected).toEqual([
      [3, "is not UTF-8 text: it has the byte 0xE9 (--encoding names another encoding)"],
    ]);
    const lines = await items(
      "a.jsonl",
      Buffer.concat([
        Buffer.from('{"id":1,"title":"été"}\n{"id":2,"title":"'),
        Buffer.from([0xe9]),
        Buffer.from('"}\n{"id":3,"title":"ö"}'),
      ]),
    );
    expect(lines.rejected.map(([line]) => line)).toEqual([2]);
  });

  it("does not mistake other languages for Windows-1252, and reads them with a named encoding", async () => {
    const cyrillic = Buffer.concat([
      Buffer.from("id,title\n1,Lamp\n2,"),
      Buffer.from([0xea, 0xf0, 0xe0, 0xf1, 0xed, 0xfb, 0xe9]), // красный in Windows-1251
      Buffer.from("\n"),
    ]);
    const seen = await items("a.csv", cyrillic);
    expect(titles(seen)).toEqual([["1", "Lamp"]]);
    expect(seen.rejected).toEqual([[3, expect.stringContaining("is not UTF-8 text")]]);
    const named = await items("a.csv", cyrillic, { encoding: "windows-1251" });
    expect(titles(named)).toEqual([
      ["1", "Lamp"],
      ["2", "красный"],
    ]);
    const japanese = Buffer.from([0x31, 0x2c, 0x83, 0x89, 0x83, 0x93, 0x83, 0x76]); // 1,ランプ in Shift-JIS
    const read = await items("a.csv", Buffer.concat([Buffer.from("id,title\n"), japanese]), {
      encoding: "Shift_JIS",
    });
    expect(titles(read)).toEqual([["1", "ランプ"]]);
    await expect(items("a.csv", csv, { encoding: "klingon" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("uses the encoding declared in an XML file", async () => {
    const text = '<?xml version="1.0" encoding="windows-1251"?><rss><item><id>1</id><title>';
    const bytes = Buffer.concat([
      Buffer.from(text),
      Buffer.from([0xea, 0xf0, 0xe0]),
      Buffer.from("</title></item></rss>"),
    ]);
    expect(titles(await items("a.xml", bytes))).toEqual([["1", "кра"]]);
  });

  it("keeps a letter across two pieces of the stream", async () => {
    const filler = `0,${"x".repeat(2 ** 16 - "id,title\n0,".length - 2)}\n`; // the next row begins a byte before the piece ends
    const read = await items("a.csv", `id,title\n${filler}é,x\n`);
    expect(read.items.at(-1)).toMatchObject({ id: "é", title: "x" });
  });
});

describe("tables as people save them", () => {
  it("ignores empty trailing columns and cells, and unused repeated columns", async () => {
    const read = await items(
      "a.csv",
      "id,title,price,price,,\n1,a,1,2,,\n2,b,1,2\n3,c,1,2,,,\n4,d,1,2,,,x\n",
    );
    expect(titles(read)).toEqual([
      ["1", "a"],
      ["2", "b"],
      ["3", "c"],
    ]);
    expect(read.rejected).toEqual([[5, "must have 6 fields, but got 7"]]);
  });

  it("maps columns by name, and fills missing ones with defaults", async () => {
    const options: Reading = {
      map: { id: "Artikel-Nr.", title: "Bezeichnung" },
      defaults: { category: "Möbel" },
    };
    const read = await items("a.csv", "Artikel-Nr.;Bezeichnung;name\n7;Stuhl;x\n", options);
    expect(read.items).toMatchObject([{ id: "7", title: "Stuhl", category: "Möbel" }]);
    await expect(
      items("a.csv", "id,title\n1,a\n", { map: { title: "Name" } }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "--map maps title to 'Name', but a.csv has the columns id, title",
    });
  });

  it.each([
    ["spaces", "0 8362 1\n0 22406 1\n"],
    ["tabs", "0\t8362\t1\n0\t22406\t1\n"],
    ["::", "0::8362::1\n0::22406::1\n"],
  ])("reads a file without header whose columns are named (%s)", async (_, text) => {
    const read = await interactions("train.txt", text, {
      columns: ["userId", "itemId", "weight"],
      defaults: { kind: "purchase", occurredAt: "2014-07-23" },
    });
    expect(read.interactions.map(({ userId, itemId, kind }) => [userId, itemId, kind])).toEqual([
      ["0", "8362", "PURCHASE"],
      ["0", "22406", "PURCHASE"],
    ]);
  });

  it("reports missing columns, and how to map them", async () => {
    await expect(interactions("a.csv", "user,product\n1,2\n")).rejects.toThrow(
      "the column 'itemId' is missing; the column 'kind' is missing; the column 'occurredAt' is missing (its columns: user, product)",
    );
  });
});

describe("data sets for research", () => {
  it("reads RecBole's atomic files", async () => {
    const inter = await interactions(
      "ml.inter",
      "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949.0\n",
    );
    expect(inter.interactions).toEqual([
      {
        userId: "196",
        itemId: "242",
        kind: "RATING",
        weight: 3,
        occurredAt: new Date(881250949000),
      },
    ]);
    const read = await items(
      "ml.item",
      'item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\t"Toy Story\t1995\tAnimation Comedy\n2\tIt\t1990\tHorror\n',
    );
    expect(read.items).toMatchObject([
      { id: "1", title: '"Toy Story', category: "Animation", keywords: ["Animation", "Comedy"] },
      { id: "2", title: "It", category: "Horror" },
    ]);
  });

  it("reads MovieLens's files without header", async () => {
    const movies = Buffer.from(
      "1::Toy Story (1995)::Animation|Comedy\n2::Cité (1995)::Drama\n",
      "latin1",
    );
    expect((await items("movies.dat", movies)).items).toMatchObject([
      { id: "1", title: "Toy Story (1995)", keywords: ["Animation", "Comedy"] },
      { id: "2", title: "Cité (1995)", category: "Drama" },
    ]);
    for (const [name, text] of [
      ["ratings.dat", "1::1193::5::978300760\n"],
      ["u.data", "1\t1193\t5\t978300760\n"],
      ["ratings.csv", "userId,movieId,rating,timestamp\n1,1193,5.0,978300760\n"],
    ]) {
      const read = await interactions(name, text);
      expect(read.interactions).toEqual([
        {
          userId: "1",
          itemId: "1193",
          kind: "RATING",
          weight: 5,
          occurredAt: new Date("2000-12-31T22:12:40Z"),
        },
      ]);
    }
  });
});

describe("products of several rows", () => {
  it("reads Google's TSV", async () => {
    const read = await items(
      "feed.tsv",
      "id\ttitle\timage link\tadditional image link\tavailability\tproduct type\n" +
        "1\tA\thttps://a.example/1.jpg\thttps://a.example/2.jpg,https://a.example/3.jpg\tout_of_stock\tHome > Lamps\n",
    );
    expect(read.items).toMatchObject([{ isAvailable: false, category: "Home > Lamps" }]);
    expect(read.images[1]).toHaveLength(3);
  });

  it("makes a Shopify product unavailable when it is a draft, or all variants are sold out", async () => {
    const header =
      "Handle,Title,Published,Status,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price";
    const read = await items(
      "p.csv",
      [
        header,
        "draft,A,true,draft,,,deny,1",
        "hidden,B,false,active,,,deny,1",
        "one-left,C,true,active,shopify,0,deny,1",
        "one-left,,,,shopify,2,deny,1",
        "sold-out,D,true,active,shopify,0,deny,1",
        "sold-out,,,,shopify,-1,deny,1",
        "on-order,E,true,active,shopify,0,continue,1",
        "untracked,F,true,active,,0,deny,1",
        "odd,G,perhaps,active,,0,deny,1",
      ].join("\n"),
    );
    expect(Object.fromEntries(read.items.map(({ id, isAvailable }) => [id, isAvailable]))).toEqual({
      ...{ draft: false, hidden: false, "one-left": true, "sold-out": false },
      ...{ "on-order": true, untracked: true },
    });
    expect(read.rejected).toEqual([[10, expect.stringMatching(/^available: .*'perhaps'$/)]]);
  });

  it("joins WooCommerce's variations in any order, and rejects orphans", async () => {
    const read = await items(
      "p.csv",
      [
        "ID,Type,SKU,Name,Published,In stock?,Images,Parent",
        "76,variation,tee-red,Red,1,1,https://a.example/red.jpg,tee",
        "44,variable,tee,Tee,1,0,,",
        "77,variation,,Blue,1,1,https://a.example/blue.jpg,id:44",
        "78,variation,x,Lost,1,1,,gone",
        "80,simple,cap,Cap,-1,1,,",
      ].join("\n"),
    );
    expect(read.items).toMatchObject([
      { id: "44", title: "Tee", isAvailable: false },
      { id: "80", title: "Cap", isAvailable: false },
    ]);
    expect(read.images).toEqual({
      44: ["https://a.example/red.jpg", "https://a.example/blue.jpg"],
    });
    expect(read.rejected).toEqual([[5, "belongs to 'gone', which is not in the file"]]);
  });

  it("joins Magento's hidden variants to their product", async () => {
    const read = await items(
      "p.csv",
      [
        "sku,attribute_set_code,name,categories,visibility,product_online,base_image,configurable_variations",
        "W1-S,Top,Shirt-S,X/Tops,Not Visible Individually,1,/w/1.jpg,",
        'W1,Top,Shirt,"X/Tops,X/Sale","Catalog, Search",1,/w/1.jpg,"sku=W1-S,size=S|sku=W1-M,size=M"',
        "W2,Top,Alone,X,Not Visible Individually,1,,",
        "W3,Top,Off,X,Catalog,2,,",
      ].join("\n"),
    );
    expect(read.items).toMatchObject([
      { id: "W1", title: "Shirt", category: "X/Tops", isAvailable: true },
      { id: "W2", isAvailable: false },
      { id: "W3", isAvailable: false },
    ]);
    expect(read.images).toEqual({ W1: ["w/1.jpg"] });
  });
});

describe("dryRun()", () => {
  it("reports the sources of each field, unread columns, and the first ten faults of each kind", async () => {
    const bad = Array.from({ length: 12 }, (_, i) => `${i + 10},x,perhaps${i},1\n`).join("");
    const source = new CatalogueSource({
      items: write(
        "items.csv",
        `SKU;Name;Stock;Price\n1;A;1;2\n1;B;0;2\n${bad.replaceAll(",", ";")}`,
      ),
      interactions: write(
        "events.csv",
        "userId,itemId,kind,occurredAt\nu,1,view,2024-01-01\nu,9,view,2024-01-01\nu,1,refund,2024-01-01\n",
      ),
      map: { available: "Stock" },
    });
    const report = await dryRun(source);
    const [table, events] = report.tables;
    expect(table).toMatchObject({
      format: "CSV, own columns, utf-8, separated by ';'",
      fields: [
        { field: "id", columns: ["SKU"] },
        { field: "title", columns: ["Name"] },
        { field: "available", columns: ["Stock"] },
      ],
      unreadColumns: ["Price"],
      ...{ accepted: 2, rejected: 12, replaced: 1 },
    });
    expect(table.faults).toHaveLength(1);
    expect(table.faults[0].count).toBe(12);
    expect(table.faults[0].first).toHaveLength(10);
    expect(table.faults[0].first[0]).toMatch(/^line 4: available: must be .*'perhaps0'$/);
    expect(events).toMatchObject({ accepted: 2, rejected: 1 });
    expect(report).toMatchObject({ unknownItems: 1, images: { none: 2 } });
    const text = describeDryRun(report);
    expect(text).toContain("  available <- 'Stock'\n  not read: Price\n  2 accepted, 12 rejected");
    expect(text).toContain("1 interactions are with items that the items' file does not have");
  });
});
