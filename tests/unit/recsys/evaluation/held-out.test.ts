import {
  assertComparable,
  heldOutOf,
  splitHash,
} from "../../../../src/recsys/evaluation/held-out.js";

const lists = (...items: number[][]) => items.map(list => Int32Array.from(list));
const ids = { userIds: ["a", "b"], itemIds: ["w", "x", "y", "z"] };
const split = {
  train: lists([0], [1]),
  validation: lists([1], [2]),
  test: lists([2], [3]),
};
const compared =
  (other: Partial<typeof ids & typeof split>, part: "validation" | "test" = "test") =>
  () => {
    const all = { ...ids, ...split, ...other };
    assertComparable([
      { name: "one", heldOut: heldOutOf(ids, split, part) },
      { name: "same", heldOut: heldOutOf(ids, split, part) },
      { name: "two", heldOut: heldOutOf(all, all, part) },
    ]);
  };

describe("assertComparable()", () => {
  it("accepts the same question in any order of users and items", () => {
    expect(compared({})).not.toThrow();
    expect(
      compared({
        userIds: ["b", "a"],
        itemIds: ["z", "y", "x", "w"],
        train: lists([2], [3]),
        validation: lists([1], [2]),
        test: lists([0], [1]),
      }),
    ).not.toThrow();
  });

  it.each([
    ["users", { test: lists([2], []) }, "they hold out items of different users"],
    ["users by id", { userIds: ["a", "c"] }, "they hold out items of different users"],
    ["items", { test: lists([2], [0]) }, "they hold out different items"],
    [
      "the same indices of other items",
      { itemIds: ["w", "x", "z", "y"] },
      "they hold out different items",
    ],
    ["catalogues", { itemIds: ["w", "x", "y", "z", "new"] }, "they rank different catalogues"],
    ["train items", { train: lists([3], [1]) }, "they were trained on different choices"],
  ])("refuses other %s", (_, other, reason) => {
    expect(compared(other)).toThrow(
      expect.objectContaining({
        code: "NOT_COMPARABLE",
        message: `'one' and 'two' cannot be compared: ${reason}`,
      }) as Error,
    );
  });

  it("compares the measured part", () => {
    expect(compared({ test: lists([3], [3]) }, "validation")).not.toThrow();
    expect(compared({ validation: lists([3], [2]) }, "validation")).toThrow("different items");
  });
});

it("distinguishes splits by the part of an item", () => {
  const { train, validation } = split;
  expect(splitHash({ train, validation })).toBe(splitHash({ train, validation }));
  expect(splitHash({ train, validation })).not.toBe(
    splitHash({ train: validation, validation: train }),
  );
});
