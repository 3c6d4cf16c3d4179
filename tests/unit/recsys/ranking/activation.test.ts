import {
  activationOf,
  activationText,
  type TrainedVersion,
} from "../../../../src/recsys/ranking/activation.js";

const version = (
  id: string,
  ndcg: number | null,
  changes: Partial<TrainedVersion> = {},
): TrainedVersion => ({
  id,
  config: { split: "ratio" },
  seed: 1,
  dataHash: "d1",
  metrics: { validation: { "ndcg@10": ndcg } },
  ...changes,
});

describe("activationOf()", () => {
  const active = version("old", 0.2);

  it.each([
    ["better", 0.21, true, "NOT_WORSE"],
    ["equal", 0.2, true, "NOT_WORSE"],
    ["worse", 0.19, false, "WORSE"],
  ])("decides by validation for a version that is %s", (_, ndcg, isActivated, reason) => {
    expect(activationOf(version("new", ndcg), active, null)).toEqual({
      isActivated,
      reason,
      metric: "ndcg@10",
      candidate: ndcg,
      active: { versionId: "old", validation: 0.2 },
      notComparable: null,
    });
  });

  it("follows an explicit request, and still reports both metrics", () => {
    const worse = version("new", 0.1);
    expect(activationOf(worse, active, true)).toMatchObject({ isActivated: true, reason: "ASKED" });
    const better = version("new", 0.3);
    const kept = activationOf(better, active, false);
    expect(kept).toMatchObject({ isActivated: false, reason: "NOT_ASKED", candidate: 0.3 });
    expect(kept.active).toEqual({ versionId: "old", validation: 0.2 });
  });

  it.each<[string, Partial<TrainedVersion>, Partial<TrainedVersion>]>([
    ["they were trained on different data", { dataHash: "d2" }, {}],
    ["they were trained on different data", { dataHash: null }, { dataHash: null }],
    ["they have different splits", { config: { split: "random" } }, {}],
    [
      "they have different splits",
      { config: { split: "random" }, seed: 2 },
      { config: { split: "random" } },
    ],
    ["one of them was not measured on validation", { metrics: null }, {}],
    [
      "one of them was not measured on validation",
      {},
      { metrics: { validation: { "ndcg@10": null } } },
    ],
  ])("does not compare when %s, and reports it", (notComparable, candidate, other) => {
    const activation = activationOf(
      version("new", 0.1, candidate),
      version("old", 0.2, other),
      null,
    );
    expect(activation).toMatchObject({
      isActivated: true,
      reason: "NOT_COMPARABLE",
      notComparable,
    });
    expect(activationText(activation)).toContain(`not comparable: ${notComparable}`);
  });

  it("compares versions with different seeds where the split does not depend on them", () => {
    expect(activationOf(version("new", 0.1, { seed: 2 }), active, null).reason).toBe("WORSE");
  });

  it("activates the first version, and leaves an active one alone", () => {
    expect(activationOf(version("new", 0.1), null, null).reason).toBe("FIRST");
    expect(activationOf(active, active, false)).toMatchObject({
      isActivated: true,
      reason: "ALREADY_ACTIVE",
    });
  });

  it("reports both metrics and the next step", () => {
    expect(activationText(activationOf(version("new", 0.19), active, null))).toBe(
      "Not active: it is worse than the active version. Activate it with `--activate`, or `vitrine rankers activate`. " +
        "Validation ndcg@10: this version 0.1900, the active one 0.2000 (old).",
    );
    expect(activationText(activationOf(version("new", null), null, null))).toBe(
      "Active: it is the first version. Validation ndcg@10: -.",
    );
  });
});
