import { defaultFeedbackRules } from "../../../../src/config/feedback-rules.js";
import {
  type InteractionEntry,
  rankingDataset,
} from "../../../../src/recsys/ranking/ranking-dataset.js";

function entry(userId: string, itemId: string, day: number, rest: Partial<InteractionEntry> = {}) {
  const occurredAt = new Date(Date.UTC(2026, 0, day));
  return { userId, itemId, kind: "LIKE", weight: 1, occurredAt, ...rest };
}

describe("rankingDataset()", () => {
  it("gives users and items indices in the order of their ids, and items in the order of time", () => {
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

  it("counts an item once, from the first time it was chosen", () => {
    const rows = [entry("u", "b", 4), entry("u", "a", 1), entry("u", "b", 9), entry("u", "a", 8)];
    expect(rankingDataset(rows, {}).timelines).toEqual([[0, 1]]);
  });

  it("takes what is a choice by the shop's rules", () => {
    const rows = [
      entry("u", "good", 1, { kind: "RATING", weight: 4 }),
      entry("u", "bad", 2, { kind: "RATING", weight: 3 }),
      entry("u", "seen", 3, { kind: "VIEW" }),
    ];
    expect(rankingDataset(rows, {}).itemIds).toEqual(["good", "seen"]);
    const feedback = { ...defaultFeedbackRules, likedFrom: 3 };
    expect(rankingDataset(rows, {}, { feedback }).itemIds).toEqual(["bad", "good", "seen"]);
  });

  it("has items that nobody chose, if they can be seen or read; zeros where a modality is missing", () => {
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
