/** Every path and every function that docs/paper-map.md names is in the tree. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

interface Row {
  equation: string;
  files: string[];
  functions: string[];
  tests: string[];
}

const page = readFileSync("docs/paper-map.md", "utf8");
const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text);

const rows: Row[] = [...page.matchAll(/^\|(.*)\|$/gm)]
  .map(([, line]) => line.split(" | ").map(cell => cell.trim()))
  .filter(cells => cells.length === 5 && cells[2].includes("`"))
  .map(([equation, , files, functions, tests]) => ({
    equation,
    files: quoted(files),
    functions: quoted(functions),
    tests: quoted(tests),
  }));

/** The text of a file, or of all files of a folder. */
function textOf(path: string): string {
  return statSync(path).isDirectory()
    ? readdirSync(path)
        .map(name => textOf(join(path, name)))
        .join("\n")
    : readFileSync(path, "utf8");
}

/** The parts of `Class.method` that no file of the row has. */
function unknownNames({ files, functions }: Row): string[] {
  const code = files.filter(existsSync).map(textOf).join("\n");
  return functions
    .filter(name => /^[\w.]+$/.test(name))
    .filter(name => name.split(".").some(part => !new RegExp(`\\b${part}\\b`).test(code)));
}

it("has a row for each equation", () => {
  const numbers = rows.flatMap(({ equation }) => /^Eq\. (\d+)$/.exec(equation)?.[1] ?? []);
  expect(new Set(numbers)).toEqual(new Set(Array.from({ length: 17 }, (_, n) => `${n + 1}`)));
});

it.each(rows.map(row => [row.equation, row] as const))(
  "%s: its files and tests exist",
  (_, row) => {
    const paths = [...row.files, ...row.tests];
    expect(row.tests).not.toHaveLength(0);
    expect(paths.filter(path => !existsSync(path))).toEqual([]);
  },
);

it.each(rows.map(row => [row.equation, row] as const))(
  "%s: its files have its functions",
  (_, row) => {
    expect(unknownNames(row)).toEqual([]);
  },
);

it("finds a function that is not there", () => {
  const row = { ...rows[0], functions: ["Captioner.caption", "Captioner.absent"] };
  expect(unknownNames(row)).toEqual(["Captioner.absent"]);
});

it("names in its prose only paths and names that exist", () => {
  const source = textOf("src");
  const isKnown = (text: string) =>
    text.includes("/") ? existsSync(text) : source.includes(text.split(/[:=]/)[0]);
  const names = quoted(page).filter(text => /^(\w+[:=].*|\w+|[\w./-]+\/[\w./-]+)$/.test(text));
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter(text => !isKnown(text))).toEqual([]);
});
