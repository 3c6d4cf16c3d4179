import {
  assertServableReward,
  rewardModes,
  rewards,
} from "../../../../src/ml/reflection/rank-reward.js";

// ρ^ref = 1, ρ^key = 2; generated: below both, between them, above both, far above.
const scores = { reference: 1, key: 2, generated: [0, 1.5, 2.25, 9] };

describe("rewards()", () => {
  it("`marginCost` is the missing margin over both, and saturates", () => {
    // δ = 0.5: -(1.5 + 2.5), -(0 + 1), -(0 + 0.25), 0.
    expect(rewards("marginCost", scores, 0.5)).toEqual([-4, -1, -0.25, 0]);
  });

  it("`flipped` is the excess over both plus a margin, without limit", () => {
    expect(rewards("flipped", scores, 0.5)).toEqual([0, 1, 1.75 + 0.75, 8.5 + 7.5]);
  });

  it("`rank` is minus the rank among the three, ties by their mean", () => {
    expect(rewards("rank", scores, 0.5)).toEqual([-3, -2, -1, -1]);
    expect(rewards("rank", { reference: 1, key: 1, generated: [1] }, 0)).toEqual([-2]);
  });

  it("`literal` rewards a lower score, as printed", () => {
    expect(rewards("literal", scores, 0.5)).toEqual([3.5, 1, 0.5, 0.5]);
  });
});

describe("assertServableReward()", () => {
  it("refuses only `literal`", () => {
    const refused = rewardModes.filter(mode => {
      try {
        assertServableReward(mode);
        return false;
      } catch {
        return true;
      }
    });
    expect(refused).toEqual(["literal"]);
  });
});
