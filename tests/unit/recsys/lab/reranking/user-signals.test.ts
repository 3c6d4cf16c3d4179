import {
  blended,
  chooseBlend,
  isBeyondChance,
  NO_BLEND,
  type RankedCandidates,
  reordered,
  signalsOf,
} from "../../../../../src/recsys/lab/reranking/user-signals.js";

const vector = (...values: number[]) => Float32Array.from(values);

describe("signalsOf()", () => {
  const own = [vector(1, 0), vector(0, 1), vector(0, 1)];
  const images = [vector(1, 0), vector(0, 1), vector(1, 0)];

  it("gives each signal a mean of 0 and a deviation of 1 over the candidates", () => {
    const signals = signalsOf(images, { own, taste: vector(2, 0), gradient: vector(0, 3) });
    // v_ui · taste = 2, 0, 2; v_ui · v_i = 1, 1, 0; g · (v_ui - v_i) = 0, 0, -3.
    const [high, low] = [Math.SQRT1_2, -Math.SQRT2];
    expectClose(signals.history, [high, low, high]);
    expectClose(signals.change, [high, high, low]);
    expectClose(signals.score, [high, high, low]);
  });

  it("puts an item without an image at the mean, and counts it in none", () => {
    const { history } = signalsOf([images[0], null, images[1]], {
      own,
      taste: vector(2, 0),
      gradient: null,
    });
    expect([...history]).toEqual([1, 0, -1]);
  });

  it("says nothing where all are alike, or the model is not linear in the image", () => {
    const signals = signalsOf(own, { own, taste: vector(0, 0), gradient: null });
    expect([...signals.history, ...signals.change, ...signals.score]).toEqual(Array(9).fill(0));
  });
});

/** Three items in the model's order, of which the signal prefers the last. */
const candidates: RankedCandidates = {
  items: Int32Array.of(7, 3, 5),
  scores: vector(0.3, 0.2, 0.1),
  signals: { score: vector(0, 0, 0), history: vector(-1, 0, 1), change: vector(0, 0, 0) },
};

describe("reordered()", () => {
  it("keeps the model's order without weights", () => {
    expect(reordered(candidates, NO_BLEND)).toEqual([7, 3, 5]);
  });

  it("adds weighted signals, which may be negative", () => {
    const blend = { ...NO_BLEND, history: 0.5 };
    expectClose(blended(candidates, blend), [-0.2, 0.2, 0.6]);
    expect(reordered(candidates, blend)).toEqual([5, 3, 7]);
    expect(reordered(candidates, { ...NO_BLEND, history: -0.5 })).toEqual([7, 3, 5]);
  });
});

describe("chooseBlend()", () => {
  it("takes the weight that finds the validation items", () => {
    const { blend, validation } = chooseBlend([[candidates]], [Int32Array.of(5)]);
    expect(blend.history).toBeGreaterThan(0.1); // the last item passes the first
    expect(validation).toMatchObject({ before: 0.5, after: 1 }); // 1 / log2(4) at the third place
  });

  it("takes none where none is better", () => {
    const { blend, validation } = chooseBlend([[candidates]], [Int32Array.of(7)]);
    expect(blend).toEqual(NO_BLEND);
    expect(validation).toEqual({ before: 1, after: 1, pValue: 1 });
  });

  it("says whether the gain is beyond chance: for many users with it, not for one of many", () => {
    const users = Array.from({ length: 40 }, () => candidates);
    const found = (numLast: number) =>
      chooseBlend(
        [users],
        users.map((_, user) => Int32Array.of(user < numLast ? 5 : 9)), // 9 is no candidate
      );
    expect(isBeyondChance(found(20))).toBe(true);
    expect(found(1).validation.after).toBeGreaterThan(found(1).validation.before);
    expect(isBeyondChance(found(1))).toBe(false);
    expect(isBeyondChance(found(0))).toBe(false);
  });

  it("decides for all seeds at once, and does not count users without validation items", () => {
    const none = new Int32Array();
    const runs = [
      [candidates, candidates],
      [candidates, candidates],
    ];
    expect(chooseBlend(runs, [Int32Array.of(5), none]).validation.after).toBe(1);
  });
});

function expectClose(values: Float32Array, expected: readonly number[]): void {
  expect(values).toHaveLength(expected.length);
  values.forEach((value, place) => {
    expect(value).toBeCloseTo(expected[place], 5);
  });
}
