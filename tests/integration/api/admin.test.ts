/** @file What the admin page asks of the API: jobs to try again, the gallery of images, rejections, and the audit log. */
import { createHash, randomUUID } from "node:crypto";
import { beforeAll, expect, it } from "@jest/globals";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { Api, type Execute, itemId, numItems } from "./api-fixture.js";

interface Gallery {
  personalizedImages: {
    edges: {
      node: {
        id: string;
        isServed: boolean;
        rejection: { reason: string } | null;
        rankChange: { deltaR: number } | null;
        user: { id: string };
        item: { id: string };
      };
    }[];
    pageInfo: { endCursor: string | null; hasNextPage: boolean };
  };
}

interface Log {
  auditLog: {
    edges: {
      node: {
        actor: string;
        action: string;
        arguments: Record<string, unknown>;
        outcome: string;
        errorCode: string | null;
        finishedAt: string | null;
      };
    }[];
  };
}

const galleryQuery = `query ($filter: PersonalizedImageFilterInput, $first: Int! = 100, $after: String) {
  personalizedImages(filter: $filter, first: $first, after: $after) {
    edges { node { id isServed rejection { reason } rankChange { deltaR } user { id } item { id } } }
    pageInfo { endCursor hasNextPage }
  }
}`;

const logQuery = `query ($filter: AuditFilterInput) { auditLog(first: 50, filter: $filter) { edges { node {
  actor action arguments outcome errorCode finishedAt } } } }`;

