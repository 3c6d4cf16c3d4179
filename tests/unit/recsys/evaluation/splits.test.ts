import { Random } from "../../../../src/ml/nn/random.js";
import {
  leaveLastOneSplit,
  numWithoutTrain,
  randomSplit,
  ratioSplit,
  type Split,
  timeSplit,
  wholeOf,
} from "../../../../src/recsys/evaluation/splits.js";

const range = (length: number) => Array.from({ length }, (_, index) => index);
const sizes = ({ train, validation, test }: Split) =>
  train.map((_, user) => [train[user].length, validation[user].length, test[user].length]);

const splits: [string, (timelines: number[][]) => Split][] = [
  ["randomSplit", timelines => randomSplit(timelines, new Random(1))],
  ["leaveLastOneSplit", leaveLastOneSplit],
  ["ratioSplit", ratioSplit],
];

describe.each(splits)("%s()", (_, split) => {
  it("assigns every item to one part, by ascending index", () => {
    const timelines = [[9, 3, 7, 1, 0, 2, 11, 5], range(40).reverse()];
    const { train, validation, test } = split(timelines);
    timelines.forEach((items, user) => {
      const parts = [train[user], validation[user], test[user]];
      expect(parts.flatMap(part => [...part]).sort((a, b) => a - b)).toEqual(
        [...items].sort((a, b) => a - b),
      );
      parts.forEach(part => expect([...part]).toEqual([...part].sort((a, b) => a - b)));
    });
  });

  it("does not split a user with fewer than three items", () => {
    expect(sizes(split([[], [4], [4, 2]]))).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [2, 0, 0],
    ]);
  });

  it("refuses repeated items", () => {
    expect(() => split([[1, 2, 1]])).toThrow("without repeats");
  });
});

describe("randomSplit()", () => {
  it("holds out one and one below ten items, otherwise a fifth, half for each", () => {
    // floor(0.2 n): 10 -> 2, 14 -> 2, 15 -> 3 (1 test, 2 validation), 25 -> 5 (2 test, 3 validation).
    const timelines = [9, 10, 14, 15, 25].map(range);
    expect(sizes(randomSplit(timelines, new Random(1)))).toEqual([
      [7, 1, 1],
      [8, 1, 1],
      [12, 1, 1],
      [12, 2, 1],
      [20, 3, 2],
    ]);
  });

  it("is the same for the same seed only", () => {
    const split = (seed: number) => randomSplit([range(30)], new Random(seed));
    expect(split(1)).toEqual(split(1));
    expect(split(1)).not.toEqual(split(2));
  });
});

describe("leaveLastOneSplit()", () => {
  it("holds out the last for test and the one before for validation", () => {
    expect(leaveLastOneSplit([[5, 9, 2, 7]])).toEqual({
      train: [Int32Array.of(5, 9)],
      validation: [Int32Array.of(2)],
      test: [Int32Array.of(7)],
    });
  });
});

describe("ratioSplit()", () => {
  it("holds out the last tenth for test and the tenth before for validation", () => {
    const { train, validation, test } = ratioSplit([range(20), range(4)]);
    expect(test).toEqual([Int32Array.of(18, 19), Int32Array.of(3)]);
    expect(validation).toEqual([Int32Array.of(16, 17), Int32Array.of(2)]);
    expect(train.map(items => items.length)).toEqual([16, 2]);
  });
});

describe("timeSplit", () => {
  /** Items 0 to 9 chosen at times 0 to 9: the cuts are at 8 and 9. */
  const timelines = [
    [0, 1, 2, 3, 4],
    [5, 8],
    [6, 7, 9],
  ];

  it("cuts all users at the same two times", () => {
    const split = timeSplit(timelines, timelines);
    expect(split.train.map(items => [...items])).toEqual([[0, 1, 2, 3, 4], [5], [6, 7]]);
    expect(split.validation.map(items => [...items])).toEqual([[], [8], []]);
    expect(split.test.map(items => [...items])).toEqual([[], [], [9]]);
  });

  it("cuts at other times too, and leaves what is later out of all parts", () => {
    const { train, validation, test } = timeSplit(timelines, timelines, {
      train: 0.6,
      seen: 0.7,
      until: 0.9,
    });
    expect(train.map(items => [...items])).toEqual([[0, 1, 2, 3, 4], [5], []]);
    expect(validation.map(items => [...items])).toEqual([[], [], []]);
    expect(test.map(items => [...items])).toEqual([[], [8], []]);
  });

  it("leaves out users without an item before the first cut, and counts them", () => {
    const split = timeSplit([...timelines, [1, 2]], [...timelines, [8.5, 9.5]]);
    // 12 interactions: the cuts are the 10th and the 11th, at 8.5 and 9.
    expect(split.train[3]).toHaveLength(0);
    expect([split.validation[3], split.test[3]].map(items => items.length)).toEqual([0, 0]);
    expect(numWithoutTrain(split)).toBe(1);
  });

  it("keeps interactions of the same time together", () => {
    const times = [
      [0, 0, 0, 0, 0],
      [0, 0],
      [0, 1, 1],
    ];
    const { train, validation, test } = timeSplit(timelines, times);
    expect(train.map(items => items.length)).toEqual([5, 2, 1]);
    expect(validation.map(items => items.length)).toEqual([0, 0, 0]);
    expect([...test[2]]).toEqual([7, 9]);
  });

  it("holds out nothing where there is nothing", () => {
    expect(timeSplit([[]], [[]])).toEqual({
      train: [new Int32Array(0)],
      validation: [new Int32Array(0)],
      test: [new Int32Array(0)],
    });
  });
});

describe("wholeOf", () => {
  it("joins the parts of each user in ascending order", () => {
    const split = leaveLastOneSplit([[4, 0, 3, 1], [2]]);
    expect(wholeOf(split).map(items => [...items])).toEqual([[0, 1, 3, 4], [2]]);
  });
});
