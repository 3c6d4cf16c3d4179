import { defaultFeedbackRules, type FeedbackRules } from "../../../src/config/feedback-rules.js";
import { choicesOf, type Feedback, isChoice, strengthOf } from "../../../src/db/choices.js";

const day = (n: number) => new Date(Date.UTC(2026, 0, n));

function did(kind: string, weight: number, onDay = 1, rest: Partial<Feedback> = {}): Feedback {
  return { userId: "u", itemId: "a", kind, weight, occurredAt: day(onDay), ...rest };
}

const strengths = (rows: readonly Feedback[], rules: FeedbackRules = defaultFeedbackRules) =>
  choicesOf(rows, rules).map(({ itemId, strength }) => [itemId, strength]);

describe("isChoice()", () => {
  it.each([
    ["RATING", 3.5, false],
    ["RATING", 4, true],
    ["RATING", 0, false],
    ["VIEW", 1, true],
    ["CART", 0, false],
    ["LIKE", 0, false],
    ["PURCHASE", 1e-60, false], // the column holds 0
  ])("is, for a %s of %d, %s", (kind, weight, expected) => {
    expect(isChoice({ kind, weight }, defaultFeedbackRules)).toBe(expected);
  });

  it("follows the shop's scale and kinds", () => {
    const { kindWeights } = defaultFeedbackRules;
    const rules = {
      ...defaultFeedbackRules,
      likedFrom: 7.75,
      kindWeights: { ...kindWeights, VIEW: 0 },
    };
    expect(isChoice({ kind: "RATING", weight: 7 }, rules)).toBe(false);
    expect(isChoice({ kind: "RATING", weight: 8 }, rules)).toBe(true);
    expect(isChoice({ kind: "VIEW", weight: 9 }, rules)).toBe(false);
  });

  it("includes the threshold itself, despite the column's single precision", () => {
    const rules = { ...defaultFeedbackRules, likedFrom: 4.7 };
    expect(isChoice({ kind: "RATING", weight: Math.fround(4.7) }, rules)).toBe(true);
    expect(isChoice({ kind: "RATING", weight: 4.7 }, rules)).toBe(true);
  });
});

describe("strengthOf()", () => {
  it("grows with the weight up to 1, then with its logarithm", () => {
    const like = (weight: number) => strengthOf({ kind: "LIKE", weight }, defaultFeedbackRules);
    expect(like(0.5)).toBe(0.5);
    expect(like(1)).toBe(1);
    expect(like(Math.E)).toBeCloseTo(2, 6);
    expect(like(1e38)).toBeCloseTo(1 + 38 * Math.LN10, 6);
  });

  it("is the kind's weight for 1, and scales ratings by the lowest liked one", () => {
    expect(strengthOf({ kind: "VIEW", weight: 1 }, defaultFeedbackRules)).toBe(0.2);
    expect(strengthOf({ kind: "PURCHASE", weight: 1 }, defaultFeedbackRules)).toBe(1);
    expect(strengthOf({ kind: "RATING", weight: 4 }, defaultFeedbackRules)).toBe(1);
    const five = strengthOf({ kind: "RATING", weight: 5 }, defaultFeedbackRules);
    expect(five).toBeCloseTo(1 + Math.log(1.25), 12);
  });
});

describe("choicesOf()", () => {
  it("counts an item as much as its strongest interaction", () => {
    expect(strengths([did("VIEW", 1), did("PURCHASE", 1), did("VIEW", 1, 3)])).toEqual([["a", 1]]);
  });

  it("uses only the latest rating", () => {
    expect(strengths([did("RATING", 5, 1), did("RATING", 2, 2)])).toEqual([]);
    expect(strengths([did("RATING", 2, 1), did("RATING", 4, 2)])).toEqual([["a", 1]]);
    expect(strengths([did("RATING", 4, 2), did("RATING", 5, 1)])).toEqual([["a", 1]]); // in any order
    const [choice] = choicesOf([did("RATING", 5, 1), did("RATING", 4, 2)], defaultFeedbackRules);
    expect(choice.firstAt).toEqual(day(2));
  });

  it("drops disliked items, whatever their other interactions", () => {
    expect(strengths([did("PURCHASE", 1, 1), did("RATING", 1, 2), did("VIEW", 1, 3)])).toEqual([]);
    expect(strengths([did("RATING", 1, 1), did("LIKE", 1, 2)])).toEqual([["a", 1]]); // thought better of it
    expect(strengths([did("LIKE", 1, 1), did("LIKE", 0, 2), did("VIEW", 1, 3)])).toEqual([]); // took it back
  });

  it("separates users and items, in the order of their first choice", () => {
    const rows = [
      did("VIEW", 1, 5),
      did("RATING", 1, 1, { userId: "v" }),
      did("VIEW", 1, 2, { itemId: "b" }),
      did("VIEW", 1, 3, { userId: "v", itemId: "b" }),
      did("VIEW", 1, 9, { itemId: "b" }),
    ];
    expect(
      choicesOf(rows, defaultFeedbackRules).map(({ userId, itemId, firstAt, lastAt }) => [
        userId + itemId,
        firstAt.getUTCDate(),
        lastAt.getUTCDate(),
      ]),
    ).toEqual([
      ["ub", 2, 9],
      ["vb", 3, 3],
      ["ua", 5, 5],
    ]);
  });

  it("halves a strength one half-life older than the newest", () => {
    const rules = { ...defaultFeedbackRules, halfLifeDays: 10 };
    const rows = [did("LIKE", 1, 1), did("LIKE", 1, 11, { itemId: "b" })];
    expect(strengths(rows, rules)).toEqual([
      ["a", 0.5],
      ["b", 1],
    ]);
    // An old purchase may count less than a view of today.
    expect(strengths([did("PURCHASE", 1, 1), did("VIEW", 1, 31)], rules)).toEqual([["a", 0.2]]);
  });
});
