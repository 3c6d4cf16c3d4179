import { Random } from "../../../../src/ml/nn/random.js";
import {
  counterbalanced,
  tasksOf,
  williamsSquare,
} from "../../../../src/recsys/studies/task-order.js";

/** How often each value occurs. */
function countsOf(values: readonly string[]): number[] {
  const counts = new Map<string, number>();
  values.forEach(value => counts.set(value, (counts.get(value) ?? 0) + 1));
  return [...counts.values()];
}

describe("williamsSquare()", () => {
  it("is the published square of four: 0 3 1 2 and its shifts", () => {
    expect(williamsSquare(4)).toEqual([
      [0, 3, 1, 2],
      [1, 0, 2, 3],
      [2, 1, 3, 0],
      [3, 2, 0, 1],
    ]);
  });

  it.each([2, 3, 4, 5, 6, 7])("is balanced for %d things", n => {
    const rows = williamsSquare(n);
    expect(rows).toHaveLength(n % 2 === 0 ? n : 2 * n);
    rows.forEach(row => {
      expect([...row].sort()).toEqual([...Array(n).keys()]);
    });
    const places = rows.flatMap(row => row.map((value, place) => `${place}:${value}`));
    expect(new Set(countsOf(places)).size).toBe(1);
    expect(countsOf(places)).toHaveLength(n * n);
    const neighbours = rows.flatMap(row => row.slice(1).map((value, at) => `${row[at]}>${value}`));
    expect(new Set(countsOf(neighbours)).size).toBe(1);
    expect(countsOf(neighbours)).toHaveLength(n * (n - 1));
  });
});

describe("counterbalanced()", () => {
  it("gives each number another row of the same square", () => {
    const things = ["a", "b", "c", "d"];
    const orders = [0, 1, 2, 3, 4].map(number =>
      counterbalanced(things, number, new Random(7)).join(""),
    );
    expect(new Set(orders.slice(0, 4)).size).toBe(4);
    expect(orders[4]).toBe(orders[0]);
    expect(counterbalanced([], 3, new Random(1))).toEqual([]);
  });
});

describe("tasksOf()", () => {
  const image = (id: string, methods: string[], role = "CANDIDATE" as const) => ({
    id,
    role,
    methods,
  });
  const pair = (id: string) => ({
    id,
    isCheck: false,
    images: [
      { id: `${id}-history`, role: "HISTORY" as const, methods: [] },
      image(`${id}-original`, ["ORIGINAL"]),
      image(`${id}-served`, ["SERVED"]),
      image(`${id}-keywords`, ["KEYWORDS"]),
    ],
  });
  const check = {
    id: "check",
    isCheck: true,
    images: [image("right", []), image("wrong", [])],
  };
  const study = { seed: 3, pairs: [pair("a"), pair("b"), pair("c"), check] };

  it("asks both questions of a pair, and only the meaning of a check", () => {
    const tasks = tasksOf(study, 0).map(({ pairId, question }) => `${pairId} ${question}`);
    expect([...tasks].sort()).toEqual([
      "a CLICK",
      "a MEANING",
      "b CLICK",
      "b MEANING",
      "c CLICK",
      "c MEANING",
      "check MEANING",
    ]);
  });

  it("leaves the catalogue image out of the question about the meaning", () => {
    for (const { imageIds, pairId, question } of tasksOf(study, 5)) {
      const isShown = imageIds.includes(`${pairId}-original`);
      expect(isShown).toBe(question === "CLICK");
      expect(imageIds).not.toContain(`${pairId}-history`);
    }
  });

  it("shows each image equally often at each place over six participants, the square's length", () => {
    const places = [0, 1, 2, 3, 4, 5].flatMap(number =>
      tasksOf(study, number)
        .filter(({ pairId, question }) => pairId === "a" && question === "CLICK")
        .flatMap(({ imageIds }) => imageIds.map((id, place) => `${id} ${place}`)),
    );
    expect(countsOf(places)).toEqual(Array(9).fill(2));
  });

  it("asks half of the participants about the meaning first", () => {
    const first = [0, 1, 2, 3].map(
      number => tasksOf(study, number).find(({ pairId }) => pairId === "a")!.question,
    );
    expect(first).toEqual(["CLICK", "MEANING", "CLICK", "MEANING"]);
  });

  it("keeps the order of a pair's images when another pair is deleted", () => {
    const ofPair = (tasks: ReturnType<typeof tasksOf>) =>
      tasks.filter(({ pairId }) => pairId === "b").map(({ imageIds }) => imageIds);
    const fewer = { ...study, pairs: study.pairs.slice(1) };
    expect(ofPair(tasksOf(fewer, 2))).toEqual(ofPair(tasksOf(study, 2)));
  });

  it("does not ask about the meaning of one image", () => {
    const two = { ...pair("d"), images: pair("d").images.slice(0, 3) };
    expect(tasksOf({ seed: 1, pairs: [two] }, 0).map(({ question }) => question)).toEqual([
      "CLICK",
    ]);
  });
});