describeOnEveryDatabase("the admin's part of the API", open => {
  let api: Api;
  let execute: Execute;

  beforeAll(async () => {
    api = await Api.create(await open());
    execute = await api.execute();
  });

  async function galleryOf(
    filter: object,
    first = 100,
    after: string | null = null,
  ): Promise<Gallery["personalizedImages"]> {
    const { data, errors } = await execute<Gallery>(galleryQuery, {
      as: "RECOMMENDER",
      variables: { filter, first, after },
    });
    expect(errors).toEqual([]);
    return data!.personalizedImages;
  }

  async function logOf(filter: object = {}): Promise<Log["auditLog"]["edges"][number]["node"][]> {
    const { data, errors } = await execute<Log>(logQuery, { as: "ADMIN", variables: { filter } });
    expect(errors).toEqual([]);
    return data!.auditLog.edges.map(({ node }) => node);
  }

  it("lists images by shopper, item, version and rank change", async () => {
    const all = await galleryOf({});
    expect(all.edges).toHaveLength(4 * numItems);
    const annas = await galleryOf({ userId: "anna", itemId: itemId(3) });
    expect(annas.edges.map(({ node }) => [node.user.id, node.item.id])).toEqual([
      ["anna", itemId(3)],
      ["anna", itemId(3)],
    ]);
    const deltas = all.edges.map(({ node }) => node.rankChange!.deltaR);
    const better = await galleryOf({ minDeltaR: 0.1, maxDeltaR: 0.15 });
    expect(better.edges).toHaveLength(deltas.filter(d => d >= 0.1 && d <= 0.15).length);
    expect(better.edges.length).toBeGreaterThan(0);
    expect((await galleryOf({ modelVersionId: randomUUID() })).edges).toEqual([]);
    expect((await galleryOf({ generator: "mini@1" })).edges).toHaveLength(4 * numItems);
    expect((await galleryOf({ isServed: false })).edges).toEqual([]);
  });

  it("lists images by a candidate's fault", async () => {
    const { prisma } = api.db;
    const { id, provenance } = await prisma.personalizedImage.findFirstOrThrow();
    const faulty = { ...(provenance as object), candidates: [{ faults: ["BLURRED", "NOISE"] }] };
    await prisma.personalizedImage.update({ where: { id }, data: { provenance: faulty } });
    const found = await galleryOf({ fault: "NOISE" });
    await prisma.personalizedImage.update({ where: { id }, data: { provenance: provenance! } });
    expect(found.edges.map(({ node }) => node.id)).toEqual([id]);
    expect((await galleryOf({ fault: `x" || true` })).edges).toEqual([]);
  });

  it("pages through the gallery without gaps and duplicates", async () => {
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const { edges, pageInfo }: Gallery["personalizedImages"] = await galleryOf({}, 7, after);
      seen.push(...edges.map(({ node }) => node.id));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after);
    expect(new Set(seen).size).toBe(4 * numItems);
    expect(seen).toHaveLength(4 * numItems);
  });

  it("refuses ids that are no UUIDs", async () => {
    const { errors } = await execute(galleryQuery, {
      as: "RECOMMENDER",
      variables: { filter: { modelVersionId: "1" } },
    });
    expect(errors[0].extensions).toMatchObject({ code: "MODEL_VERSION_NOT_FOUND" });
  });

  it("rejects a picture for everybody, once and for all", async () => {
    const { prisma } = api.db;
    const hash = createHash("sha256").update("an odd picture").digest("hex");
    await prisma.blob.create({
      data: { hash, mediaType: "image/png", sizeBytes: 1, widthPixels: 1, heightPixels: 1 },
    });
    const rows = await prisma.personalizedImage.findMany({ where: { itemId: itemId(5) } });
    await prisma.personalizedImage.updateMany({
      where: { itemId: itemId(5) },
      data: { blobHash: hash },
    });
    const reject = `mutation ($id: ID!, $reason: String!) { rejectImage(id: $id, reason: $reason) { id isServed rejection { reason } } }`;
    const id = rows[0].id;
    const empty = await execute(reject, { as: "ADMIN", variables: { id, reason: "  " } });
    expect(empty.errors[0].extensions).toMatchObject({ code: "INVALID_ARGUMENT" });
    const unknown = await execute(reject, {
      as: "ADMIN",
      variables: { id: randomUUID(), reason: "x" },
    });
    expect(unknown.errors[0].extensions).toMatchObject({ code: "PERSONALIZED_IMAGE_NOT_FOUND" });
    const low = await execute(reject, { as: "STOREFRONT", variables: { id, reason: "x" } });
    expect(low.errors[0].extensions).toMatchObject({ code: "FORBIDDEN" });

    const { data, errors } = await execute(reject, {
      as: "RECOMMENDER",
      variables: { id, reason: " a hand with six fingers " },
    });
    expect(errors).toEqual([]);
    const rejection = { reason: "a hand with six fingers" };
    expect(data).toEqual({ rejectImage: { id, isServed: false, rejection } });
    const gone = await galleryOf({ isRejected: true });
    expect(gone.edges.map(({ node }) => node.id).sort()).toEqual(rows.map(row => row.id).sort());
    const shown = await execute<{ item: { personalizedImages: { edges: unknown[] } } }>(
      `{ item(id: "${itemId(5)}") { personalizedImages { edges { node { id } } } } }`,
      { as: "STOREFRONT" },
    );
    expect(shown.data!.item.personalizedImages.edges).toEqual([]);
    const keys = await prisma.personalizedImage.findMany({
      where: { requestKey: { in: rows.map(({ requestKey }) => requestKey) } },
    });
    expect(keys).toEqual([]);
    await execute(reject, { as: "RECOMMENDER", variables: { id, reason: "again" } });
    expect(await prisma.imageRejection.findMany()).toMatchObject([
      { blobHash: hash, ...rejection },
    ]);

    const job = await prisma.job.create({
      data: {
        id: randomUUID(),
        kind: "PERSONALIZE_IMAGE",
        state: "SUCCEEDED",
        finishedAt: new Date(),
        payload: {},
        result: { imageId: id },
        userId: "anna",
        itemId: itemId(5),
      },
    });
    const told = await execute(
      `{ job(id: "${job.id}") { outcome { __typename ... on OriginalImage { reason message } } } }`,
      { as: "STOREFRONT" },
    );
    expect(told.data).toEqual({
      job: {
        outcome: {
          __typename: "OriginalImage",
          reason: "REJECTED",
          message: "The picture was rejected",
        },
      },
    });
  });

  it("lists jobs by shopper and item, and queues one that failed again", async () => {
    const { prisma } = api.db;
    const options = { seed: 1, strength: 1, guidanceScale: 1, numSteps: 2, numCandidates: 1 };
    const failed = await prisma.job.create({
      data: {
        id: randomUUID(),
        kind: "PERSONALIZE_IMAGE",
        state: "FAILED",
        errorCode: "GENERATION_FAILED",
        errorMessage: "The picture could not be generated",
        finishedAt: new Date(),
        payload: { userId: "ben", itemId: itemId(7), options },
        dedupeKey: "key",
        priority: 1,
        userId: "ben",
        itemId: itemId(7),
      },
    });
    const listed = await execute(
      `{ jobs(userId: "ben", itemId: "${itemId(7)}", state: FAILED) { edges { node { id userId item { title } } } } }`,
      { as: "RECOMMENDER" },
    );
    expect(listed.data).toEqual({
      jobs: { edges: [{ node: { id: failed.id, userId: "ben", item: { title: "Item 7" } } }] },
    });
    const retry = `mutation ($id: ID!) { retryJob(id: $id) { id state userId attempts } }`;
    const { data } = await execute<{ retryJob: { id: string } }>(retry, {
      as: "RECOMMENDER",
      variables: { id: failed.id },
    });
    expect(data!.retryJob).toMatchObject({ state: "QUEUED", userId: "ben", attempts: 0 });
    const twice = await execute(retry, { as: "RECOMMENDER", variables: { id: failed.id } });
    expect(twice.data).toMatchObject({ retryJob: { id: data!.retryJob.id } });
    expect(await prisma.job.findUnique({ where: { id: data!.retryJob.id } })).toMatchObject({
      payload: { userId: "ben", itemId: itemId(7), options },
      dedupeKey: "key",
      priority: 1,
    });
    const running = await execute(retry, {
      as: "RECOMMENDER",
      variables: { id: data!.retryJob.id },
    });
    expect(running.errors[0].extensions).toMatchObject({
      code: "JOB_NOT_RETRYABLE",
      details: { state: "QUEUED" },
    });
  });

  it("records who changed what, and how that ended", async () => {
    await api.db.prisma.auditEntry.deleteMany();
    const create = `mutation { createApiKey(name: "till", role: STOREFRONT) { key } }`;
    const { data } = await execute<{ createApiKey: { key: string } }>(create, { as: "ADMIN" });
    await execute(create, { as: "ADMIN" });
    await execute(create, { as: "RECOMMENDER" });
    await execute(create, { as: "STOREFRONT" });
    await execute(create);
    await execute(`mutation { deleteUser(userId: "nobody") { existed } }`, { as: "ADMIN" });
    await execute(`mutation { rollbackRankingModel { id } }`, { as: "RECOMMENDER" });
    const ids = Array.from({ length: 12 }, (_, n) => `gone-${n}`);
    await execute(`mutation ($ids: [ID!]!) { removeItems(ids: $ids) { unknown } }`, {
      as: "ADMIN",
      variables: { ids },
    });
    await execute(`mutation { issueShopperToken(userId: "anna") { token } }`, { as: "ADMIN" });

    const log = await logOf();
    const till = { name: "till", role: "STOREFRONT" };
    expect(
      log.map(({ finishedAt, ...entry }) => ({ ...entry, isEnded: finishedAt !== null })),
    ).toEqual([
      {
        ...{ actor: "ADMIN", action: "removeItems", outcome: "SUCCEEDED", errorCode: null },
        arguments: { ids: { count: 12, first: ids.slice(0, 10) } },
        isEnded: true,
      },
      {
        ...{ actor: "RECOMMENDER", action: "rollbackRankingModel", outcome: "FAILED" },
        ...{ errorCode: null, arguments: {}, isEnded: true },
      },
      {
        ...{ actor: "ADMIN", action: "deleteUser", outcome: "SUCCEEDED", errorCode: null },
        arguments: { userId: `sha256:${createHash("sha256").update("nobody").digest("hex")}` },
        isEnded: true,
      },
      {
        ...{ actor: "RECOMMENDER", action: "createApiKey", outcome: "FAILED" },
        ...{ errorCode: "FORBIDDEN", arguments: till, isEnded: true },
      },
      {
        ...{ actor: "ADMIN", action: "createApiKey", outcome: "FAILED" },
        ...{ errorCode: "INVALID_ARGUMENT", arguments: till, isEnded: true },
      },
      {
        ...{ actor: "ADMIN", action: "createApiKey", outcome: "SUCCEEDED", errorCode: null },
        ...{ arguments: till, isEnded: true },
      },
    ]);
    expect(JSON.stringify(await api.db.prisma.auditEntry.findMany())).not.toContain(
      data!.createApiKey.key,
    );
    expect(await logOf({ action: "createApiKey", outcome: "SUCCEEDED" })).toHaveLength(1);
    expect(await logOf({ actor: "RECOMMENDER" })).toHaveLength(2);
    expect(await logOf({ to: new Date(0).toISOString() })).toEqual([]);
    const low = await execute(logQuery, { as: "RECOMMENDER" });
    expect(low.errors[0].extensions).toMatchObject({ code: "FORBIDDEN" });
  });

  it("changes nothing that it cannot record", async () => {
    const { prisma } = api.db;
    await prisma.$executeRaw`ALTER TABLE audit_entries RENAME TO audit_entries_away`;
    const { errors } = await execute(
      `mutation { createApiKey(name: "secret", role: ADMIN) { key } }`,
      {
        as: "ADMIN",
      },
    );
    await prisma.$executeRaw`ALTER TABLE audit_entries_away RENAME TO audit_entries`;
    expect(errors).toHaveLength(1);
    expect(await prisma.apiKey.count({ where: { name: "secret" } })).toBe(0);
  });
});
