/** @file The API over HTTP and websockets. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { type Client, createClient } from "graphql-ws";
import sharp from "sharp";
import { WebSocket } from "undici";
import { inspectImage, resizeForServing } from "../../../src/db/image-codec.js";
import { StudyParticipantsRepository } from "../../../src/db/study-participants.repository.js";
import { AppError } from "../../../src/errors/app-error.js";
import { createContextFactory } from "../../../src/plugin/context.js";
import { createSchema } from "../../../src/plugin/create-schema.js";
import { logFault } from "../../../src/plugin/format-error.js";
import { createImageHandler, type HandleImage } from "../../../src/plugin/handle-image.js";
import { ServedImages } from "../../../src/plugin/served-images.js";
import { createServer, type Server } from "../../../src/server/create-server.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { Api } from "./api-fixture.js";

describeOnEveryDatabase("the server", open => {
  let api: Api;
  let server: Server;
  let handleImage: HandleImage;
  let missing: string[] = [];
  const clients: Client[] = [];

  beforeAll(async () => {
    api = await Api.create(await open());
    const { catalog } = api.services;
    const images = new ServedImages({
      find: async hash => (await catalog.findBlobs([hash]))[0] ?? null,
      blobs: api.blobs,
      resize: resizeForServing,
    });
    const log = logFault(api.logger());
    handleImage = createImageHandler(images, log, new StudyParticipantsRepository(api.db.prisma));
    server = await createServer({
      plugin: {
        schema: await createSchema(api.services, log),
        createContext: createContextFactory(api.services),
        handleImage,
      },
      probes: { ping: () => api.db.prisma.$queryRaw`SELECT 1`, missing: async () => missing },
      config: { host: "127.0.0.1", port: 0, publicUrl: "", corsOrigins: ["https://shop.example"] },
      logger: api.logger(),
    });
  });
  afterAll(async () => {
    for (const client of clients) {
      await client.dispose();
    }
    await server.close();
  });

  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });

  it("answers failed queries with the status of their error", async () => {
    const query = '{ item(id: "item-01") { title } }';
    const authorization = `Bearer ${api.keys.STOREFRONT}`;
    const good = await post({ query }, { authorization });
    expect(good.status).toBe(200);
    expect(await good.json()).toEqual({ data: { item: { title: "Item 1" } } });
    const anonymous = await post({ query });
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get("www-authenticate")).toBe("Bearer");
    expect((await post({ query: '{ item(id: "x") { id } }' }, { authorization })).status).toBe(404);
    expect((await post({ query: "{ health" })).status).toBe(400);
    expect((await post({ query: "{ health }" }, { authorization: "Basic x" })).status).toBe(200);
  });

  it('answers a server error, not "unauthenticated", while credentials cannot be looked up', async () => {
    const { authenticate } = api.services.access;
    api.services.access.authenticate = () => Promise.reject(new Error("no server at hunter2"));
    try {
      const query = '{ item(id: "item-01") { title } }';
      const answer = await post({ query }, { authorization: `Bearer ${api.keys.STOREFRONT}` });
      const text = await answer.text();
      expect({ status: answer.status, text }).toMatchObject({
        status: 503,
        text: expect.stringContaining('"code":"DATABASE_UNREACHABLE"') as unknown,
      });
      expect(text).not.toContain("hunter2");
    } finally {
      api.services.access.authenticate = authenticate;
    }
  });

  it("refuses bodies beyond 1 MiB, simple cross-site requests, and unknown paths", async () => {
    const large = await post({ query: "{ health }", padding: "x".repeat(2 ** 20) });
    expect(large.status).toBe(413);
    expect(await large.json()).toMatchObject({
      errors: [{ extensions: { code: "PAYLOAD_TOO_LARGE" } }],
    });
    expect((await fetch(`${server.url}/graphql?query={health}`)).status).toBe(400);
    expect((await fetch(`${server.url}/nothing`)).status).toBe(404);
  });

  it("refuses a document whose validation would take long, and queues others that are new", async () => {
    const repeated = `{ ${'item(id: "item-01") { id } '.repeat(80)} }`;
    const refused = await post({ query: repeated });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      errors: [
        {
          message: "A document may have at most 30 selections of one field beside each other",
          extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
        },
      ],
    });
    const query = (n: number) => ({ query: `{ n${n}: health }` });
    const answers = await Promise.all(Array.from({ length: 150 }, (_, n) => post(query(n))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await answers[149].json()).toEqual({ data: { n149: "ok" } });
    const busy = await Promise.all(Array.from({ length: 600 }, (_, n) => post(query(1_000 + n))));
    const codes = await Promise.all(
      busy.map(async answer => {
        const { errors } = (await answer.json()) as { errors?: { extensions: unknown }[] };
        return [answer.status, errors?.[0].extensions];
      }),
    );
    const tooMany = { code: "TOO_MANY_DOCUMENTS", details: { max: 200 } };
    for (const [status, extensions] of codes) {
      expect([status, extensions]).toEqual(status === 200 ? [200, undefined] : [429, tooMany]);
    }
  });

  it("refuses persisted queries, so that clients send the full query", async () => {
    const persistedQuery = { version: 1, sha256Hash: "0".repeat(64) };
    const response = await post({ extensions: { persistedQuery } });
    const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
    expect(errors[0].extensions.code).toBe("PERSISTED_QUERY_NOT_SUPPORTED");
    expect(response.status).toBe(200); // as Apollo Client expects
  });

  it("refuses a subscription over plain POST", async () => {
    const numLogged = api.logged.length;
    const { id } = await api.services.jobs.request("INDEX", {});
    const response = await post(
      { query: `subscription { jobProgress(id: "${id}") { state } }` },
      { authorization: `Bearer ${api.keys.ADMIN}` },
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [
        {
          message: "Subscriptions are answered over websockets (graphql-transport-ws)",
          extensions: { code: "BAD_REQUEST" },
        },
      ],
    });
    expect(api.logged).toHaveLength(numLogged);
  });

  it("allows only configured origins", async () => {
    const origin = async (name: string) =>
      (await post({ query: "{ health }" }, { origin: name })).headers.get(
        "access-control-allow-origin",
      );
    expect(await origin("https://shop.example")).toBe("https://shop.example");
    expect(await origin("https://other.example")).toBeNull();
  });

  it("reports its health", async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toEqual({ status: "ok" });
    expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    missing = ["caption index"];
    const unready = await fetch(`${server.url}/ready`);
    missing = [];
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({
      ready: false,
      missing: ["caption index"],
      degraded: [],
    });
    const page = await (await fetch(server.url)).text();
    expect(page).toContain(`${server.url}/graphql`);
    expect(page).not.toMatch(/src=|href=/);
  });

  it("serves a stored picture with an immutable cache header", async () => {
    const url = `${server.url}/images/${api.blobHash}`;
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(response.headers.get("content-type")).toBe("image/png");
    expect(response.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.equals(await api.blobs.get(api.blobHash))).toBe(true);

    const head = await fetch(url, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(bytes.length));
    expect((await head.arrayBuffer()).byteLength).toBe(0);

    const etag = response.headers.get("etag")!;
    const again = await fetch(url, { headers: { "if-none-match": `W/"x", ${etag}` } });
    expect(again.status).toBe(304);
    expect((await fetch(url, { headers: { "if-none-match": '"x"' } })).status).toBe(200);
  });

  it.each([
    ["?width=64", "image/webp", "webp", 64],
    ["?width=128&format=avif", "image/avif", "heif", 128],
    ["?format=jpeg", "image/jpeg", "jpeg", 320],
    ["?width=1024&format=png", "image/png", "png", 320], // never enlarged
  ])("serves %s", async (query, type, format, width) => {
    const response = await fetch(`${server.url}/images/${api.blobHash}${query}`);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("cache-control")).toContain("immutable");
    const metadata = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
    expect(metadata).toMatchObject({ format, width });
    const etag = response.headers.get("etag")!;
    expect(etag).not.toBe(`"${api.blobHash}"`);
  });

  it.each([
    "width=0",
    "width=-64",
    "width=65",
    "width=1e9",
    "width=99999999999999999999",
    "width=64&width=128",
    "width=64px",
    "width=",
    "format=svg",
    "format=../x",
  ])("refuses ?%s", async query => {
    const response = await fetch(`${server.url}/images/${api.blobHash}?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [{ extensions: { code: "INVALID_ARGUMENT" } }],
    });
    expect(response.headers.get("cache-control")).toBeNull();
  });

  it.each(["0".repeat(64), "nonsense", "..%2f..%2fpackage.json", "%00", "A".repeat(64)])(
    "returns 404 for the picture %s",
    async hash => {
      const response = await fetch(`${server.url}/images/${hash}`);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({
        errors: [{ extensions: { code: "IMAGE_NOT_FOUND" } }],
      });
    },
  );

  it.each([
    ["webp", 16_383],
    ["avif", 16_384],
    ["jpeg", 20_000],
  ])(
    "serves an accepted image that exceeds the limits of %s within them",
    async (format, width) => {
      const file = await readFile("tests/fixtures/inputs/bugs/wide-20000x50.png");
      const { bytes, ...image } = await inspectImage(file);
      const hash = await api.blobs.put(bytes);
      await api.db.prisma.blob.upsert({
        where: { hash },
        create: { hash, sizeBytes: bytes.length, ...image },
        update: {},
      });
      const response = await fetch(`${server.url}/images/${hash}?format=${format}`);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(`image/${format}`);
      const served = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
      expect(served.width).toBe(width);
    },
  );

  it("serves pictures by GET only", async () => {
    const url = `${server.url}/images/${api.blobHash}`;
    const response = await handleImage(new Request(url, { method: "POST" }));
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
  });

  it("returns 404 for a picture whose file is gone", async () => {
    const hash = await api.blobs.put(Buffer.from("soon gone"));
    await api.db.prisma.blob.create({
      data: { hash, mediaType: "image/png", sizeBytes: 9, widthPixels: 1, heightPixels: 1 },
    });
    await api.blobs.remove(hash);
    for (const query of ["", "?width=64"]) {
      const response = await fetch(`${server.url}/images/${hash}${query}`);
      expect(response.status).toBe(404);
      expect(response.headers.get("cache-control")).toBeNull();
    }
  });

  // ── websockets ──

  function connect(authorization?: string): Client {
    const client = createClient({
      url: `${server.url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: authorization ? { authorization } : {},
      retryAttempts: 0,
    });
    clients.push(client);
    return client;
  }

  const progress = (id: string) => ({
    query:
      "subscription ($id: ID!) { jobProgress(id: $id) { state progress stage queuePosition } }",
    variables: { id },
  });

  it("streams a job's progress until it has ended", async () => {
    const { id } = await api.services.jobs.request(
      "PERSONALIZE_IMAGE",
      imagePayload("item-01", "anna"),
      { userId: "anna" },
    );
    const { token } = await api.services.access.issueShopperToken("anna", 60);
    const seen: unknown[] = [];
    const answers = connect(`Bearer ${token}`).iterate<{ jobProgress: { state: string } }>(
      progress(id),
    );
    for await (const { data, errors } of answers) {
      expect(errors).toBeUndefined();
      const job = data!.jobProgress;
      seen.push(job);
      if (job.state === "QUEUED") {
        await api.jobRows.claim("PERSONALIZE_IMAGE");
      } else if (job.state === "RUNNING" && seen.length === 2) {
        const half = { progress: 0.5, stage: "drawing", previewHash: null };
        await api.jobRows.heartbeat({ id, attempts: 1 }, half);
      } else if (job.state === "RUNNING") {
        await api.jobRows.complete({ id, attempts: 1 }, { originalReason: "NO_HISTORY" });
      }
      api.events.emit("changed", id);
    }
    expect(seen).toEqual([
      { state: "QUEUED", progress: 0, stage: "", queuePosition: 1 },
      { state: "RUNNING", progress: 0, stage: "", queuePosition: null },
      { state: "RUNNING", progress: 0.5, stage: "drawing", queuePosition: null },
      { state: "SUCCEEDED", progress: 1, stage: "drawing", queuePosition: null },
    ]);
  });

  it("closes the socket of a shopper whose token expires", async () => {
    const { id } = await api.services.jobs.request("INDEX", {}, { userId: "anna" });
    const { token } = await api.services.access.issueShopperToken("anna", 2);
    const answers = connect(`Bearer ${token}`).iterate(progress(id));
    await answers.next();
    await expect(answers.next()).rejects.toMatchObject({ code: 4403, reason: "Forbidden" });
  });

  it("stops waiting for a picture when the client leaves", async () => {
    const { personalization } = api.services;
    const { request } = personalization;
    let left: () => void;
    const hasLeft = new Promise<void>(resolve => (left = resolve));
    const leaving = new AbortController();
    personalization.request = (_userId, _itemId, _options, origin) => {
      expect(origin?.waiting).toMatchObject({ kind: "KEY" });
      origin?.signal?.addEventListener("abort", () => {
        left();
      });
      setTimeout(() => {
        leaving.abort();
      }, 10);
      return hasLeft.then(() => Promise.reject(new AppError("JOB_NOT_FOUND", { jobId: "x" })));
    };
    const query = `mutation { personalizeImage(userId: "anna", itemId: "item-01", options: { waitMs: 60000 }) { __typename } }`;
    const body = JSON.stringify({ query });
    await expect(
      fetch(`${server.url}/graphql`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${api.keys.STOREFRONT}`,
          "content-type": "application/json",
        },
        body,
        signal: leaving.signal,
      }),
    ).rejects.toThrow();
    await hasLeft;
    personalization.request = request;
  });

  it("stops watching when the client disconnects", async () => {
    const { id } = await api.services.jobs.request("INDEX", {});
    let stopped: () => void;
    const isStopped = new Promise<void>(resolve => (stopped = resolve));
    const { jobs } = api.services;
    const watch = jobs.watch.bind(jobs);
    jobs.watch = (jobId, signal) => {
      signal!.addEventListener("abort", () => {
        stopped();
      });
      return watch(jobId, signal);
    };
    const answers = connect(`Bearer ${api.keys.ADMIN}`).iterate(progress(id));
    await answers.next();
    await answers.return!();
    await isStopped;
    jobs.watch = watch;
  });

  it("applies the same rules to queries over websockets", async () => {
    const ask = async (query: string, authorization = `Bearer ${api.keys.STOREFRONT}`) => {
      const answers = connect(authorization).iterate({ query });
      try {
        const { value } = (await answers.next()) as {
          value: { errors?: { extensions: unknown }[] };
        };
        return value.errors?.[0].extensions ?? value;
      } catch (error) {
        return Array.isArray(error) ? (error[0] as { extensions: unknown }).extensions : error;
      }
    };
    expect(await ask("{ health }")).toEqual({ data: { health: "ok" } });
    expect(await ask("{ nothing }")).toMatchObject({ code: "GRAPHQL_VALIDATION_FAILED" });
    expect(
      await ask(
        "{ items(first: 100) { edges { node { rankChanges(first: 100) { edges { cursor } } } } } }",
      ),
    ).toMatchObject({ code: "QUERY_TOO_COMPLEX" });
    expect(await ask("{ jobs { edges { cursor } } }")).toMatchObject({ code: "FORBIDDEN" });
    expect(
      await ask('subscription { jobProgress(id: "11111111-1111-4111-8111-111111111111") { id } }'),
    ).toMatchObject({ code: "JOB_NOT_FOUND" });
    expect(
      await ask("mutation { rollbackRankingModel { id } }", `Bearer ${api.keys.ADMIN}`),
    ).toEqual({
      code: "INTERNAL_SERVER_ERROR",
    });
  });

  it.each([undefined, "Bearer vk_wrong", "Bearer nonsense"])(
    "closes a connection with the credentials %s",
    async authorization => {
      const answers = connect(authorization).iterate({ query: "{ health }" });
      await expect(answers.next()).rejects.toMatchObject({ code: 4403 });
    },
  );
});
