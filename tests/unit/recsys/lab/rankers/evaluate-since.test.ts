/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { defaultFeedbackRules } from "../../../../../src/config/feedback-rules.js";
import { Ease } from "../../../../../src/ml/ranking/ease.js";
import { Popularity } from "../../../../../src/ml/ranking/popularity.js";
import type { Recommender } from "../../../../../src/ml/ranking/recommender.js";
import { evaluateSince } from "../../../../../src/recsys/lab/rankers/evaluate-since.js";
import type { LoadedRanker } from "../../../../../src/recsys/ranking/ranker-artefact.js";
import {
  type InteractionEntry,
  rankingDataset,
} from "../../../../../src/recsys/ranking/ranking-dataset.js";

const day = (number: number) => new Date(Date.UTC(2026, 0, number));
const like = (userId: string, itemId: string, number: number): InteractionEntry => ({
  userId,
  itemId,
  kind: "LIKE",
  weight: 1,
  occurredAt: day(number),
});

/** Items a and b go together, and so do c and d; c and d are the popular ones. */
const before = [
  ...["u1", "u2", "u3"].flatMap(user => [like(user, "a", 1), like(user, "b", 2)]),
  ...["v1", "v2", "v3", "v4", "v5"].flatMap(user => [like(user, "c", 1), like(user, "d", 2)]),
  like("x", "a", 3),
  like("y", "c", 3),
];
const options = { since: day(4), feedback: defaultFeedbackRules, cutoffs: [1] };

async function trained(
  name: string,
  model: Recommender,
  rows = before,
): Promise<{ name: string; ranker: LoadedRanker; trainedUntil: Date }> {
  const { itemIds, timelines, until, userIds } = rankingDataset(rows, {});
  const train = timelines.map(items => Int32Array.from(items).sort());
  await model.fit({ numUsers: userIds.length, numItems: itemIds.length, train });
  const chosenOf = (user: number) => timelines[user].map(item => itemIds[item]).sort();
  const ranker: LoadedRanker = {
    versionId: name,
    model,
    itemIds,
    itemIndexOf: new Map(itemIds.map((id, index) => [id, index])),
    userIndexOf: new Map(userIds.map((id, index) => [id, index])),
    numChosen: timelines.map(items => items.length),
    hadChosen: (user, chosen) => [...chosen].sort().join() === chosenOf(user).join(),
    feedback: defaultFeedbackRules,
    dataUntil: until,
  };
  return { name, ranker, trainedUntil: until! };
}

describe("evaluateSince", () => {
  it("measures all versions on the choices after the newest training", async () => {
    const versions = [
      await trained("popularity", new Popularity()),
      await trained("EASE", new Ease({ lambda: 1 })),
    ];
    // By the company of their one item, both users' next choice is clear. By popularity only y's is.
    const rows = [...before, like("x", "b", 5), like("y", "d", 5)];
    const report = await evaluateSince(versions, rows, { ...options, since: day(1) });
    expect(report).toMatchObject({
      from: new Date(day(3).getTime() + 1),
      numUsers: 2,
      numInteractions: 2,
      numItems: 4,
      leftOut: { newItems: 0, unknownUsers: 0 },
    });
    const hits = report.evaluations.map(({ byUser }) => byUser.map(own => own["hit@1"]));
    expect(hits).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it("ranks by a user's choices up to the time, also those after the training", async () => {
    const versions = [await trained("EASE", new Ease({ lambda: 1 }))];
    // "new" was in no training; its choice of day 5 is history, and masked.
    const rows = [...before, like("new", "c", 5), like("new", "d", 8)];
    const { evaluations, numUsers } = await evaluateSince(versions, rows, {
      ...options,
      since: day(6),
    });
    expect(numUsers).toBe(1);
    expect(evaluations[0].byUser[0]["hit@1"]).toBe(1);
  });

  it("ranks the items that all versions have, and counts what it leaves out", async () => {
    const versions = [
      await trained("old", new Popularity()),
      await trained("newer", new Popularity(), [...before, like("y", "e", 4)]),
    ];
    const rows = [
      ...before,
      like("y", "e", 4),
      like("x", "e", 6), // only the newer version ranks it
      like("x", "b", 6),
      like("stranger", "a", 6), // no choice before: no version can score
    ];
    const report = await evaluateSince(versions, rows, options);
    expect(report).toMatchObject({
      numUsers: 1,
      numInteractions: 1,
      numItems: 4,
      leftOut: { newItems: 1, unknownUsers: 1 },
    });
  });

  it("refuses to compare on nothing, naming the time", async () => {
    const versions = [await trained("popularity", new Popularity())];
    await expect(evaluateSince(versions, before, options)).rejects.toMatchObject({
      code: "NOTHING_SINCE",
      message: expect.stringContaining("2026-01-04T00:00:00.000Z") as string,
    });
  });
});
