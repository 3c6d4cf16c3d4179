/** @file Permissions: roles, shoppers' tokens, keys, and the answers to unauthorized callers. */
import { beforeAll, describe, expect, it } from "@jest/globals";
import { SignJWT } from "jose";
import { AppError } from "../../../src/errors/app-error.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { Api, type Execute, tokenSecret } from "./api-fixture.js";

/** Each root field -> a query, and its minimum role. `docs/api.md` tells users the same. */
const matrix: Record<string, [query: string, level: string]> = {
  personalizeImage: [
    'mutation { personalizeImage(userId: "anna", itemId: "item-01") { __typename } }',
    "SHOPPER",
  ],
  personalizeImages: [
    'mutation { personalizeImages(userId: "anna", itemIds: []) { itemId } }',
    "SHOPPER",
  ],
  recordInteractions: ["mutation { recordInteractions(input: []) { accepted } }", "SHOPPER"],
  deleteInteractions: [
    'mutation { deleteInteractions(input: { userId: "anna", itemId: "none" }) { deleted } }',
    "SHOPPER",
  ],
  cancelJob: ['mutation { cancelJob(id: "x") { id } }', "SHOPPER"],
  item: ['{ item(id: "item-01") { id } }', "SHOPPER"],
  items: ["{ items { edges { cursor } } }", "SHOPPER"],
  user: ['{ user(id: "anna") { id } }', "SHOPPER"],
  job: ['{ job(id: "x") { id } }', "SHOPPER"],
  recommendations: ['{ recommendations(userId: "anna") { source } }', "SHOPPER"],
  similarItems: ['{ similarItems(itemId: "item-01") { pageInfo { hasNextPage } } }', "SHOPPER"],
  issueShopperToken: ['mutation { issueShopperToken(userId: "anna") { token } }', "STOREFRONT"],
  jobs: ["{ jobs { edges { cursor } } }", "RECOMMENDER"],
  rankChanges: ["{ rankChanges { edges { cursor } } }", "RECOMMENDER"],
  rankChangeSummary: ["{ rankChangeSummary { count } }", "RECOMMENDER"],
  rankingModels: ["{ rankingModels { edges { node { id isActive } } } }", "RECOMMENDER"],
  activateRankingModel: ['mutation { activateRankingModel(id: "x") { id } }', "RECOMMENDER"],
  rollbackRankingModel: ["mutation { rollbackRankingModel { id } }", "RECOMMENDER"],
  startIndexing: ["mutation { startIndexing { id } }", "RECOMMENDER"],
  startRankerTraining: ["mutation { startRankerTraining { id } }", "RECOMMENDER"],
  personalizers: ["{ personalizers { edges { node { id isActive } } } }", "RECOMMENDER"],
  activatePersonalizer: ['mutation { activatePersonalizer(id: "x") { id } }', "RECOMMENDER"],
  rollbackPersonalizer: ["mutation { rollbackPersonalizer { id } }", "RECOMMENDER"],
  startPersonalizerTraining: ["mutation { startPersonalizerTraining { id } }", "RECOMMENDER"],
  startScoring: ["mutation { startScoring { id } }", "RECOMMENDER"],
  startRerank: ["mutation { startRerank { id } }", "RECOMMENDER"],
  startGeneration: ["mutation { startGeneration(pairs: []) { __typename } }", "RECOMMENDER"],
  overview: ['{ overview(since: "2026-01-01T00:00:00Z") { numImages } }', "RECOMMENDER"],
  personalizedImages: ["{ personalizedImages { edges { cursor } } }", "RECOMMENDER"],
  rankChangeGroups: ["{ rankChangeGroups(by: DAY) { key } }", "RECOMMENDER"],
  rankChangesCsv: ["{ rankChangesCsv }", "RECOMMENDER"],
  compareRankingModels: [
    '{ compareRankingModels(first: "x", second: "y") { __typename } }',
    "RECOMMENDER",
  ],
  modelPacks: ["{ modelPacks { __typename } }", "RECOMMENDER"],
  resultFiles: ["{ resultFiles { name } }", "RECOMMENDER"],
  resultFile: ['{ resultFile(name: "x") }', "RECOMMENDER"],
  users: ["{ users { edges { cursor } } }", "RECOMMENDER"],
  rejectImage: ['mutation { rejectImage(id: "x", reason: "y") { id } }', "RECOMMENDER"],
  retryJob: ['mutation { retryJob(id: "x") { id } }', "RECOMMENDER"],
  studies: ["{ studies { edges { cursor } } }", "RECOMMENDER"],
  study: ['{ study(id: "x") { id } }', "RECOMMENDER"],
  createStudy: [
    'mutation { createStudy(input: { title: " ", methods: [] }) { id } }',
    "RECOMMENDER",
  ],
  closeStudy: ['mutation { closeStudy(id: "x") { id } }', "RECOMMENDER"],
  upsertItems: ["mutation { upsertItems(input: []) { accepted } }", "RECOMMENDER"],
  removeItems: ["mutation { removeItems(ids: []) { removed } }", "ADMIN"],
  optOut: ['mutation { optOut(userId: "anna") { id } }', "SHOPPER"],
  optIn: ['mutation { optIn(userId: "anna") { id } }', "SHOPPER"],
  deleteUser: ['mutation { deleteUser(userId: "nobody") { existed } }', "ADMIN"],
  mergeUsers: ['mutation { mergeUsers(from: "nobody", into: "no") { existed } }', "ADMIN"],
  startImport: ["mutation { startImport(input: { source: STICKERS }) { id } }", "ADMIN"],
  apiKeys: ["{ apiKeys { edges { node { name } } } }", "ADMIN"],
  createApiKey: ['mutation { createApiKey(name: " ", role: ADMIN) { key } }', "ADMIN"],
  revokeApiKey: ['mutation { revokeApiKey(name: "none") { name } }', "ADMIN"],
  auditLog: ["{ auditLog { edges { cursor } } }", "ADMIN"],
  exportUser: ['{ exportUser(userId: "nobody") }', "ADMIN"],
  importRuns: ["{ importRuns { edges { cursor } } }", "ADMIN"],
  importRun: ['{ importRun(id: "x") { __typename } }', "ADMIN"],
  rejectedRows: ['{ rejectedRows(importId: "x") { __typename } }', "ADMIN"],
};

