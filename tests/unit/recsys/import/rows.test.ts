import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { csvRows } from "../../../../src/recsys/import/csv-rows.js";
import type { SourceRow } from "../../../../src/recsys/import/import-source.js";
import { jsonlRows } from "../../../../src/recsys/import/jsonl-rows.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vitrine-rows-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function file(content: string | Buffer): string {
  const path = join(folder, "file");
  writeFileSync(path, content);
  return path;
}

/** `[line, value or fault]` of every row. */
async function summary(rows: AsyncIterable<SourceRow>): Promise<[number, unknown][]> {
  const seen: [number, unknown][] = [];
  for await (const { line, value, fault } of rows) {
    seen.push([line, fault ?? value]);
  }
  return seen;
}

const readCsv = (content: string | Buffer, required = ["id", "title"]) =>
  summary(csvRows(file(content), "file", { required }));

describe("csvRows()", () => {
  const expected = [
    [2, { id: "1", title: "Toy, Story" }],
    [3, { id: "2", title: 'a "b" c' }],
  ];

  it.each([
    ["LF", "\n", ""],
    ["CRLF", "\r\n", ""],
    ["a byte-order mark", "\r\n", "\ufeff"],
  ])("reads quotes and commas with %s", async (_, newline, mark) => {
    const lines = ["id,title", '1,"Toy, Story"', '2,"a ""b"" c"', ""];
    expect(await readCsv(mark + lines.join(newline))).toEqual(expected);
    expect(await readCsv(mark + lines.slice(0, 3).join(newline))).toEqual(expected);
  });

  it("counts lines through quoted line breaks and blank lines", async () => {
    const rows = await readCsv('id,title\r\n1,"two\r\nlines"\r\n\r\n2,x\r\n');
    expect(rows).toEqual([
      [2, { id: "1", title: "two\r\nlines" }],
      [5, { id: "2", title: "x" }],
    ]);
  });

  it("rejects the row with the wrong number of fields and continues", async () => {
    expect(await readCsv("id,title\n1,a,b\n2\n3,c\n")).toEqual([
      [2, "must have 2 fields, but got 3"],
      [3, "must have 2 fields, but got 1"],
      [4, { id: "3", title: "c" }],
    ]);
  });

  it("loses one line to an unclosed quote, not the rest of the file", async () => {
    const many = Array.from({ length: 50_000 }, (_, i) => `${i + 10},title ${i}\n`).join("");
    const rows = await readCsv(`id,title\n1,a\n2,"open\n3,c\n${many}`);
    expect(rows.slice(0, 3)).toEqual([
      [2, { id: "1", title: "a" }],
      [3, "has a quote that is not closed"],
      [4, { id: "3", title: "c" }],
    ]);
    expect(rows).toHaveLength(50_003);
    expect(rows.at(-1)).toEqual([50_004, { id: "50009", title: "title 49999" }]);
  });

  it("loses one line to a quote that a later one closes by mistake", async () => {
    expect(await readCsv('id,title\n1,"open\n2,"b"\n3,c\n')).toEqual([
      [2, "has a quote that is not closed"],
      [3, { id: "2", title: "b" }],
      [4, { id: "3", title: "c" }],
    ]);
  });

  it("reports the bytes read, also across the stream's chunks", async () => {
    const content = `id,title\n${Array.from({ length: 9_000 }, (_, i) => `${i},Ünï ${i}\n`).join("")}`;
    let last = 0;
    let numRows = 0;
    for await (const { bytes } of csvRows(file(content), "file", { required: ["id"] })) {
      expect(bytes).toBeGreaterThan(last);
      last = bytes;
      numRows++;
    }
    expect([numRows, last]).toEqual([9_000, Buffer.byteLength(content)]);
  });

  it("lists all faults of the header", async () => {
    const rows = readCsv("id,name,id\n1,a,b\n", ["id", "title", "genres"]);
    await expect(rows).rejects.toMatchObject({
      code: "FILE_MALFORMED",
      details: {
        reason:
          "the column 'title' is missing; the column 'genres' is missing; " +
          "the column 'id' occurs twice (its columns: id, name, id)",
      },
    });
    await expect(readCsv("")).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    await expect(readCsv(Buffer.alloc(500))).rejects.toMatchObject({ code: "FILE_MALFORMED" });
  });

  it("reports a missing file", async () => {
    const rows = summary(csvRows(join(folder, "none.csv"), "none.csv", { required: ["id"] }));
    await expect(rows).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });
});

describe("jsonlRows()", () => {
  it("reads objects by line, rejects invalid JSON, and skips blank lines", async () => {
    const path = file('\ufeff{"id":1}\r\n\r\n{"id":\r\n{"id":"ü"}');
    expect(await summary(jsonlRows(path, "file"))).toEqual([
      [1, { id: 1 }],
      [3, expect.stringMatching(/^is not JSON/)],
      [4, { id: "ü" }],
    ]);
  });

  it("reports a missing file", async () => {
    const rows = summary(jsonlRows(join(folder, "none.jsonl"), "none.jsonl"));
    await expect(rows).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  it("stops reading when the reader does", async () => {
    const path = file('{"id":1}\n'.repeat(100_000));
    for await (const { line } of jsonlRows(path, "file")) {
      expect(line).toBe(1);
      break;
    }
  });
});
