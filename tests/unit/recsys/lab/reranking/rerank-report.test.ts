import {
  type ArmRun,
  isWorthKeeping,
} from "../../../../../src/recsys/lab/reranking/rerank-report.js";

const runs = (...values: number[]): ArmRun[] =>
  values.map((value, seed) => ({
    seed,
    validation: { "ndcg@10": value },
    test: { "ndcg@10": 1 - value }, // inverted: the test split does not decide
    byUser: {},
  }));

describe("isWorthKeeping()", () => {
  it.each([
    ["leakFree", [0.2, 0.4], [0.3, 0.4], false, true],
    ["leakFree", [0.3, 0.4], [0.2, 0.4], false, false],
    ["leakFree", [0.3, 0.3], [0.3, 0.3], false, false],
    ["leakFree", [0.3, 0.4], [0.2, 0.4], true, true],
    ["paper", [0.2, 0.4], [0.9, 0.9], false, false],
    ["paper", [0.2, 0.4], [0.9, 0.9], true, false],
  ] as const)("%s, validation %p then %p, asked for: %p -> %p", (...row) => {
    const [protocol, ori, ragar, isAskedFor, expected] = row;
    const arms = { ori: runs(...ori), ragar: runs(...ragar) };
    expect(isWorthKeeping({ permuteLabels: false, protocol }, arms, isAskedFor)).toBe(expected);
  });
});
