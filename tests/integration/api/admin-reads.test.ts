/** @file What the admin page reads: numbers, rank changes by group and as CSV, shoppers, imports and result files. */
import { randomUUID } from "node:crypto";
import { beforeAll, expect, it } from "@jest/globals";
import { FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { ImportRunsRepository } from "../../../src/db/import-runs.repository.js";
import { RejectLog } from "../../../src/recsys/import/reject-log.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { Api, type Execute, itemId, numItems } from "./api-fixture.js";

describeOnEveryDatabase("what the admin page reads", open => {
  let api: Api;
  let execute: Execute;

  beforeAll(async () => {
    api = await Api.create(await open());
    execute = await api.execute();
  });

  async function read<Data>(query: string, as = "RECOMMENDER"): Promise<Data> {
    const { data, errors } = await execute<Data>(query, { as });
    expect(errors).toEqual([]);
    return data!;
  }

  async function codeOf(query: string, as = "RECOMMENDER"): Promise<unknown> {
    return (await execute(query, { as })).errors[0]?.extensions?.code;
  }

  it("counts the shop", async () => {
    const { prisma } = api.db;
    const { id } = await prisma.job.create({
      data: { id: randomUUID(), kind: "INDEX", payload: {} },
    });
    await prisma.imageRefusal.create({
      data: {
        requestKey: "f".repeat(64),
        userId: "ben",
        itemId: itemId(1),
        reason: "MASK_IMPLAUSIBLE",
        rankingModelVersionId: api.versionId,
      },
    });
    const query = (since: string) => `{ overview(since: "${since}") {
      numItems numAvailableItems numIndexedItems numUsers numInteractions numImages
      jobs { kind state count } outcomes { reason count } } }`;
    expect(await read(query("2020-01-01T00:00:00Z"))).toEqual({
      overview: {
        numItems,
        numAvailableItems: numItems,
        numIndexedItems: 0,
        numUsers: 2,
        numInteractions: numItems,
        numImages: 4 * numItems,
        jobs: [{ kind: "INDEX", state: "QUEUED", count: 1 }],
        outcomes: [
          { reason: "SHOWN", count: 4 * numItems },
          { reason: "MASK_IMPLAUSIBLE", count: 1 },
        ],
      },
    });
    expect(await read(query("2999-01-01T00:00:00Z"))).toMatchObject({ overview: { outcomes: [] } });
    await prisma.job.delete({ where: { id } });
    await prisma.imageRefusal.deleteMany();
  });

  it("summarizes rank changes by category, day and version", async () => {
    interface Groups {
      rankChangeGroups: {
        key: string;
        summary: { count: number; mean: number; median95: object };
      }[];
    }
    const fields = `key summary { modelVersionId count mean median95 { low high } winRate95 { low high }
      withFallback { mean median95 { low high } } requests { count } }`;
    const groupsBy = async (by: string, filter = "") =>
      (await read<Groups>(`{ rankChangeGroups(by: ${by}${filter}) { ${fields} } }`))
        .rankChangeGroups;
    const whole = await read<{ rankChangeSummary: { count: number; mean: number } }>(
      "{ rankChangeSummary { count mean } }",
    );
    const categories = await groupsBy("CATEGORY");
    expect(categories.map(({ key }) => key)).toEqual(["even", "odd"]);
    const [even, odd] = categories.map(({ summary }) => summary);
    expect(even.count + odd.count).toBe(whole.rankChangeSummary.count);
    expect(
      (even.mean * even.count + odd.mean * odd.count) / whole.rankChangeSummary.count,
    ).toBeCloseTo(whole.rankChangeSummary.mean);
    expect((await groupsBy("DAY")).map(({ key, summary }) => [key, summary.count])).toEqual([
      ["2026-02-01", 4 * numItems],
    ]);
    const [version] = await groupsBy("MODEL_VERSION");
    expect(version).toMatchObject({ key: api.versionId, summary: { count: 4 * numItems } });
    expect(version.summary.mean).toBeCloseTo(whole.rankChangeSummary.mean);
    expect(await groupsBy("CATEGORY", `, filter: { category: "odd" }`)).toEqual([categories[1]]);
    expect(await groupsBy("DAY", `, filter: { to: "2026-01-01T00:00:00Z" }`)).toEqual([]);
    expect(
      await codeOf(
        `{ rankChangeGroups(by: DAY, filter: { modelVersionId: "${randomUUID()}" }) { key } }`,
      ),
    ).toBe("MODEL_VERSION_NOT_FOUND");
  });

  it("exports rank changes as CSV that no spreadsheet runs", async () => {
    const { prisma } = api.db;
    const title = `=HYPERLINK("http://evil.example"), "x"`;
    await prisma.item.update({ where: { id: itemId(2) }, data: { title } });
    const { rankChangesCsv } = await read<{ rankChangesCsv: string }>(
      `{ rankChangesCsv(filter: { itemId: "${itemId(2)}" }) }`,
    );
    const [heading, first, ...rest] = rankChangesCsv.trimEnd().split("\n");
    expect(heading).toMatch(/^id,created_at,version_id,algorithm,user_id,item_id,title,/);
    expect(rest).toHaveLength(3);
    expect(first).toContain(`,"'=HYPERLINK(""http://evil.example""), ""x""",even,`);
    const all = await read<{ rankChangesCsv: string }>("{ rankChangesCsv }");
    expect(all.rankChangesCsv.trimEnd().split("\n")).toHaveLength(4 * numItems + 1);
    const odd = `{ rankChanges(first: 100, filter: { category: "odd" }) { edges { node { deltaR } } } }`;
    expect((await read<{ rankChanges: { edges: [] } }>(odd)).rankChanges.edges).toHaveLength(
      2 * numItems,
    );
  });

  it("finds shoppers by the beginning of their id", async () => {
    const ids = async (search: string) =>
      (
        await read<{ users: { edges: { node: { id: string } }[] } }>(
          `{ users(search: ${JSON.stringify(search)}) { edges { node { id } } } }`,
        )
      ).users.edges.map(({ node }) => node.id);
    expect(await ids("an")).toEqual(["anna"]);
    expect(await ids("%")).toEqual([]);
    expect((await ids("")).sort()).toEqual(["anna", "ben"]);
    expect(await codeOf(`{ users { edges { node { id } } } }`, "STOREFRONT")).toBe("FORBIDDEN");
  });

  it("gives a shopper everything that is stored of them, and nothing of others", async () => {
    interface Exported {
      exportUser: { user: object; interactions: unknown[]; images: { rankChanges: unknown[] }[] };
    }
    const { exportUser } = await read<Exported>(`{ exportUser(userId: "anna") }`, "ADMIN");
    expect(exportUser.user).toMatchObject({ id: "anna" });
    expect(exportUser.interactions).toHaveLength(numItems);
    expect(exportUser.images).toHaveLength(2 * numItems);
    expect(exportUser.images[0].rankChanges).toHaveLength(1);
    expect(JSON.stringify(exportUser)).not.toContain('"ben"');
    expect(await codeOf(`{ exportUser(userId: "nobody") }`, "ADMIN")).toBe("USER_NOT_FOUND");
    expect(await codeOf(`{ exportUser(userId: "anna") }`)).toBe("FORBIDDEN");
  });

  it("lists imports with the rows that they rejected", async () => {
    const runs = new ImportRunsRepository(api.db.prisma);
    const store = new FolderArtefactStore(`${api.importsFolder}/..`);
    const cursor = { source: "/data/spring", files: {}, rows: {} };
    const first = await runs.create({ kind: "catalogue", fingerprint: "a".repeat(64), cursor });
    const run = await runs.create({ kind: "catalogue", fingerprint: "b".repeat(64), cursor });
    await runs.complete({ id: run.id, counts: { items: { accepted: 7, rejected: 3 } } });
    const rejects = [1, 2, 3].map(line => ({
      ...{ part: "items", file: "items.csv", line, reason: "it has no title" },
      row: { id: String(line) },
    }));
    await new RejectLog(store, run.id).append(rejects, 0);
    const fields = "id kind source state parts { name accepted rejected replaced }";
    const { importRuns } = await read<{ importRuns: { edges: { node: { id: string } }[] } }>(
      `{ importRuns { edges { node { ${fields} } } } }`,
      "ADMIN",
    );
    expect(importRuns.edges.map(({ node }) => node.id)).toEqual(
      expect.arrayContaining([first.id, run.id]),
    );
    expect(await read(`{ importRun(id: "${run.id}") { ${fields} } }`, "ADMIN")).toEqual({
      importRun: {
        ...{ id: run.id, kind: "catalogue", source: "/data/spring", state: "COMPLETE" },
        parts: [{ name: "items", accepted: 7, rejected: 3, replaced: 0 }],
      },
    });
    const rowsOf = (id: string, page: string) =>
      `{ rejectedRows(importId: "${id}"${page}) { count rows { part file line reason row } } }`;
    expect(await read(rowsOf(run.id, ", offset: 1, first: 1"), "ADMIN")).toEqual({
      rejectedRows: {
        count: 3,
        rows: [{ ...rejects[1], row: '{"id":"2"}' }],
      },
    });
    expect(await codeOf(rowsOf(randomUUID(), ""), "ADMIN")).toBe("IMPORT_NOT_FOUND");
    expect(await codeOf(rowsOf("../../secret", ""), "ADMIN")).toBe("IMPORT_NOT_FOUND");
    expect(await codeOf(rowsOf(run.id, ", first: 0"), "ADMIN")).toBe("PAGE_SIZE");
  });

  it("reads result files of experiments, and no other file", async () => {
    const store = new FolderArtefactStore(`${api.importsFolder}/..`);
    await store.put("results/reward.json", Buffer.from('{"arms":[1]}'));
    await store.put("results/broken.json", Buffer.from("{"));
    await store.put("token-secret.json", Buffer.from("{}"));
    expect(await read("{ resultFiles { name sizeBytes } }")).toEqual({
      resultFiles: [
        { name: "broken", sizeBytes: 1 },
        { name: "reward", sizeBytes: 12 },
      ],
    });
    expect(await read(`{ resultFile(name: "reward") }`)).toEqual({ resultFile: { arms: [1] } });
    expect(await codeOf(`{ resultFile(name: "broken") }`)).toBe("FILE_MALFORMED");
    expect(await codeOf(`{ resultFile(name: "../token-secret") }`)).toBe("FILE_NOT_FOUND");
  });
});
