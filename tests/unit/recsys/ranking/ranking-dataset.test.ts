import { defaultFeedbackRules } from "../../../../src/config/feedback-rules.js";
import {
  type InteractionEntry,
  rankingDataset,
  trainStrengths,
} from "../../../../src/recsys/ranking/ranking-dataset.js";

function entry(userId: string, itemId: string, day: number, rest: Partial<InteractionEntry> = {}) {
  const occurredAt = new Date(Date.UTC(2026, 0, day));
  return { userId, itemId, kind: "LIKE", weight: 1, occurredAt, ...rest };
}

describe("rankingDataset()", () => {
  it("indexes users and items by id, and orders choices by time", () => {
    const dataset = rankingDataset(
      [entry("u2", "b", 3), entry("u1", "c", 2), entry("u2", "a", 5)],
      {},
    );
    expect(dataset).toMatchObject({
      userIds: ["u1", "u2"],
      itemIds: ["a", "b", "c"],
      timelines: [[2], [1, 0]],
    });
  });

  it("does not depend on the order of the rows", () => {
    const rows = [entry("u2", "b", 3), entry("u1", "c", 2), entry("u2", "a", 5)];
    expect(rankingDataset([...rows].reverse(), {}).dataHash).toBe(
      rankingDataset(rows, {}).dataHash,
    );
  });

  it("counts an item once, from its first choice", () => {
    const rows = [entry("u", "b", 4), entry("u", "a", 1), entry("u", "b", 9), entry("u", "a", 8)];
    expect(rankingDataset(rows, {}).timelines).toEqual([[0, 1]]);
  });

  it("applies the shop's rules for choices", () => {
    const rows = [
      entry("u", "good", 1, { kind: "RATING", weight: 4 }),
      entry("u", "bad", 2, { kind: "RATING", weight: 3 }),
      entry("u", "seen", 3, { kind: "VIEW" }),
    ];
    expect(rankingDataset(rows, {}).itemIds).toEqual(["good", "seen"]);
    const feedback = { ...defaultFeedbackRules, likedFrom: 3 };
    expect(rankingDataset(rows, {}, { feedback }).itemIds).toEqual(["bad", "good", "seen"]);
  });

  it("has strengths with a mean of 1, where they differ", () => {
    const rows = [
      entry("u1", "a", 1, { kind: "PURCHASE" }),
      entry("u1", "b", 2, { kind: "VIEW" }),
      entry("u2", "b", 3, { kind: "PURCHASE", weight: 0.25 }),
    ];
    const dataset = rankingDataset(rows, {});
    expect(dataset.strengths).toEqual([
      [expect.closeTo(3 / 1.45, 12), expect.closeTo(0.6 / 1.45, 12)],
      [expect.closeTo(0.75 / 1.45, 12)],
    ]);
    const train = [Int32Array.of(1), Int32Array.of(1)];
    expect(trainStrengths(dataset, train)).toEqual([
      Float32Array.of(0.6 / 1.45),
      Float32Array.of(0.75 / 1.45),
    ]);
    const other = { ...defaultFeedbackRules, halfLifeDays: 1 };
    expect(rankingDataset(rows, {}, { feedback: other }).dataHash).not.toBe(dataset.dataHash);
  });

  it("has no strengths where all are equal", () => {
    const views = ["a", "b", "c"].map((item, n) => entry("u", item, n + 1, { kind: "VIEW" }));
    const likes = views.map(row => ({ ...row, kind: "LIKE" }));
    expect(rankingDataset(views, {}).strengths).toBeUndefined();
    expect(trainStrengths(rankingDataset(views, {}), [Int32Array.of(0)])).toBeUndefined();
    expect(rankingDataset(views, {}).dataHash).toBe(rankingDataset(likes, {}).dataHash);
  });

  it("includes unchosen items with an embedding; zeros where a modality is missing", () => {
    const { itemIds, modalities } = rankingDataset([entry("u", "b", 1)], {
      visual: [{ itemId: "a", vector: Float32Array.of(1, 2) }],
      textual: [],
    });
    expect(itemIds).toEqual(["a", "b"]);
    expect(modalities).toEqual([
      { name: "visual", features: { shape: [2, 2], values: Float32Array.of(1, 2, 0, 0) } },
    ]);
  });

  it("keeps the core in which every user and item has enough choices", () => {
    // u3 has one choice; without it c has one chooser; without c, u2 still has two.
    const rows = ["u1 a", "u1 b", "u2 a", "u2 b", "u2 c", "u3 c"].map(pair => {
      const [user, item] = pair.split(" ");
      return entry(user, item, 1);
    });
    const visual = [{ itemId: "z", vector: Float32Array.of(1) }];
    expect(rankingDataset(rows, { visual }, { coreSize: 2 })).toMatchObject({
      userIds: ["u1", "u2"],
      itemIds: ["a", "b"],
      modalities: [],
    });
  });

  it("refuses embeddings of different lengths", () => {
    const visual = [1, 2].map(length => ({
      itemId: `i${length}`,
      vector: new Float32Array(length),
    }));
    expect(() => rankingDataset([], { visual })).toThrow("expected visual embeddings of 1, got 2");
  });
});
