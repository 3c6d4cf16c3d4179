/** @file Changes through the API: items, and erased users. */
import { afterEach, beforeAll, expect, it } from "@jest/globals";
import { accountOfUser, BudgetsRepository } from "../../../src/db/budgets.repository.js";
import { AppError } from "../../../src/errors/app-error.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { pngFile } from "../import/sources.js";
import { Api, type Execute, itemId } from "./api-fixture.js";

describeOnEveryDatabase("catalogue mutations", open => {
  let api: Api;
  let execute: Execute;
  beforeAll(async () => {
    api = await Api.create(await open());
    execute = await api.execute();
  });
  afterEach(() => {
    api.answers.synced = () => undefined;
    api.answers.forgotten = () => undefined;
  });

  interface Rejected {
    index: number;
    code: string;
    message: string;
  }
  interface Upserted {
    accepted: number;
    changed: number;
    rejected: Rejected[];
    imagesFailed: Rejected[];
    job: { id: string; kind: string; state: string } | null;
  }
  const upsert = async (input: readonly object[]) => {
    const { data, errors } = await execute<{ upsertItems: Upserted }>(
      `mutation ($input: [ItemInput!]!) { upsertItems(input: $input) {
        accepted changed rejected { index code message } imagesFailed { index code message }
        job { id kind state } } }`,
      { as: "RECOMMENDER", variables: { input } },
    );
    expect(errors).toEqual([]);
    return data!.upsertItems;
  };
  const stored = (id: string) =>
    api.db.prisma.item.findUnique({ where: { id }, include: { caption: true, image: true } });

  describe("upsertItems", () => {
    it("adds items, updates only given fields, and queues one indexing", async () => {
      const added = await upsert([
        {
          id: "lamp",
          title: " Lamp ",
          category: "Light",
          keywords: ["red", "red", ""],
          isAvailable: false,
        },
        { id: "chair", title: "Chair", caption: "a chair" },
      ]);
      expect(added).toMatchObject({ accepted: 2, changed: 2, rejected: [], imagesFailed: [] });
      expect(added.job).toMatchObject({ kind: "INDEX", state: "QUEUED" });
      const changed = await upsert([
        { id: "lamp", title: "Lamp, new" },
        { id: "chair", caption: null, isAvailable: null },
      ]);
      expect(changed.job?.id).toBe(added.job?.id);
      expect(await stored("lamp")).toMatchObject({
        title: "Lamp, new",
        category: "Light",
        keywords: ["red"],
        isAvailable: false,
        description: "",
      });
      expect(await stored("chair")).toMatchObject({
        title: "Chair",
        isAvailable: true,
        caption: null,
      });
      await upsert([{ id: "lamp", category: null, keywords: null }]);
      expect(await stored("lamp")).toMatchObject({
        category: null,
        keywords: [],
        title: "Lamp, new",
      });
      expect(await upsert([{ id: "lamp", title: "Lamp, new" }])).toEqual({
        accepted: 1,
        changed: 0,
        rejected: [],
        imagesFailed: [],
        job: null,
      });
    });

    it("queues another indexing behind a running one", async () => {
      const { job: first } = await upsert([{ id: "lamp", title: "one" }]);
      expect(await api.jobRows.claim("INDEX")).toMatchObject({ id: first!.id });
      const { job: second } = await upsert([{ id: "lamp", title: "two" }]);
      expect(second).toMatchObject({ state: "QUEUED" });
      expect(second?.id).not.toBe(first?.id);
      const { job: third } = await upsert([{ id: "lamp", title: "three" }]);
      expect(third?.id).toBe(second?.id);
    });

    it("rejects rows one by one, with their index", async () => {
      const { accepted, rejected } = await upsert([
        { id: "good", title: "Good" },
        { id: "", title: "No id" },
        { id: "unknown", category: "no title" },
        { id: "long", title: "x".repeat(1_001) },
        { id: "null", title: null },
        { id: "words", title: "Words", keywords: ["x".repeat(101)] },
      ]);
      expect(accepted).toBe(1);
      expect(rejected.map(({ index, code }) => [index, code])).toEqual(
        [1, 2, 3, 4, 5].map(index => [index, "INVALID_ARGUMENT"]),
      );
      expect(rejected[1].message).toBe("title is required for a new item");
      expect(rejected[4].message).toContain("keywords.0");
      expect(await stored("good")).not.toBeNull();
    });

    it("fetches pictures once, keeps rows whose picture fails, and removes pictures", async () => {
      const png = await pngFile(5);
      const asked: string[] = [];
      api.answers.image = async url => {
        asked.push(url);
        if (!url.endsWith("good.png")) {
          throw new AppError("FETCH_FAILED", { url, reason: "HTTP 404" });
        }
        return png;
      };
      const imageUrl = "https://shop.example/good.png";
      const first = await upsert([
        { id: "p1", title: "P1", imageUrl },
        { id: "p2", title: "P2", imageUrl: "https://shop.example/bad.png" },
      ]);
      expect(first).toMatchObject({ accepted: 2, rejected: [] });
      expect(first.imagesFailed).toEqual([
        {
          index: 1,
          code: "FETCH_FAILED",
          message: "'https://shop.example/bad.png' could not be fetched: HTTP 404",
        },
      ]);
      const { blobHash } = (await stored("p1"))!.image!;
      expect(png.equals(await api.blobs.get(blobHash))).toBe(true);
      expect(await stored("p2")).toMatchObject({ title: "P2", image: null });

      asked.length = 0;
      await upsert([{ id: "p1", title: "P1 again", imageUrl }]);
      expect(asked).toEqual([]);
      await upsert([{ id: "p1", title: "P1 without a word of pictures" }]);
      expect((await stored("p1"))?.image).not.toBeNull();
      expect(await upsert([{ id: "p1", imageUrl: null }])).toMatchObject({ changed: 1 });
      expect((await stored("p1"))?.image).toBeNull();
      expect(await api.blobs.stat(blobHash)).toBeNull();
    });

    it("takes pictures that the request contains, and fetches nothing for them", async () => {
      const asked: string[] = [];
      api.answers.image = async url => {
        asked.push(url);
        throw new AppError("FETCH_FAILED", { url, reason: "not asked for" });
      };
      const png = await pngFile(9);
      const imageUrl = `data:image/png;base64,${png.toString("base64")}`;
      const row = {
        id: "embedded",
        title: "Embedded",
        imageUrl,
        variants: [
          { id: "embedded-red", imageUrl },
          { id: "embedded-blue", imageUrl },
        ],
      };
      expect(await upsert([row])).toMatchObject({ rejected: [], imagesFailed: [] });
      const { blobHash, source } = (await stored("embedded"))!.image!;
      expect(png.equals(await api.blobs.get(blobHash))).toBe(true);
      expect(source).toMatch(/^data:sha256,[\da-f]{64}$/);
      const variants = await api.db.prisma.itemVariant.findMany({ where: { itemId: "embedded" } });
      expect(variants.map(variant => variant.blobHash)).toEqual([blobHash, blobHash]);
      expect(await upsert([row])).toMatchObject({ changed: 0, job: null });
      expect(asked).toEqual([]);
    });

    it("rejects a picture in the request that is none", async () => {
      const input = [
        { id: "e1", title: "E1", imageUrl: "data:image/png;base64,no base64!" },
        { id: "e2", title: "E2", imageUrl: "data:text/html;base64,AAAA" },
        { id: "e3", title: "E3", imageUrl: "data:image/png;base64,AAAA" },
        { id: "e4", title: "E4", variants: [{ id: "v", imageUrl: "data:image/png,raw" }] },
      ];
      const { rejected, imagesFailed } = await upsert(input);
      expect(rejected.map(({ index, code }) => [index, code])).toEqual(
        [0, 1, 3].map(index => [index, "INVALID_ARGUMENT"]),
      );
      expect(rejected[0].message).toContain("must be a base64 'data:' URL of an image");
      expect(imagesFailed).toMatchObject([{ index: 2, code: "IMAGE_TYPE" }]);
    });

    it("limits rows and pictures per call", async () => {
      const tooMany = Array.from({ length: 1_001 }, (_, n) => ({ id: `i${n}` }));
      const tooManyImages = Array.from({ length: 101 }, (_, n) => ({
        id: `i${n}`,
        imageUrl: "https://x.example",
      }));
      for (const input of [tooMany, tooManyImages]) {
        const { errors } = await execute(
          "mutation ($input: [ItemInput!]!) { upsertItems(input: $input) { accepted } }",
          { as: "RECOMMENDER", variables: { input } },
        );
        expect(errors).toMatchObject([{ extensions: { code: "PAYLOAD_TOO_LARGE" } }]);
      }
    });
  });

  it("deletes items with dependent rows, and keeps files that others use", async () => {
    let numSyncs = 0;
    api.answers.synced = () => {
      numSyncs++;
    };
    const { prisma } = api.db;
    const own = await api.blobs.put(Buffer.from("only of one item"));
    const size = { mediaType: "image/png", sizeBytes: 16, widthPixels: 1, heightPixels: 1 };
    await prisma.blob.create({ data: { hash: own, ...size } });
    await prisma.itemImage.update({ where: { itemId: itemId(1) }, data: { blobHash: own } });
    const before = await prisma.personalizedImage.count({ where: { itemId: itemId(1) } });
    const liked = await prisma.interaction.count({ where: { itemId: itemId(1) } });
    const { data, errors } = await execute(
      `mutation { removeItems(ids: ["${itemId(1)}", "none", "${itemId(1)}"]) { removed unknown interactions images } }`,
      { as: "ADMIN" },
    );
    expect(errors).toEqual([]);
    expect(before).toBeGreaterThan(0);
    expect(data).toEqual({
      removeItems: { removed: 1, unknown: ["none"], interactions: liked, images: before },
    });
    expect(numSyncs).toBe(1);
    expect(await stored(itemId(1))).toBeNull();
    expect(await prisma.personalizedImage.count({ where: { itemId: itemId(1) } })).toBe(0);
    expect(await api.blobs.stat(own)).toBeNull();
    expect(await prisma.blob.count({ where: { hash: api.blobHash } })).toBe(1); // every other item's
    expect(await prisma.item.count({ where: { id: itemId(2) } })).toBe(1);
  });

  it("erases one user with pictures and files; repeating is harmless", async () => {
    const forgottenIds: string[] = [];
    api.answers.forgotten = userId => {
      forgottenIds.push(userId);
    };
    const { prisma } = api.db;
    const own = await api.blobs.put(Buffer.from("drawn for anna alone"));
    const preview = await api.blobs.put(Buffer.from("a preview for anna"));
    const size = { mediaType: "image/png", sizeBytes: 20, widthPixels: 1, heightPixels: 1 };
    await prisma.blob.create({ data: { hash: own, ...size } });
    const one = await prisma.personalizedImage.findFirstOrThrow({ where: { userId: "anna" } });
    await prisma.personalizedImage.update({ where: { id: one.id }, data: { blobHash: own } });
    const about = { userId: "anna", itemId: itemId(3) };
    const job = await api.services.jobs.request(
      "PERSONALIZE_IMAGE",
      imagePayload(about.itemId, about.userId),
      about,
    );
    await prisma.job.update({ where: { id: job.id }, data: { previewHash: preview } });
    const budgets = new BudgetsRepository(api.db.pool);
    for (const userId of ["anna", "ben"]) {
      await budgets.use(accountOfUser(userId), 8);
    }
    const stopped: string[] = [];
    api.events.on("cancelRequested", id => stopped.push(id));

    const images = await prisma.personalizedImage.count({ where: { userId: "anna" } });
    const interactions = await prisma.interaction.count({ where: { userId: "anna" } });
    const bens = await prisma.personalizedImage.count({ where: { userId: "ben" } });
    const erase = () =>
      execute('mutation { deleteUser(userId: "anna") { existed interactions images } }', {
        as: "ADMIN",
      });
    expect((await erase()).data).toEqual({ deleteUser: { existed: true, interactions, images } });
    expect(forgottenIds).toEqual(["anna"]);
    expect(stopped).toEqual([job.id]);
    expect(await prisma.user.findUnique({ where: { id: "anna" } })).toBeNull();
    for (const table of ["interactions", "personalized_images", "jobs"]) {
      const { rows } = await api.db.pool.query(`SELECT 1 FROM ${table} WHERE user_id = 'anna'`);
      expect(rows).toEqual([]);
    }
    const left = await prisma.generationBudget.findMany({ select: { key: true } });
    expect(left).toEqual([{ key: accountOfUser("ben") }]);
    expect(await api.blobs.stat(own)).toBeNull();
    expect(await api.blobs.stat(preview)).toBeNull();
    expect(await prisma.blob.count({ where: { hash: api.blobHash } })).toBe(1); // ben's, too
    expect(await prisma.personalizedImage.count({ where: { userId: "ben" } })).toBe(bens);
    expect((await erase()).data).toEqual({
      deleteUser: { existed: false, interactions: 0, images: 0 },
    });
  });

  it("merges a guest with the shopper who logged in", async () => {
    const occurredAt = new Date("2026-01-02T03:04:05Z");
    const row = (userId: string, place: number, weight = 1) => ({
      ...{ userId, itemId: itemId(place), kind: "VIEW" as const, occurredAt, weight },
    });
    const { prisma } = api.db;
    await prisma.user.createMany({ data: [{ id: "guest" }, { id: "cleo" }] });
    await prisma.interaction.createMany({
      data: [row("guest", 2, 3), row("guest", 3), row("cleo", 2, 2)],
    });
    const forgottenIds: string[] = [];
    api.answers.forgotten = id => forgottenIds.push(id);
    const merge = (from: string, into: string) =>
      execute(
        "mutation ($from: ID!, $into: ID!) { mergeUsers(from: $from, into: $into) { existed interactions } }",
        { as: "ADMIN", variables: { from, into } },
      );
    expect((await merge("guest", "cleo")).data).toEqual({
      mergeUsers: { existed: true, interactions: 1 },
    });
    expect(forgottenIds).toEqual(["guest"]);
    expect(await prisma.user.findUnique({ where: { id: "guest" } })).toBeNull();
    const rows = await prisma.interaction.findMany({
      where: { userId: "cleo" },
      orderBy: { itemId: "asc" },
    });
    expect(rows.map(({ itemId: id, weight }) => [id, weight])).toEqual(
      [
        [itemId(2), 2],
        [itemId(3), 1],
      ].sort(([one], [other]) => (one < other ? -1 : 1)),
    );
    expect((await merge("guest", "cleo")).data).toEqual({
      mergeUsers: { existed: false, interactions: 0 },
    });
    expect((await merge("guest", "new")).data).toMatchObject({ mergeUsers: { existed: false } });
    expect(await prisma.user.findUnique({ where: { id: "new" } })).toBeNull();
    await merge("cleo", "dora");
    expect(await prisma.interaction.count({ where: { userId: "dora" } })).toBe(2);
    for (const into of ["dora", "", "x".repeat(201), "a\u0000b"]) {
      expect((await merge("dora", into)).errors).toMatchObject([
        { extensions: { code: "INVALID_ARGUMENT" } },
      ]);
    }
    expect(await prisma.interaction.count({ where: { userId: "dora" } })).toBe(2);
  });
});
