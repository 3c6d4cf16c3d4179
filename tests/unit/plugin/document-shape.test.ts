import { describe, expect, it } from "@jest/globals";
import { parse } from "graphql";
import { shapeFault, type ShapeLimits } from "../../../src/plugin/document-shape.js";

const limits: ShapeLimits = { aliases: 2, directives: 2, levels: 3, repeats: 2, fragments: 2 };
const messageOf = (query: string) => shapeFault(parse(query), limits)?.message ?? null;
const refusal = (what: string) => `A document may have at most ${what}`;
const repeats = refusal("2 selections of one field beside each other");
const fragment = (name: string) => `fragment ${name} on Query { x }`;

describe("the shape of a document", () => {
  it.each([
    ["aliases", "{ a: x b: x }", "{ a: x b: x c { d: x } }", refusal("2 aliases")],
    ["directives", "{ x @a y @b }", "query @a { x @b y @c }", refusal("2 directives")],
    ["levels", "{ a { b { c } } }", "{ a { b { ... { c } } } }", refusal("3 levels")],
    ["fields", "{ x x y { x x } }", "{ y { x x x } }", repeats],
    ["fields of one alias", "{ a: x a: y b }", "{ a: x a: y a }", repeats],
    ["spreads", `{ ...f ...f } ${fragment("f")}`, `{ ...f ...f ...f } ${fragment("f")}`, repeats],
    ["inline fragments", "{ ... { x } ... { y } }", "{ ... { x } ... { y } ... { z } }", repeats],
    [
      "fragments",
      `{ x } ${fragment("f")} ${fragment("g")}`,
      `{ x } ${fragment("f")} ${fragment("g")} ${fragment("h")}`,
      refusal("2 fragments"),
    ],
  ])("limits %s", (_what, good, bad, message) => {
    expect(messageOf(good)).toBeNull();
    expect(messageOf(bad)).toBe(message);
  });

  it("names where the fault is", () => {
    expect(shapeFault(parse("{ x x\n  x }"), limits)?.locations).toEqual([{ line: 2, column: 3 }]);
  });
});
