/** @file Pages: their cost in statements, their order, and rows inserted between two of them. */
import { randomUUID } from "node:crypto";
import { beforeAll, expect, it } from "@jest/globals";
import { PersonalizedImagesRepository } from "../../../src/db/personalized-images.repository.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { type Answer, Api, type Execute, itemId, numItems } from "./api-fixture.js";

interface ItemPage {
  items: {
    edges: { cursor: string; node: { id: string } }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  };
}

describeOnEveryDatabase("pages", open => {
  let api: Api;
  let execute: Execute;
  let statements: string[];

  beforeAll(async () => {
    statements = [];
    api = await Api.create(await open({ onStatement: sql => statements.push(sql) }));
    execute = await api.execute();
  });

  async function statementsFor(query: string, variables: Record<string, unknown>) {
    await execute("{ health }", { as: "STOREFRONT" }); // the key's last use is noted now, not in what is counted
    await new Promise(setImmediate);
    statements.length = 0;
    const answer = await execute(query, { as: "RECOMMENDER", variables });
    expect(answer.errors).toEqual([]);
    return { count: statements.length, data: answer.data };
  }

  it("needs a constant number of statements for any number of items", async () => {
    const query = `query ($first: Int!) {
      items(first: $first) {
        edges { node {
          id image { url(width: 200) widthPixels } caption { text }
          rankChanges(first: 3) { edges { node { deltaR modelVersion { algorithm } image { id } } } }
          personalizedImages(first: 5) {
            edges { node { url file { mediaType } rankChange { deltaR } user { id } explanation { retrieved { item { title } } } } }
          }
        } }
      }
    }`;
    await execute(query, { as: "RECOMMENDER", variables: { first: 1 } });
    const few = await statementsFor(query, { first: 5 });
    const many = await statementsFor(query, { first: 20 });
    expect(few.count).toBeGreaterThan(0);
    expect(many.count).toBe(few.count);
    expect(many.count).toBeLessThanOrEqual(20);
    const { edges } = (many.data as unknown as ItemPage).items;
    expect(edges).toHaveLength(20);
    expect(edges[0].node).toMatchObject({
      id: itemId(0),
      image: { url: `/images/${api.blobHash}?width=256`, widthPixels: 320 },
      caption: { text: "a picture of item-00" },
      rankChanges: { edges: [{}, {}, {}] },
      personalizedImages: { edges: [{}, {}, {}, {}] },
    });
  });

  it("returns every item once and in order while items are added", async () => {
    const query = `query ($after: String) {
      items(first: 7, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } }
    }`;
    const seen: string[] = [];
    let after: string | null = null;
    for (let page = 0; page < 20; page++) {
      const { data }: Answer<ItemPage> = await execute<ItemPage>(query, {
        as: "STOREFRONT",
        variables: { after },
      });
      seen.push(...data!.items.edges.map(({ node }) => node.id));
      if (page === 0) {
        // One before what was read, one at the same time as the last row read, one after all.
        const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
        await api.db.prisma.item.createMany({
          data: [
            { id: "before", title: "", createdAt: at(-5), updatedAt: at(0) },
            { id: "item-00b", title: "", createdAt: at(2), updatedAt: at(0) },
            { id: "zz-after", title: "", createdAt: at(99), updatedAt: at(0) },
          ],
        });
      }
      after = data!.items.pageInfo.endCursor;
      if (!data!.items.pageInfo.hasNextPage) {
        break;
      }
    }
    await api.db.prisma.item.deleteMany({
      where: { id: { in: ["before", "item-00b", "zz-after"] } },
    });
    expect(seen).toEqual([
      ...Array.from({ length: numItems }, (_, index) => itemId(index)),
      "zz-after",
    ]);
  });

  it("pages through the lists of an item and a user", async () => {
    const query = `query ($images: String, $changes: String, $history: String) {
      item(id: "item-03") {
        personalizedImages(first: 3, after: $images) { edges { node { id createdAt } } pageInfo { endCursor hasNextPage } }
        rankChanges(first: 3, after: $changes) { edges { node { id createdAt } } pageInfo { endCursor hasNextPage } }
      }
      user(id: "anna") {
        history(first: 23, after: $history) { edges { node { item { id } occurredAt } } pageInfo { endCursor hasNextPage } }
      }
    }`;
    interface Page {
      edges: { node: { id: string; createdAt: string } }[];
      pageInfo: { endCursor: string; hasNextPage: boolean };
    }
    interface Data {
      item: { personalizedImages: Page; rankChanges: Page };
      user: { history: Page };
    }
    const first = (await execute<Data>(query, { as: "STOREFRONT" })).data!;
    const second = (
      await execute<Data>(query, {
        as: "STOREFRONT",
        variables: {
          images: first.item.personalizedImages.pageInfo.endCursor,
          changes: first.item.rankChanges.pageInfo.endCursor,
          history: first.user.history.pageInfo.endCursor,
        },
      })
    ).data!;
    for (const pick of [
      (data: Data) => data.item.personalizedImages,
      (data: Data) => data.item.rankChanges,
    ]) {
      const all = [...pick(first).edges, ...pick(second).edges].map(({ node }) => node);
      expect(new Set(all.map(({ id }) => id)).size).toBe(4);
      const times = all.map(({ createdAt }) => createdAt);
      expect(times).toEqual([...times].sort().reverse());
      expect(pick(first).pageInfo.hasNextPage).toBe(true);
      expect(pick(second).pageInfo.hasNextPage).toBe(false);
    }
    expect(first.user.history.edges).toHaveLength(23);
    expect(second.user.history.edges).toHaveLength(1);
  });

  it("sorts, filters and pages rank changes, and refuses a cursor of another order", async () => {
    const query = `query ($after: String, $direction: SortDirection!) {
      rankChanges(first: 40, after: $after, filter: { userId: "anna" }, sort: { field: DELTA_R, direction: $direction }) {
        edges { node { id deltaR image { user { id } } } } pageInfo { endCursor hasNextPage }
      }
    }`;
    interface Data {
      rankChanges: {
        edges: { node: { id: string; deltaR: number; image: { user: { id: string } } } }[];
        pageInfo: { endCursor: string; hasNextPage: boolean };
      };
    }
    const all: Data["rankChanges"]["edges"] = [];
    let after: string | null = null;
    do {
      const { data, errors }: Answer<Data> = await execute<Data>(query, {
        as: "RECOMMENDER",
        variables: { after, direction: "DESC" },
      });
      expect(errors).toEqual([]);
      all.push(...data!.rankChanges.edges);
      after = data!.rankChanges.pageInfo.hasNextPage ? data!.rankChanges.pageInfo.endCursor : null;
    } while (after);
    const deltas = all.map(({ node }) => node.deltaR);
    expect(deltas).toHaveLength(numItems * 2);
    expect(deltas).toEqual([...deltas].sort((a, b) => b - a));
    expect(new Set(all.map(({ node }) => node.id)).size).toBe(numItems * 2);
    expect(new Set(all.map(({ node }) => node.image.user.id))).toEqual(new Set(["anna"]));

    const { data } = await execute<Data>(query, {
      as: "RECOMMENDER",
      variables: { direction: "DESC" },
    });
    const wrong = await execute(query, {
      as: "RECOMMENDER",
      variables: { direction: "ASC", after: data!.rankChanges.pageInfo.endCursor },
    });
    expect(wrong.errors).toMatchObject([{ extensions: { code: "INVALID_CURSOR" } }]);
  });

  it("summarises rank changes", async () => {
    const query = `query ($filter: RankChangeFilterInput) {
      rankChangeSummary(filter: $filter) { modelVersionId requests { count shown rankedLower belowQualityFloor unranked shownShare } count mean median winRate interval95 { low high } histogram { from to count } withFallback { fallbackRate mean median winRate interval95 { low high } } }
    }`;
    interface Data {
      rankChangeSummary: {
        requests: Record<string, number>;
        count: number;
        mean: number;
        interval95: { low: number; high: number };
        histogram: { from: number | null; count: number }[];
        withFallback: {
          fallbackRate: number;
          mean: number;
          interval95: { low: number; high: number };
        };
      };
    }
    const { data, errors } = await execute<Data>(query, { as: "RECOMMENDER" });
    expect(errors).toEqual([]);
    const { count, mean, interval95, histogram, withFallback } = data!.rankChangeSummary;
    expect(count).toBe(numItems * 4);
    expect(interval95.low).toBeLessThan(mean);
    expect(interval95.high).toBeGreaterThan(mean);
    expect(histogram.reduce((sum, bin) => sum + bin.count, 0)).toBe(count);
    expect(histogram[0].from).toBeNull();
    const rankedLower = await api.db.prisma.rankChange.count({ where: { deltaR: { lt: 0 } } });
    expect(data!.rankChangeSummary.requests).toEqual({
      count,
      shown: count - rankedLower,
      rankedLower,
      belowQualityFloor: 0,
      unranked: 0,
      shownShare: (count - rankedLower) / count,
    });
    expect(withFallback.fallbackRate).toBeCloseTo(rankedLower / count);
    expect(withFallback.mean).toBeGreaterThan(mean);
    const none = await execute(query, {
      as: "RECOMMENDER",
      variables: { filter: { to: "2001-01-01T00:00:00Z" } },
    });
    expect(none.data).toEqual({
      rankChangeSummary: {
        modelVersionId: api.versionId,
        requests: {
          count: 0,
          shown: 0,
          rankedLower: 0,
          belowQualityFloor: 0,
          unranked: 0,
          shownShare: null,
        },
        count: 0,
        mean: null,
        median: null,
        winRate: null,
        interval95: null,
        histogram: [],
        withFallback: {
          fallbackRate: null,
          mean: null,
          median: null,
          winRate: null,
          interval95: null,
        },
      },
    });
  });

  it("counts every decided request once, by the requested version", async () => {
    const { prisma } = api.db;
    const other = randomUUID();
    const userId = "anna";
    const itemId = "item-03";
    await prisma.rankingModelVersion.create({
      data: { id: other, algorithm: "LightGCN", config: {}, seed: 1 },
    });
    const [first, second] = await prisma.personalizedImage.findMany({ where: { userId, itemId } });
    const images = new PersonalizedImagesRepository(prisma, api.db.pool);
    const refuse = (key: string, rankingModelVersionId: string) =>
      images.refuse({
        requestKey: key.repeat(64),
        userId,
        itemId,
        reason: "BELOW_QUALITY_FLOOR",
        rankingModelVersionId,
      });
    const ask = async (modelVersionId?: string) => {
      const { data, errors } = await execute<{ rankChangeSummary: { requests: object } }>(
        `query Q($filter: RankChangeFilterInput) {
          rankChangeSummary(filter: $filter) {
            count requests { count shown rankedLower belowQualityFloor unranked shownShare } withFallback { fallbackRate }
          }
        }`,
        { as: "RECOMMENDER", variables: { filter: { userId, itemId, modelVersionId } } },
      );
      expect(errors).toEqual([]);
      return data!.rankChangeSummary;
    };
    const rank = (id: string, rankingModelVersionId: string, rankAfter: number) =>
      prisma.rankChange.create({
        data: {
          id: randomUUID(),
          personalizedImageId: id,
          rankingModelVersionId,
          rankBefore: 9,
          rankAfter,
          scoreBefore: 0,
          scoreAfter: 0,
          numRanked: 100,
          deltaR: (9 - rankAfter) / 10,
        },
      });
    try {
      // By the other version: one image that it could not rank, and one request below the floor.
      const made = { rankingModelVersionId: other };
      await prisma.personalizedImage.update({ where: { id: second.id }, data: made });
      await prisma.rankChange.deleteMany({ where: { personalizedImageId: second.id } });
      await refuse("e", other);
      await refuse("e", other); // repeated: one request
      expect(await ask(other)).toEqual({
        count: 0,
        requests: {
          count: 2,
          shown: 1,
          rankedLower: 0,
          belowQualityFloor: 1,
          unranked: 1,
          shownShare: 0.5,
        },
        withFallback: { fallbackRate: 0.5 },
      });
      // The active version ranked one image, and refused one request of its own.
      await refuse("f", api.versionId);
      const active = await ask();
      expect(active.requests).toMatchObject({ count: 2, belowQualityFloor: 1, unranked: 0 });
      // It ranks the other's image later, lower than before, and would not show it. The request that the other refused
      // now counts too.
      expect(second.isServed).toBe(true);
      await rank(second.id, api.versionId, 12);
      const later = await ask();
      expect(later.requests).toMatchObject({ count: 4, belowQualityFloor: 2 });
      const own = await prisma.rankChange.findFirstOrThrow({
        where: { personalizedImageId: first.id },
      });
      expect(later.requests).toMatchObject({ rankedLower: 1 + (own.deltaR < 0 ? 1 : 0) });
      expect(await ask(other)).toMatchObject({ requests: { count: 2, shown: 1 } });
    } finally {
      await prisma.imageRefusal.deleteMany();
      await prisma.rankChange.deleteMany({ where: { personalizedImageId: second.id } });
      await rank(second.id, api.versionId, 8);
      await prisma.rankingModelVersion.delete({ where: { id: other } });
    }
  });

  it("reports why an image has no rank change", async () => {
    const { prisma } = api.db;
    const blind = randomUUID();
    await prisma.rankingModelVersion.create({
      data: { id: blind, algorithm: "LightGCN", config: {}, seed: 1 },
    });
    const image = await prisma.personalizedImage.findFirstOrThrow({
      include: { rankChanges: true },
    });
    const reasonWith = async (rankingModelVersionId: string | null) => {
      await prisma.personalizedImage.update({
        where: { id: image.id },
        data: { rankingModelVersionId },
      });
      const { data } = await execute<{
        item: {
          personalizedImages: { edges: { node: { id: string; noRankChange: string | null } }[] };
        };
      }>(
        `query Q($id: ID!) { item(id: $id) { personalizedImages(first: 50) { edges { node { id noRankChange } } } } }`,
        { as: "RECOMMENDER", variables: { id: image.itemId } },
      );
      const { edges } = data!.item.personalizedImages;
      return edges.find(({ node }) => node.id === image.id)!.node.noRankChange;
    };
    try {
      expect(await reasonWith(api.versionId)).toBeNull();
      await prisma.rankChange.deleteMany({ where: { personalizedImageId: image.id } });
      expect(await reasonWith(null)).toBe("NO_RANKING_MODEL");
      expect(await reasonWith(blind)).toBe("MODEL_READS_NO_IMAGES");
      expect(await reasonWith(api.versionId)).toBe("UNKNOWN_TO_MODEL");
    } finally {
      await prisma.rankChange.createMany({ data: image.rankChanges });
      await prisma.personalizedImage.update({
        where: { id: image.id },
        data: { rankingModelVersionId: null },
      });
      await prisma.rankingModelVersion.delete({ where: { id: blind } });
    }
  });

  it("omits pictures that are not shown", async () => {
    const { prisma } = api.db;
    const { id, itemId } = await prisma.personalizedImage.findFirstOrThrow();
    await prisma.personalizedImage.update({ where: { id }, data: { isServed: false } });
    try {
      const { data } = await execute<{
        item: { personalizedImages: { edges: { node: { id: string } }[] } };
      }>(
        `query Q($itemId: ID!) { item(id: $itemId) { personalizedImages { edges { node { id } } } } }`,
        { as: "RECOMMENDER", variables: { itemId } },
      );
      expect(data!.item.personalizedImages.edges.map(({ node }) => node.id)).not.toContain(id);
    } finally {
      await prisma.personalizedImage.update({ where: { id }, data: { isServed: true } });
    }
  });

  it.each([
    ["-1", "PAGE_SIZE"],
    ["0", "PAGE_SIZE"],
    ["101", "PAGE_SIZE"],
    ['1, after: "nonsense"', "INVALID_CURSOR"],
    [
      `1, after: "${Buffer.from('["jobs","2026-01-01T00:00:00.000Z","x"]').toString("base64url")}"`,
      "INVALID_CURSOR",
    ],
    [
      `1, after: "${Buffer.from('["items","yesterday","x"]').toString("base64url")}"`,
      "INVALID_CURSOR",
    ],
    [`1, after: "${Buffer.from('["items"]').toString("base64url")}"`, "INVALID_CURSOR"],
  ])("refuses items(first: %s)", async (args, code) => {
    const { errors, status } = await execute(`{ items(first: ${args}) { edges { cursor } } }`, {
      as: "STOREFRONT",
    });
    expect(errors).toMatchObject([{ extensions: { code } }]);
    expect(status).toBe(400);
  });

  it("pages through recommendations and similar items by rank", async () => {
    const query = `query ($after: String) {
      recommendations(userId: "anna", first: 20, after: $after) {
        source edges { rank score cursor node { id } } pageInfo { hasNextPage endCursor }
      }
      similarItems(itemId: "item-00", first: 5) { edges { similarity node { id } } pageInfo { hasNextPage } }
    }`;
    interface Data {
      recommendations: {
        edges: { rank: number; node: { id: string } }[];
        pageInfo: { hasNextPage: boolean; endCursor: string };
      };
      similarItems: { edges: unknown[]; pageInfo: { hasNextPage: boolean } };
    }
    const first = (await execute<Data>(query, { as: "STOREFRONT" })).data!;
    const { endCursor } = first.recommendations.pageInfo;
    const second = (
      await execute<Data>(query, { as: "STOREFRONT", variables: { after: endCursor } })
    ).data!;
    expect(first.recommendations.edges.map(({ rank }) => rank)).toEqual(
      Array.from({ length: 20 }, (_, place) => place + 1),
    );
    expect(second.recommendations.edges.map(({ rank }) => rank)).toEqual([21, 22, 23, 24]);
    expect(second.recommendations.pageInfo.hasNextPage).toBe(false);
    expect(first.similarItems).toMatchObject({
      edges: { length: 5 },
      pageInfo: { hasNextPage: false },
    });
  });
});
