/** @file Mutations, through the real schema and resolvers. */
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, expect, it } from "@jest/globals";
import { JobPriority } from "../../../src/db/jobs.repository.js";
import { AppError } from "../../../src/errors/app-error.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { Api, type Execute, itemId } from "./api-fixture.js";

describeOnEveryDatabase("mutations", open => {
  let api: Api;
  let execute: Execute;
  let reset: () => void;

  beforeAll(async () => {
    api = await Api.create(await open());
    execute = await api.execute();
    const { outcome } = api.answers;
    reset = () => {
      api.answers.outcome = outcome;
    };
  });
  afterEach(() => {
    reset();
  });

  const personalize = `mutation ($userId: ID!, $itemId: ID!, $options: PersonalizeImageOptions) {
    personalizeImage(userId: $userId, itemId: $itemId, options: $options) {
      __typename
      ... on PersonalizedImagePayload {
        isCached
        image { url(width: 300, format: AVIF) seed rankChange { deltaR modelVersion { isActive } } item { id }
          explanation { prompt strength preferenceKeywords retrieved { weight item { id } } candidates { rank } } }
      }
      ... on JobRunning { message job { state queuePosition previewUrl outcome { __typename } } }
      ... on OriginalImage { reason message item { id } catalogueImage { url } }
    }
  }`;
  const pair = { userId: "anna", itemId: itemId(4) };
  const payload = imagePayload(pair.itemId, pair.userId);

  it("returns the picture with its explanation and rank change", async () => {
    const { data, errors } = await execute(personalize, { as: "STOREFRONT", variables: pair });
    expect(errors).toEqual([]);
    expect(data).toMatchObject({
      personalizeImage: {
        __typename: "PersonalizedImagePayload",
        isCached: true,
        image: {
          url: `/images/${api.blobHash}?width=384&format=avif`,
          rankChange: { modelVersion: { isActive: true } },
          item: { id: "item-04" },
          explanation: {
            prompt: "a teal sticker",
            strength: 0.7,
            preferenceKeywords: ["teal"],
            retrieved: [{ weight: 1, item: { id: "item-05" } }],
            candidates: [{ rank: 2 }],
          },
        },
      },
    });
  });

  it("returns the job that generates the picture, or the reason why there is none", async () => {
    const job = await api.services.jobs.request("PERSONALIZE_IMAGE", payload, pair);
    api.answers.outcome = async () => ({ kind: "running", job });
    expect((await execute(personalize, { as: "STOREFRONT", variables: pair })).data).toEqual({
      personalizeImage: {
        __typename: "JobRunning",
        message: "The picture is being generated",
        job: { state: "QUEUED", queuePosition: 1, previewUrl: null, outcome: null },
      },
    });
    const item = await api.db.prisma.item.findUniqueOrThrow({ where: { id: itemId(4) } });
    api.answers.outcome = async () => ({ kind: "original", item, reason: "NO_HISTORY" });
    expect((await execute(personalize, { as: "STOREFRONT", variables: pair })).data).toEqual({
      personalizeImage: {
        __typename: "OriginalImage",
        reason: "NO_HISTORY",
        message: "The shopper has not interacted with another item yet",
        item: { id: "item-04" },
        catalogueImage: { url: `/images/${api.blobHash}` },
      },
    });
  });

  it.each([-1, 60_001])("refuses waitMs %d", async waitMs => {
    const { errors } = await execute(personalize, {
      as: "STOREFRONT",
      variables: { ...pair, options: { waitMs } },
    });
    expect(errors).toMatchObject([
      { extensions: { code: "INVALID_ARGUMENT", details: { argument: "waitMs" } } },
    ]);
  });

  it("returns the result of a job", async () => {
    const image = await api.db.prisma.personalizedImage.findFirstOrThrow({ where: pair });
    const finish = async (result: object) => {
      const about = { ...pair, priority: JobPriority.LIVE }; // it is claimed first
      const { id } = await api.services.jobs.request("PERSONALIZE_IMAGE", payload, about);
      const started = await api.jobRows.claim("PERSONALIZE_IMAGE");
      await api.jobRows.complete(started!, result);
      const { data } = await execute(
        `{ job(id: "${id}") { state progress outcome {
          ... on PersonalizedImagePayload { image { id } } ... on OriginalImage { reason faults } } } }`,
        { as: "STOREFRONT" },
      );
      return data;
    };
    const done = { state: "SUCCEEDED", progress: 1 };
    expect(await finish({ imageId: image.id })).toEqual({
      job: { ...done, outcome: { image: { id: image.id } } },
    });
    expect(await finish({ originalReason: "BELOW_QUALITY_FLOOR" })).toEqual({
      job: { ...done, outcome: { reason: "BELOW_QUALITY_FLOOR", faults: [] } },
    });
    const refused = { originalReason: "MASK_IMPLAUSIBLE", faults: ["FRAGMENTS"] };
    expect(await finish(refused)).toEqual({
      job: { ...done, outcome: { reason: "MASK_IMPLAUSIBLE", faults: ["FRAGMENTS"] } },
    });
  });

  it("records interactions once, and lists the rows it rejects", async () => {
    const record = `mutation ($input: [InteractionInput!]!) {
      recordInteractions(input: $input) { accepted duplicates rejected { index code message } }
    }`;
    const row = {
      userId: "cora",
      itemId: itemId(1),
      kind: "LIKE",
      occurredAt: "2026-02-01T10:00:00Z",
    };
    const input = [
      row,
      { ...row, kind: "VIEW" },
      { ...row, itemId: "nowhere" },
      { ...row, occurredAt: "2026-02-01T10:00:01Z", weight: -1 },
    ];
    const send = async () =>
      (await execute(record, { as: "STOREFRONT", variables: { input } })).data;
    const rejected = [
      { index: 2, code: "ITEM_NOT_FOUND", message: "No item with id 'nowhere'" },
      { index: 3, code: "INVALID_ARGUMENT", message: expect.stringContaining("weight") },
    ];
    expect(await send()).toEqual({ recordInteractions: { accepted: 2, duplicates: 0, rejected } });
    expect(await send()).toEqual({ recordInteractions: { accepted: 0, duplicates: 2, rejected } });
    const { errors, status } = await execute(record, {
      as: "STOREFRONT",
      variables: { input: Array.from({ length: 1_001 }, () => row) },
    });
    expect(errors).toMatchObject([{ extensions: { code: "PAYLOAD_TOO_LARGE" } }]);
    expect(status).toBe(413);
  });

  describe("changing feedback", () => {
    const feedback = (row: object) => ({
      userId: "dora",
      itemId: itemId(2),
      kind: "RATING",
      weight: 5,
      occurredAt: "2026-02-01T10:00:00Z",
      ...row,
    });
    const record = async (...input: object[]) => {
      const { data } = await execute<{ recordInteractions: object }>(
        `mutation ($input: [InteractionInput!]!) { recordInteractions(input: $input) { accepted duplicates rejected { code } } }`,
        { as: "STOREFRONT", variables: { input } },
      );
      return data!.recordInteractions;
    };
    const remove = async (rest: object = {}, as = "STOREFRONT") => {
      const { data, errors } = await execute<{ deleteInteractions: { deleted: number } }>(
        `mutation ($input: DeleteInteractionsInput!) { deleteInteractions(input: $input) { deleted } }`,
        { as, variables: { input: { userId: "dora", itemId: itemId(2), ...rest } } },
      );
      return data?.deleteInteractions?.deleted ?? errors[0].extensions?.code;
    };
    const stored = async () => {
      const rows = await api.db.prisma.interaction.findMany({
        where: { userId: "dora" },
        orderBy: [{ occurredAt: "asc" }, { id: "asc" }],
      });
      return rows.map(({ kind, weight }) => `${kind} ${weight}`);
    };

    beforeEach(() => api.db.prisma.interaction.deleteMany({ where: { userId: "dora" } }));

    it("updates the weight of a repeated interaction", async () => {
      expect(await record(feedback({}))).toMatchObject({ accepted: 1, duplicates: 0 });
      expect(await record(feedback({ weight: 2 }))).toMatchObject({ accepted: 1, duplicates: 0 });
      expect(await record(feedback({ weight: 2 }))).toMatchObject({ accepted: 0, duplicates: 1 });
      expect(await record(feedback({ weight: 3 }), feedback({ weight: 4 }))).toMatchObject({
        accepted: 1,
        duplicates: 1,
      });
      expect(await stored()).toEqual(["RATING 4"]);
    });

    it("defaults the weight to 1, except for ratings", async () => {
      await record(feedback({ kind: "VIEW", weight: null }), {
        ...feedback({ kind: "CART" }),
        weight: undefined,
      });
      expect(await stored()).toEqual(["VIEW 1", "CART 1"]);
    });

    it("deletes interactions with one item, by kind and time, once", async () => {
      await record(
        feedback({}),
        feedback({ kind: "VIEW", weight: 1, occurredAt: "2026-02-02T10:00:00Z" }),
        feedback({ kind: "VIEW", weight: 1, occurredAt: "2026-02-03T10:00:00Z" }),
        feedback({ kind: "VIEW", weight: 7, itemId: itemId(3) }),
      );
      expect(await remove({ kinds: ["LIKE"] })).toBe(0);
      expect(
        await remove({
          kinds: ["VIEW"],
          since: "2026-02-02T10:00:00Z",
          before: "2026-02-03T10:00:00Z",
        }),
      ).toBe(1);
      expect(await stored()).toEqual(["RATING 5", "VIEW 7", "VIEW 1"]);
      expect(await remove()).toBe(2);
      expect(await remove()).toBe(0);
      expect(await stored()).toEqual(["VIEW 7"]);
      expect(await remove({ userId: "nobody" })).toBe(0);
    });

    it("refuses an empty time range", async () => {
      const at = "2026-02-02T10:00:00Z";
      expect(await remove({ since: at, before: at })).toBe("INVALID_ARGUMENT");
    });

    it("lets shoppers delete their own interactions", async () => {
      await record(feedback({}));
      const { token } = await api.services.access.issueShopperToken("dora", 60);
      expect(await remove({}, token)).toBe(1);
    });
  });

  const float32Max = 3.4028234663852886e38;

  it.each<[what: string, row: object, code: string, named: string]>([
    [
      "an impossible date",
      { occurredAt: "2026-02-30T10:00:00Z" },
      "INVALID_ARGUMENT",
      "occurredAt",
    ],
    ["a text that is no time", { occurredAt: "yesterday" }, "INVALID_ARGUMENT", "occurredAt"],
    ["an empty time", { occurredAt: "" }, "INVALID_ARGUMENT", "occurredAt"],
    ["a list as time", { occurredAt: [1_700_000_000] }, "INVALID_ARGUMENT", "occurredAt"],
    ["a time before 1970", { occurredAt: "1969-12-31" }, "INVALID_ARGUMENT", "occurredAt"],
    ["the year 0", { occurredAt: "0000-05-01T10:00:00Z" }, "INVALID_ARGUMENT", "occurredAt"],
    ["a time to come", { occurredAt: "2999-05-01T10:00:00Z" }, "INVALID_ARGUMENT", "occurredAt"],
    ["a weight that the column cannot hold", { weight: 1e39 }, "INVALID_ARGUMENT", "weight"],
    ["a negative weight", { weight: -1e-60 }, "INVALID_ARGUMENT", "weight"],
    ["half a character in the user's id", { userId: "dan\ud83d" }, "INVALID_ARGUMENT", "userId"],
    ["U+0000 in the user's id", { userId: "dan\0" }, "INVALID_ARGUMENT", "userId"],
    ["half a character in the item's id", { itemId: "\ude00" }, "INVALID_ARGUMENT", "itemId"],
    ["a rating without a value", { kind: "RATING" }, "INVALID_ARGUMENT", "weight"],
    ["a rating that is null", { kind: "RATING", weight: null }, "INVALID_ARGUMENT", "weight"],
    ["no user", { userId: "" }, "INVALID_ARGUMENT", "userId"],
    ["an item that is not there", { itemId: "nowhere" }, "ITEM_NOT_FOUND", "nowhere"],
  ])("rejects only the row with %s", async (what, row, code, named) => {
    const good = { userId: `of ${what}`, itemId: itemId(1), kind: "LIKE" };
    const times = ["2026-02-01T10:00:00Z", "2026-02-01T10:00:01Z", "2026-02-01T10:00:02Z"];
    const input = times.map(occurredAt => ({ ...good, occurredAt }));
    Object.assign(input[1], row);
    const { data, errors } = await execute(
      `mutation ($input: [InteractionInput!]!) {
        recordInteractions(input: $input) { accepted rejected { index code message } }
      }`,
      { as: "STOREFRONT", variables: { input } },
    );
    expect(errors).toEqual([]);
    expect(data).toEqual({
      recordInteractions: {
        accepted: 2,
        rejected: [{ index: 1, code, message: expect.stringContaining(named) }],
      },
    });
    const stored = await api.db.prisma.interaction.findMany({ where: { userId: good.userId } });
    expect(stored.map(({ occurredAt }) => occurredAt.toISOString()).sort()).toEqual(
      [times[0], times[2]].map(time => time.replace("Z", ".000Z")),
    );
  });

  it("reads times in the formats of imported files, as UTC", async () => {
    const times = [
      "2026-02-01",
      "2026-02-01 10:00:00 +0200",
      "20260201T093000",
      1769941800,
      "1769945400000",
    ];
    const input = times.map((occurredAt, index) => ({
      ...{ userId: "clock", itemId: itemId(1), kind: "LIKE", weight: index + 1, occurredAt },
    }));
    const { data } = await execute(
      `mutation ($input: [InteractionInput!]!) {
        recordInteractions(input: $input) { accepted rejected { message } }
        inline: recordInteractions(input: [
          { userId: "clock", itemId: "${itemId(2)}", kind: LIKE, occurredAt: 1769949000000 }
          { userId: "clock", itemId: "${itemId(2)}", kind: LIKE, occurredAt: { not: "a time" } }
        ]) { accepted rejected { index } }
      }`,
      { as: "STOREFRONT", variables: { input } },
    );
    expect(data).toEqual({
      recordInteractions: { accepted: 5, rejected: [] },
      inline: { accepted: 1, rejected: [{ index: 1 }] },
    });
    const stored = await api.db.prisma.interaction.findMany({
      where: { userId: "clock" },
      orderBy: { occurredAt: "asc" },
    });
    expect(stored.map(({ occurredAt }) => occurredAt.toISOString().slice(0, 16))).toEqual([
      "2026-02-01T00:00",
      "2026-02-01T08:00",
      "2026-02-01T09:30",
      "2026-02-01T10:30",
      "2026-02-01T11:30",
      "2026-02-01T12:30",
    ]);
  });

  it("records every weight of its column; smaller ones become 0", async () => {
    const weights = [0, 1e-60, 0.5, float32Max];
    const { data } = await execute(
      `mutation ($input: [InteractionInput!]!) { recordInteractions(input: $input) { accepted rejected { message } } }`,
      {
        as: "STOREFRONT",
        variables: {
          input: weights.map((weight, second) => ({
            userId: "weigher",
            itemId: itemId(1),
            kind: "LIKE",
            weight,
            occurredAt: `2026-02-01T10:00:0${second}Z`,
          })),
        },
      },
    );
    expect(data).toEqual({ recordInteractions: { accepted: 4, rejected: [] } });
    const stored = await api.db.prisma.interaction.findMany({
      where: { userId: "weigher" },
      orderBy: { occurredAt: "asc" },
    });
    expect(stored.map(({ weight }) => Math.fround(weight))).toEqual([0, 0, 0.5, float32Max]);
  });

  it("returns a shelf in the requested order, with errors in their entries", async () => {
    const { data, errors } = await execute(
      `mutation { personalizeImages(userId: "anna", itemIds: ["item-02", "nowhere", "item-01"]) {
        itemId errorCode errorMessage result { ... on PersonalizedImagePayload { image { item { id } } } } } }`,
      { as: "STOREFRONT" },
    );
    expect(errors).toEqual([]);
    const made = (id: string) => ({
      itemId: id,
      errorCode: null,
      errorMessage: null,
      result: { image: { item: { id } } },
    });
    expect(data).toEqual({
      personalizeImages: [
        made("item-02"),
        {
          itemId: "nowhere",
          errorCode: "ITEM_NOT_FOUND",
          errorMessage: "No item with id 'nowhere'",
          result: null,
        },
        made("item-01"),
      ],
    });
    const tooMany = await execute(
      `mutation ($ids: [ID!]!) { personalizeImages(userId: "anna", itemIds: $ids) { itemId } }`,
      { as: "STOREFRONT", variables: { ids: Array(101).fill("item-01") } },
    );
    expect(tooMany.errors).toMatchObject([{ extensions: { code: "PAYLOAD_TOO_LARGE" } }]);
  });

  it("reads the stored pictures of a page with one call per shopper", async () => {
    const before = api.answers.numStoredReads;
    const { data, errors } = await execute<{
      items: { edges: { node: { id: string; a: object | null; b: object | null } }[] };
    }>(
      `{ items(first: 10) { edges { node { id
        a: personalizedImage(userId: "anna") { item { id } } b: personalizedImage(userId: "nobody") { id } } } } }`,
      { as: "STOREFRONT" },
    );
    expect(errors).toEqual([]);
    for (const { node } of data!.items.edges) {
      expect(node).toEqual({ id: node.id, a: { item: { id: node.id } }, b: null });
    }
    expect(api.answers.numStoredReads - before).toBe(2);
  });

  it("returns the time of the next attempt for BUSY", async () => {
    const item = await api.db.prisma.item.findUniqueOrThrow({ where: { id: itemId(4) } });
    const retryAt = new Date("2026-12-01T10:00:00Z");
    api.answers.outcome = async () => ({ kind: "original", item, reason: "BUSY", retryAt });
    const { data } = await execute(
      `mutation { personalizeImage(userId: "anna", itemId: "item-04") {
        ... on OriginalImage { reason retryAt message } } }`,
      { as: "STOREFRONT" },
    );
    expect(data).toEqual({
      personalizeImage: {
        reason: "BUSY",
        retryAt: "2026-12-01T10:00:00.000Z",
        message: "Too many pictures are requested; try again at 2026-12-01T10:00:00.000Z",
      },
    });
  });

  it("requests many pictures at once, with errors at their positions", async () => {
    const { data, errors } = await execute(
      `mutation { startGeneration(pairs: [
        { userId: "anna", itemId: "item-01" } { userId: "anna", itemId: "nowhere" } { userId: "ben", itemId: "item-02" }
      ]) { __typename } }`,
      { as: "RECOMMENDER" },
    );
    const made = { __typename: "PersonalizedImagePayload" };
    expect(data).toEqual({ startGeneration: [made, null, made] });
    expect(errors).toMatchObject([
      { path: ["startGeneration", 1], extensions: { code: "ITEM_NOT_FOUND" } },
    ]);
  });

  it("imports only from below the imports folder", async () => {
    await mkdir(join(api.importsFolder, "spring", "more"), { recursive: true });
    await symlink("/etc", join(api.importsFolder, "away")).catch(() => undefined);
    const start = (source: string, folder?: string) =>
      execute<{ startImport: { id: string; kind: string } }>(
        `mutation ($input: StartImportInput!) { startImport(input: $input) { id kind state } }`,
        { as: "ADMIN", variables: { input: { source, folder } } },
      );
    for (const folder of [
      "/etc",
      "..",
      "../..",
      ".",
      "away",
      "spring/../..",
      "absent",
      "x".repeat(5_000),
    ]) {
      const { errors } = await start("CATALOGUE", folder);
      expect(errors).toMatchObject([{ extensions: { code: "FILE_NOT_FOUND" } }]);
    }
    expect((await start("MOVIELENS")).errors).toMatchObject([
      { extensions: { code: "INVALID_ARGUMENT", details: { argument: "folder" } } },
    ]);
    const { data } = await start("CATALOGUE", "spring/more");
    const { id } = data!.startImport;
    const { payload } = await api.services.jobs.get(id);
    expect(payload).toMatchObject({
      source: "catalogue",
      folder: expect.stringMatching(/imports\/spring\/more$/),
    });
    expect((await start("CATALOGUE", "spring/more")).data!.startImport.id).toBe(id); // still queued
    expect((await start("STICKERS")).data!.startImport).toMatchObject({ kind: "IMPORT" });
  });

  it("starts training, indexing and re-ranking as jobs, and lists them", async () => {
    for (const query of [
      "mutation { startIndexing { kind state } }",
      "mutation { startRankerTraining(input: { config: { numEpochs: 3 }, seed: 7 }) { kind state } }",
      "mutation { startScoring { kind state } }",
      "mutation { startPersonalizerTraining(input: { config: { numPairs: 10 } }) { kind state } }",
      "mutation { startRerank(input: { config: { numUsers: 5 } }) { kind state } }",
    ]) {
      expect((await execute(query, { as: "RECOMMENDER" })).errors).toEqual([]);
    }
    const { data } = await execute<{ jobs: { edges: { node: { kind: string } }[] } }>(
      "{ jobs(first: 5, state: QUEUED) { edges { node { kind queuePosition } } } }",
      { as: "RECOMMENDER" },
    );
    expect(data!.jobs.edges).toEqual([
      { node: { kind: "RERANK", queuePosition: 1 } },
      { node: { kind: "TRAIN_PERSONALIZER", queuePosition: 1 } },
      { node: { kind: "SCORE_IMAGES", queuePosition: 1 } },
      { node: { kind: "TRAIN_RANKER", queuePosition: 1 } },
      { node: { kind: "INDEX", queuePosition: 1 } },
    ]);
    const training = await api.db.prisma.job.findFirstOrThrow({ where: { kind: "TRAIN_RANKER" } });
    expect(training.payload).toEqual({
      versionId: expect.any(String),
      seed: 7,
      config: { numEpochs: 3 },
      activate: null, // unless it is worse
    });
  });

  it.each([
    [`startRankerTraining(input: { config: { numEpochs: 0 } })`, "numEpochs"],
    [`startRankerTraining(input: { config: { algorithm: "nonsense" } })`, "algorithm"],
    [`startPersonalizerTraining(input: { config: { numPair: 10 } })`, "numPair"],
    [`startPersonalizerTraining(input: { config: { model: { sigma: -1 } } })`, "model.sigma"],
    [`startRerank(input: { config: { ranker: { numEpoch: 2 } } })`, "numEpoch"],
    [`startRerank(input: { config: { protocol: "paper" }, activate: true })`, "activate"],
  ])("refuses %s at once, and queues nothing", async (mutation, field) => {
    const countJobs = () => api.db.prisma.job.count();
    const before = await countJobs();
    const { errors, status } = await execute(`mutation { ${mutation} { id } }`, {
      as: "RECOMMENDER",
    });
    expect(errors).toMatchObject([{ extensions: { code: "INVALID_ARGUMENT" } }]);
    expect(JSON.stringify(errors)).toContain(field);
    expect(status).toBe(400);
    expect(await countJobs()).toBe(before);
  });

  it("reports a service's refusal", async () => {
    api.answers.outcome = () => Promise.reject(new AppError("USER_NOT_FOUND", { userId: "zoe" }));
    const { errors, status } = await execute(personalize, { as: "STOREFRONT", variables: pair });
    expect(errors).toMatchObject([{ message: "No user with id 'zoe'" }]);
    expect(status).toBe(404);
  });
});
