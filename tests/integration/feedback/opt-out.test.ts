/** @file What is stored of users who opted out of personalisation is read by nothing that personalises. */
import { beforeAll, beforeEach, expect, it } from "@jest/globals";
import type { Database } from "../../../src/db/database.js";
import { ErasureRepository } from "../../../src/db/erasure.repository.js";
import { InteractionsRepository } from "../../../src/db/interactions.repository.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { RankingQueries } from "../../../src/db/ranking-queries.js";
import { StudiesRepository } from "../../../src/db/studies.repository.js";
import { UsersRepository } from "../../../src/db/users.repository.js";
import { interactionsPart } from "../../../src/recsys/import/import-parts.js";
import { InteractionRecordingService } from "../../../src/recsys/interactions/interaction-recording.service.js";
import { RecommendationService } from "../../../src/recsys/ranking/recommendation.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const at = new Date("2026-01-02T03:04:05Z");

describeOnEveryDatabase("a user who opted out", open => {
  let db: Database;
  const users = () => new UsersRepository(db.prisma);
  const queries = () => new RankingQueries(db.pool);
  const interactions = () => new InteractionsRepository(db.prisma);
  const like = (userId: string, itemId: string) => ({
    ...{ userId, itemId, weight: 1, occurredAt: at },
    kind: "LIKE" as const,
  });

  beforeAll(async () => {
    db = await open();
  });
  beforeEach(async () => {
    await db.prisma.user.deleteMany();
    await db.prisma.item.deleteMany();
    await db.prisma.item.createMany({ data: ["cup", "pot", "pan"].map(id => ({ id, title: id })) });
    await users().upsertMany([
      { id: "ann", isSimulated: true },
      { id: "ben", isSimulated: true },
    ]);
    await interactions().insertMany([like("ann", "cup"), like("ann", "pot"), like("ben", "pan")]);
    await users().setOptedOut("ann", at);
  });

  async function trained(): Promise<string[]> {
    const read: string[] = [];
    for await (const batch of interactions().streamAll(1)) {
      read.push(...batch.map(({ itemId, userId }) => `${userId} ${itemId}`));
    }
    return read;
  }

  it("teaches no model, makes nothing popular, has no history, and is in no sampled study", async () => {
    expect(await trained()).toEqual(["ben pan"]);
    expect(await queries().findPopularItems()).toEqual([{ itemId: "pan", strength: 1 }]);
    expect(await queries().historyOf("ann", 10)).toEqual([]);
    expect(await new StudiesRepository(db.prisma).findSimulatedUserIds()).toEqual(["ben"]);
    await users().setOptedOut("ann", null);
    expect(await trained()).toEqual(["ann cup", "ann pot", "ben pan"]);
    expect(await queries().findPopularItems()).toHaveLength(3);
    expect(await queries().historyOf("ann", 10)).toHaveLength(2);
    expect(await new StudiesRepository(db.prisma).findSimulatedUserIds()).toEqual(["ann", "ben"]);
  });

  it("is recommended what most users chose, as an unknown visitor is", async () => {
    const service = new RecommendationService({
      rankers: { active: async () => null },
      interactions: queries(),
      content: { likeThese: () => [{ itemId: "pot", score: 1 }] },
      items: { filter: (ids, filter) => queries().filterItems(ids, filter) },
    });
    const unknown = await service.recommend("nobody", 5);
    expect(await service.recommend("ann", 5)).toEqual(unknown);
    expect(unknown.source).toBe("POPULARITY");
    await users().setOptedOut("ann", null);
    expect((await service.recommend("ann", 5)).source).toBe("CONTENT");
  });

  it("has nothing new recorded, by the API or by imports", async () => {
    const recording = new InteractionRecordingService({
      users: users(),
      items: new ItemsRepository(db.prisma),
      interactions: interactions(),
    });
    const outcome = await recording.record([like("ann", "pan"), like("ben", "cup")]);
    expect(outcome).toMatchObject({
      accepted: 1,
      rejected: [{ index: 0, code: "USER_OPTED_OUT" }],
    });
    const part = interactionsPart({} as never);
    const rows = [like("ann", "pan"), like("ben", "pot")];
    const refusals = await db.prisma.$transaction(transaction => part.store(transaction, rows));
    expect(refusals).toEqual([expect.stringContaining("opted out"), null]);
    expect(await interactions().insertMany([like("ann", "pan")])).toBe(0);
    expect(await db.prisma.interaction.count({ where: { userId: "ann" } })).toBe(2);
    expect(await db.prisma.interaction.count({ where: { userId: "ben" } })).toBe(3);
  });

  it.each([
    ["a guest who opted out", "ann", "ben"],
    ["a guest, when they opted out themselves,", "ben", "ann"],
  ])("gets nothing from %s, and is opted out after the login", async (_, from, into) => {
    const erasure = new ErasureRepository(db.prisma);
    expect(await erasure.mergeUsers(from, into)).toMatchObject({ ids: [from], numMoved: 0 });
    expect((await users().findById(into))!.optedOutAt).toEqual(at);
    expect(await trained()).toEqual([]);
  });

  it("keeps the time of the first call, and may be a user who was unknown", async () => {
    const later = new Date(at.getTime() + 60_000);
    expect((await users().setOptedOut("ann", later)).optedOutAt).toEqual(at);
    expect(await users().setOptedOut("cid", later)).toMatchObject({ id: "cid", optedOutAt: later });
    expect(await users().findOptedOut(["ann", "ben", "cid", "dan"])).toEqual(
      new Set(["ann", "cid"]),
    );
  });
});
