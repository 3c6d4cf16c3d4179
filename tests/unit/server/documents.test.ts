import { describe, expect, it } from "@jest/globals";
import { parse } from "graphql";
import { Documents } from "../../../src/server/documents.js";

const textOf = (n: number) => `{ health } # ${n}`;

/** Counts turns of the event loop until `stop`. */
function countTurns() {
  let turn = 0;
  let isOver = false;
  const next = () => {
    turn++;
    if (!isOver) {
      setImmediate(next);
    }
  };
  setImmediate(next);
  return {
    now: () => turn,
    stop: () => {
      isOver = true;
    },
  };
}

/** Admits documents and notes in which order, and in which turn of the event loop. */
function admitAll(documents: Documents, wanted: readonly (readonly [string, string])[]) {
  const turns = countTurns();
  const order: { text: string; caller: string; turn: number }[] = [];
  const all = Promise.all(
    wanted.map(async ([text, caller]) => {
      await documents.admit(text, caller);
      order.push({ text, caller, turn: turns.now() });
    }),
  );
  return all.then(() => {
    turns.stop();
    return order;
  });
}

describe("the queue of new documents", () => {
  it("admits one in a turn of the event loop", async () => {
    const wanted = Array.from({ length: 9 }, (_, n) => [textOf(n), "a"] as const);
    const order = await admitAll(new Documents(), wanted);
    expect(order.map(({ text }) => text)).toEqual(wanted.map(([text]) => text));
    const later = order.slice(1).map(({ turn }) => turn); // the first one waits for nothing
    expect(new Set(later).size).toBe(later.length);
  });

  it("lets callers take turns", async () => {
    const wanted = [
      ...Array.from({ length: 5 }, (_, n) => [textOf(n), "greedy"] as const),
      [textOf(10), "b"] as const,
      [textOf(11), "c"] as const,
    ];
    const order = await admitAll(new Documents(), wanted);
    expect(order.map(({ caller }) => caller)).toEqual([
      ...["greedy", "greedy", "b", "c", "greedy", "greedy", "greedy"],
    ]);
  });

  it("admits known documents at once, also while others wait", async () => {
    const documents = new Documents();
    documents.keep(textOf(0), parse(textOf(0)));
    const order = await admitAll(documents, [
      [textOf(1), "a"],
      [textOf(2), "a"],
      [textOf(0), "a"],
    ]);
    expect(order.map(({ text }) => text)).toEqual([textOf(0), textOf(1), textOf(2)]);
  });

  it("admits all that wait for one document when it has become known", async () => {
    const documents = new Documents();
    const turns = countTurns();
    const ends = await Promise.all(
      Array.from({ length: 50 }, async () => {
        await documents.admit(textOf(1), "a");
        documents.keep(textOf(1), parse(textOf(1)));
        return turns.now();
      }),
    );
    turns.stop();
    expect(new Set(ends).size).toBeLessThan(4);
  });

  it("lets a caller's other documents pass one that is refused again and again", async () => {
    const wanted = [0, 0, 0, 0, 1, 2].map(n => [textOf(n), "a"] as const);
    const order = await admitAll(new Documents(), wanted);
    expect(order.map(({ text }) => text)).toEqual([0, 0, 1, 2, 0, 0].map(textOf));
  });

  it("refuses documents beyond the limits, until the others have had their turn", async () => {
    const documents = new Documents({ ofProcess: 4, ofCaller: 2 });
    const admit = (n: number, caller: string) => documents.admit(textOf(n), caller);
    const waiting = [admit(0, "a"), admit(1, "a"), admit(2, "a"), admit(2, "a")];
    const refusal = (max: number) => ({
      code: "TOO_MANY_DOCUMENTS",
      details: { max },
      status: 429,
    });
    await expect(admit(3, "a")).rejects.toMatchObject(refusal(2));
    waiting.push(admit(4, "b"));
    await expect(admit(5, "c")).rejects.toMatchObject(refusal(4));
    await Promise.all(waiting);
    await admit(3, "a");
  });

  it("refuses a shape that is costly to validate, and leaves faulty texts to the parser", async () => {
    const documents = new Documents();
    const repeated = `{ ${"item(id: 1) { id } ".repeat(90)} }`;
    await expect(documents.admit(repeated, "a")).rejects.toMatchObject({
      extensions: { code: "GRAPHQL_VALIDATION_FAILED", http: { status: 400 } },
    });
    await documents.admit("{ health", "a");
  });
});