/** What nobody needs a key for, and what participants of a study do: studies.test.ts and field-levels.test.ts. */
const others = [
  ...["health", "studyInvitation", "studySession"],
  ...["joinStudy", "submitStudyAnswer", "finishStudy"],
];

const levels = ["SHOPPER", "STOREFRONT", "RECOMMENDER", "ADMIN"];
const refusals = ["UNAUTHENTICATED", "FORBIDDEN"];

describeOnEveryDatabase("access", open => {
  let api: Api;
  let execute: Execute;
  let annasToken: string;

  beforeAll(async () => {
    api = await Api.create(await open());
    execute = await api.execute();
    annasToken = (await api.services.access.issueShopperToken("anna", 60)).token;
  });

  const codes = (errors: readonly { extensions?: Record<string, unknown> }[]) =>
    errors.map(({ extensions }) => extensions?.code);

  it("has a minimum role for every root field", async () => {
    const { data } = await execute<{ __schema: Record<string, { fields: { name: string }[] }> }>(
      "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }",
      { as: "STOREFRONT" },
    );
    const fields = Object.values(data!.__schema).flatMap(type =>
      type.fields.map(({ name }) => name),
    );
    expect(fields.sort()).toEqual([...Object.keys(matrix), ...others].sort());
  });

  describe.each(Object.entries(matrix))("%s", (_field, [query, needed]) => {
    it(`is for ${needed} and above`, async () => {
      const anonymous = await execute(query);
      expect(codes(anonymous.errors)).toEqual(["UNAUTHENTICATED"]);
      expect(anonymous.status).toBe(401);
      for (const level of levels) {
        const { errors, status } = await execute(query, {
          as: level === "SHOPPER" ? annasToken : level,
        });
        if (levels.indexOf(level) < levels.indexOf(needed)) {
          expect(errors).toMatchObject([
            { extensions: { code: "FORBIDDEN", details: { role: level, needed } } },
          ]);
          expect(status).toBe(403);
        } else {
          expect(codes(errors).filter(code => refusals.includes(String(code)))).toEqual([]);
        }
      }
    });
  });

  it("answers health without credentials, even invalid ones", async () => {
    expect((await execute("{ health }")).data).toEqual({ health: "ok" });
    expect((await execute("{ health }", { as: "vk_wrong" })).data).toEqual({ health: "ok" });
  });

  it.each(["{ __schema { queryType { name } } }", '{ __type(name: "Item") { name } }'])(
    "shows the schema only to authenticated callers: %s",
    async query => {
      expect(codes((await execute(query)).errors)).toEqual(["UNAUTHENTICATED"]);
      expect((await execute(query, { as: "STOREFRONT" })).errors).toEqual([]);
    },
  );

  it("restricts shoppers to their own data", async () => {
    const record = `mutation { recordInteractions(input: [
      { userId: "anna", itemId: "item-01", kind: VIEW, occurredAt: "2026-03-01T00:00:00Z" }
      { userId: "ben", itemId: "item-01", kind: VIEW, occurredAt: "2026-03-01T00:00:00Z" }
    ]) { accepted } }`;
    for (const query of [
      'mutation { personalizeImage(userId: "ben", itemId: "item-01") { __typename } }',
      '{ user(id: "ben") { id } }',
      '{ recommendations(userId: "ben") { source } }',
      record,
      'mutation { deleteInteractions(input: { userId: "ben", itemId: "item-01" }) { deleted } }',
    ]) {
      const { errors, status } = await execute(query, { as: annasToken });
      expect(errors).toMatchObject([
        { extensions: { code: "OTHER_USER", details: { userId: "ben" } } },
      ]);
      expect(status).toBe(403);
    }
    expect(await api.db.prisma.interaction.count({ where: { kind: "VIEW" } })).toBe(0);
  });

  it("serves only a shopper's own shelf", async () => {
    for (const query of [
      'mutation { personalizeImages(userId: "ben", itemIds: ["item-01"]) { itemId } }',
      '{ item(id: "item-01") { personalizedImage(userId: "ben") { id } } }',
    ]) {
      expect(codes((await execute(query, { as: annasToken })).errors)).toEqual(["OTHER_USER"]);
      expect((await execute(query, { as: "STOREFRONT" })).errors).toEqual([]);
      expect((await execute(query.replace("ben", "anna"), { as: annasToken })).errors).toEqual([]);
    }
  });

  it.each(["seed: 2", "strength: 0.5", "guidanceScale: 2", "numSteps: 4", "numCandidates: 8"])(
    "refuses shoppers %s",
    async knob => {
      for (const [field, answer] of [
        ['personalizeImage(userId: "anna", itemId: "item-01"', "__typename"],
        ['personalizeImages(userId: "anna", itemIds: ["item-01"]', "itemId"],
      ]) {
        const query = `mutation { ${field}, options: { ${knob} }) { ${answer} } }`;
        const { errors, status } = await execute(query, { as: annasToken });
        expect(errors).toMatchObject([
          { extensions: { code: "FORBIDDEN", details: { role: "SHOPPER", needed: "STOREFRONT" } } },
        ]);
        expect(status).toBe(403);
        expect((await execute(query, { as: "STOREFRONT" })).errors).toEqual([]);
        const plain = query.replace(knob, `waitMs: 1, ${knob.replace(/: .*/, ": null")}`);
        expect((await execute(plain, { as: annasToken })).errors).toEqual([]);
      }
    },
  );

  it("shows shoppers only their own pictures and rank changes", async () => {
    const query = `{ item(id: "item-02") {
      personalizedImages { edges { node { user { id } } } }
      rankChanges { edges { node { image { user { id } } } } }
    } }`;
    const text = (answer: unknown) => JSON.stringify(answer);
    const own = text((await execute(query, { as: annasToken })).data);
    expect(own).toContain("anna");
    expect(own).not.toContain("ben");
    expect(text((await execute(query, { as: "STOREFRONT" })).data)).toContain("ben");
  });

  it("shows shoppers only their own jobs, and storefront keys only picture jobs", async () => {
    const about = { userId: "ben", itemId: "item-01" };
    const bens = await api.services.jobs.request(
      "PERSONALIZE_IMAGE",
      imagePayload(about.itemId, about.userId),
      about,
    );
    const indexing = await api.services.jobs.request("INDEX", {});
    const job = (id: string) => `{ job(id: "${id}") { id state queuePosition } }`;
    const cancel = (id: string) => `mutation { cancelJob(id: "${id}") { state } }`;
    for (const query of [job(bens.id), cancel(bens.id), job(indexing.id), job("nonsense")]) {
      expect(codes((await execute(query, { as: annasToken })).errors)).toEqual(["JOB_NOT_FOUND"]);
    }
    const bensToken = (await api.services.access.issueShopperToken("ben", 60)).token;
    expect((await execute(job(bens.id), { as: bensToken })).data).toEqual({
      job: { id: bens.id, state: "QUEUED", queuePosition: 1 },
    });
    expect(codes((await execute(cancel(indexing.id), { as: "STOREFRONT" })).errors)).toEqual([
      "FORBIDDEN",
    ]);
    expect((await execute(cancel(bens.id), { as: bensToken })).data).toEqual({
      cancelJob: { state: "CANCELLED" },
    });
    expect(codes((await execute(cancel(bens.id), { as: bensToken })).errors)).toEqual([
      "JOB_NOT_CANCELLABLE",
    ]);
  });

  it("refuses expired, forged, foreign and unlimited shopper tokens", async () => {
    const sign = (secret: string, change: (jwt: SignJWT) => SignJWT) =>
      change(new SignJWT().setProtectedHeader({ alg: "HS256" })).sign(
        new TextEncoder().encode(secret),
      );
    const good = (jwt: SignJWT) =>
      jwt.setSubject("anna").setAudience("vitrine").setExpirationTime("1h");
    const inAnHour = Math.floor(Date.now() / 1_000) + 3_600;
    const claims = (payload: Record<string, unknown>) =>
      new SignJWT({ aud: "vitrine", ...payload })
        .setProtectedHeader({ alg: "HS256" })
        .sign(new TextEncoder().encode(tokenSecret));
    const tokens: [token: string, reason: string][] = [
      [await sign(tokenSecret, jwt => good(jwt).setExpirationTime(1)), "it has expired"],
      [await sign("another secret of at least 32 characters", good), "its signature is wrong"],
      [await sign(tokenSecret, jwt => good(jwt).setAudience("shop")), "its claim 'aud' is wrong"],
      [
        await sign(tokenSecret, jwt => jwt.setSubject("anna").setAudience("vitrine")),
        "its claim 'exp' is missing",
      ],
      [
        await sign(tokenSecret, jwt => jwt.setAudience("vitrine").setExpirationTime("1h")),
        "its claim 'sub' is missing",
      ],
      [
        await sign(tokenSecret, jwt => good(jwt).setExpirationTime("8d")),
        "it may be valid for at most 604800 seconds",
      ],
      [
        await sign(tokenSecret, jwt => good(jwt).setExpirationTime(4_102_444_800)), // the year 2100
        "it may be valid for at most 604800 seconds",
      ],
      [await claims({ sub: "anna", exp: 1e308 }), "it may be valid for at most 604800 seconds"],
      [await claims({ sub: "anna", exp: "soon" }), "its claim 'exp' is wrong"],
      [
        await claims({ sub: "anna", exp: inAnHour, iat: inAnHour }),
        "its claim 'iat' is in the future",
      ],
      [await claims({ sub: 7, exp: inAnHour }), "it names no user"],
      [await claims({ sub: ["anna"], exp: inAnHour }), "it names no user"],
      [await claims({ sub: { id: "anna" }, exp: inAnHour }), "it names no user"],
      [await claims({ sub: "", exp: inAnHour }), "it names no user"],
      [await claims({ sub: "an\0na", exp: inAnHour }), "it names no user"],
      [`${Buffer.from('{"alg":"none"}').toString("base64url")}.e30.`, "it is malformed"],
      ["nonsense", "it is malformed"],
    ];
    for (const [token, reason] of tokens) {
      const { errors, status } = await execute('{ item(id: "item-01") { id } }', { as: token });
      expect(errors).toMatchObject([
        { extensions: { code: "TOKEN_INVALID", details: { reason } } },
      ]);
      expect(status).toBe(401);
    }
    const { data } = await execute<{ item: { id: string } }>('{ item(id: "item-01") { id } }', {
      as: await sign(tokenSecret, good),
    });
    expect(data).toEqual({ item: { id: "item-01" } });
  });

  it("limits the lifetime of issued tokens", async () => {
    const issue = (ttl: number) =>
      execute<{ issueShopperToken: { token: string; expiresAt: string } }>(
        `mutation { issueShopperToken(userId: "ben", ttlSeconds: ${ttl}) { token expiresAt } }`,
        { as: "STOREFRONT" },
      );
    for (const ttl of [0, -5, 604_801]) {
      expect(codes((await issue(ttl)).errors)).toEqual(["INVALID_ARGUMENT"]);
    }
    const { token, expiresAt } = (await issue(120)).data!.issueShopperToken;
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(110_000);
    expect((await execute('{ user(id: "ben") { id } }', { as: token })).errors).toEqual([]);
  });

  it("creates a key that is shown once and works until revoked", async () => {
    interface Created {
      createApiKey: { key: string; apiKey: { name: string; lastUsedAt: null } };
    }
    const create =
      'mutation { createApiKey(name: "till", role: STOREFRONT) { key apiKey { name lastUsedAt } } }';
    const { data } = await execute<Created>(create, { as: "ADMIN" });
    const { key, apiKey } = data!.createApiKey;
    expect(key).toMatch(/^vk_[\w-]{43}$/);
    expect(apiKey).toEqual({ name: "till", lastUsedAt: null });
    expect(codes((await execute(create, { as: "ADMIN" })).errors)).toEqual(["INVALID_ARGUMENT"]);
    const rows = JSON.stringify(await api.db.prisma.apiKey.findMany());
    expect(rows).not.toContain(key.slice(3));

    const query = '{ item(id: "item-01") { id } }';
    expect((await execute(query, { as: key })).errors).toEqual([]);
    const used = await api.db.prisma.apiKey.findUniqueOrThrow({ where: { name: "till" } });
    expect(used.lastUsedAt).not.toBeNull();
    await execute(query, { as: key });
    const again = await api.db.prisma.apiKey.findUniqueOrThrow({ where: { name: "till" } });
    expect(again.lastUsedAt).toEqual(used.lastUsedAt); // within the same minute

    await execute('mutation { revokeApiKey(name: "till") { revokedAt } }', { as: "ADMIN" });
    expect(codes((await execute(query, { as: key })).errors)).toEqual(["UNAUTHENTICATED"]);
    expect(
      codes(
        (await execute('mutation { revokeApiKey(name: "gone") { name } }', { as: "ADMIN" })).errors,
      ),
    ).toEqual(["API_KEY_NOT_FOUND"]);
  });

  it("masks and logs unexpected errors", async () => {
    api.logged.length = 0;
    const { errors, status } = await execute("mutation { rollbackRankingModel { id } }", {
      as: "ADMIN",
    });
    expect(errors).toEqual([
      {
        message: "Internal server error",
        locations: [expect.anything()],
        path: ["rollbackRankingModel"],
        extensions: { code: "INTERNAL_SERVER_ERROR" },
      },
    ]);
    expect(status).toBe(500);
    expect(JSON.stringify(api.logged)).toContain("hunter2");
  });

  it("returns known errors with their details", async () => {
    const { errors, status } = await execute('{ item(id: "nowhere") { id } }', {
      as: "STOREFRONT",
    });
    expect(errors).toMatchObject([
      {
        message: "No item with id 'nowhere'",
        path: ["item"],
        extensions: { code: "ITEM_NOT_FOUND", details: { itemId: "nowhere" } },
      },
    ]);
    expect(status).toBe(404);
    expect(new AppError("ITEM_NOT_FOUND", { itemId: "nowhere" }).status).toBe(404);
  });

  it("refuses a text that Postgres cannot store, and keeps serving", async () => {
    const literal = await execute('{ item(id: "\\u0000") { id } }', { as: "STOREFRONT" });
    const variable = await execute("query ($id: ID!) { item(id: $id) { id } }", {
      as: "STOREFRONT",
      variables: { id: "a\0b" },
    });
    const half = await execute("query ($id: ID!) { item(id: $id) { id } }", {
      as: "STOREFRONT",
      variables: { id: "a\ud83d" },
    });
    expect(codes([...literal.errors, ...variable.errors, ...half.errors])).toEqual([
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
    ]);
    expect((await execute('{ item(id: "item-01") { id } }', { as: "STOREFRONT" })).errors).toEqual(
      [],
    );
  });

  describe("the limits", () => {
    const deep = (levels: number) =>
      `{ items(first: 1) { edges { node ${"{ personalizedImages(first: 1) { edges { node { item ".repeat(levels)}{ id }${" } } } }".repeat(levels)} } } }`;

    it.each([
      ["too deep", deep(5), "GRAPHQL_VALIDATION_FAILED"],
      [
        "too complex",
        "{ items(first: 100) { edges { node { personalizedImages(first: 100) { edges { node { id } } } } } } }",
        "QUERY_TOO_COMPLEX",
      ],
      [
        "of too many aliases",
        `{ ${Array.from({ length: 40 }, (_, i) => `a${i}: health`).join(" ")} }`,
        "GRAPHQL_VALIDATION_FAILED",
      ],
      ["too long", `{ ${"health ".repeat(2_500)} }`, "GRAPHQL_PARSE_FAILED"],
      ["of wrong form", "{ health", "GRAPHQL_PARSE_FAILED"],
      ["of no field", "{ nothing }", "GRAPHQL_VALIDATION_FAILED"],
      [
        "of a wrong variable",
        "query ($n: Int!) { items(first: $n) { edges { cursor } } }",
        "BAD_USER_INPUT",
      ],
    ])("refuse a query %s", async (_name, query, code) => {
      const { errors, status } = await execute(query, { as: "ADMIN" });
      expect(codes(errors)).toEqual([code]);
      expect(status).toBe(400);
    });
  });
});
