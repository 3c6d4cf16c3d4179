import { Command } from "commander";
import {
  type ReadingFlags,
  tableOptions,
  withReadingOptions,
} from "../../../src/cli/catalogue-options.js";

function parsed(...args: string[]) {
  const command = withReadingOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return tableOptions(command.parse(args, { from: "user" }).opts<ReadingFlags>());
}

describe("options of import catalogue", () => {
  it("may be repeated and contain commas", () => {
    expect(
      parsed(
        ...["--map", "title=Name, long,id=SKU", "--map", "image=a=b"],
        ...[
          "--default",
          "kind=view",
          "--columns",
          "a, b",
          "--format",
          "shopify",
          "--encoding",
          "latin1",
        ],
      ),
    ).toEqual({
      map: { title: "Name, long", id: "SKU", image: "a=b" },
      defaults: { kind: "view" },
      columns: ["a", "b"],
      format: "shopify",
      encoding: "latin1",
    });
  });

  it.each([
    [["--map", "name=Title"], "must be field=name, with a field of id, title"],
    [["--map", "title"], "must be field=name"],
    [["--default", "title="], "must be field=name"],
    [["--columns", "id,id"], "must be distinct names"],
    [["--columns", "id,"], "must be distinct names"],
    [["--format", "excel"], "must be one of csv, tsv, jsonl"],
  ])("%p are refused", (args, message) => {
    expect(() => parsed(...args)).toThrow(message);
  });
});
