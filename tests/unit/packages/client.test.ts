/** @file `@vitrine/client` against answers that servers, proxies and networks give. */
import { describe, expect, it } from "@jest/globals";
import {
  type ClientOptions,
  imageSrcSet,
  imageUrl,
  servedWidths,
  VitrineClient,
  VitrineError,
} from "../../../packages/client/src/index.js";
import {
  imageUrl as serversImageUrl,
  servedWidths as serversWidths,
} from "../../../src/resolvers/image-urls.js";
import { patience } from "../../helpers/patience.js";

interface Sent {
  query: string;
  variables: Record<string, unknown>;
  authorization: string | null;
}
type Reply = () => Response | Promise<Response>;

const url = "https://api.shop.test/graphql";

const answer = (body: unknown, init?: ResponseInit) => () => Response.json(body, init);
const payload = (id = "1") => ({
  __typename: "PersonalizedImagePayload",
  isCached: true,
  image: {
    ...{ id, url: `/images/${id}`, kind: "STUDIO", disclosure: "Generated" },
    file: { widthPixels: 512, heightPixels: 384 },
  },
});
const original = (reason: string, retryAt: string | null = null) => ({
  ...{ __typename: "OriginalImage", reason, message: "Because", faults: [], retryAt },
  catalogueImage: null,
});
const one = (outcome: unknown) => answer({ data: { personalizeImage: outcome } });
const fault = (code: string, status: number, headers?: Record<string, string>) =>
  answer(
    { data: null, errors: [{ message: code, extensions: { code, details: { a: 1 } } }] },
    { status, headers },
  );

/** A client whose requests are answered in turn; the last answer is repeated. */
function clientOf(replies: Reply[], options: Partial<ClientOptions> = {}) {
  const sent: Sent[] = [];
  const fetch = (async (_url: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(init.body as string) as Sent;
    sent.push({ query, variables, authorization: new Headers(init.headers).get("authorization") });
    const reply = replies[Math.min(sent.length, replies.length) - 1];
    return await Promise.race([reply(), aborted(init.signal!)]);
  }) as typeof globalThis.fetch;
  const client = new VitrineClient({
    ...{ url, fetch, webSocketUrl: null, pollMs: 1, timeoutMs: patience(5_000) },
    ...options,
  });
  return { client, sent };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });
}

const silence: Reply = () => new Promise(() => undefined);

describe("personalizeImage()", () => {
  it("gives the image with addresses that any page can load", async () => {
    const { client, sent } = clientOf([one(payload())], { credentials: "secret" });
    expect(await client.personalizeImage("anna", "mug")).toEqual({
      kind: "PERSONALIZED",
      id: "1",
      image: { url: "https://api.shop.test/images/1", widthPixels: 512, heightPixels: 384 },
      imageKind: "STUDIO",
      disclosure: "Generated",
      isCached: true,
    });
    expect(sent).toMatchObject([
      { variables: { userId: "anna", itemId: "mug" }, authorization: "Bearer secret" },
    ]);
  });

  it("asks for a shelf in one request, and fails for the items alone that have an error", async () => {
    const entries = [
      { errorCode: null, errorMessage: null, result: payload("a") },
      { errorCode: "ITEM_NOT_FOUND", errorMessage: "No item", result: null },
      { errorCode: null, errorMessage: null, result: original("NO_IMAGE") },
    ];
    const { client, sent } = clientOf([answer({ data: { personalizeImages: entries } })]);
    const asked = ["a", "b", "c", "a"].map(id => client.personalizeImage("anna", id));
    const results = await Promise.allSettled(asked);
    expect(sent.map(({ variables }) => variables.itemIds)).toEqual([["a", "b", "c"]]);
    expect(results.map(({ status }) => status)).toEqual([
      ...["fulfilled", "rejected", "fulfilled", "fulfilled"],
    ]);
    expect(results[0]).toEqual(results[3]);
    expect(results[1]).toMatchObject({ reason: { code: "ITEM_NOT_FOUND", message: "No item" } });
    expect(results[2]).toMatchObject({ value: { kind: "ORIGINAL", reason: "NO_IMAGE" } });
  });

  it("asks for more than 100 items in parts, and for each user and each set of options apart", async () => {
    const { client, sent } = clientOf([
      () => Response.json({ data: { personalizeImages: Array(100).fill(entry) } }),
    ]);
    const entry = { errorCode: null, errorMessage: null, result: payload() };
    const ask = (user: string, n: number, options = {}) =>
      client.personalizeImage(user, String(n), { options });
    await Promise.all([
      ...Array.from({ length: 130 }, (_, n) => ask("anna", n)),
      ...[0, 1].map(n => ask("ben", n)),
      ...[0, 1].map(n => ask("ben", n, { seed: 2, numSteps: 4 })),
      ...[2, 3].map(n => ask("ben", n, { numSteps: 4, seed: 2 })),
    ]);
    const sizes = sent.map(({ variables }) => (variables.itemIds as string[]).length);
    expect(sizes).toEqual([100, 30, 2, 4]);
  });

  it("keeps a result for a while, by user, item and options", async () => {
    const { client, sent } = clientOf([one(payload())]);
    await client.personalizeImage("anna", "mug");
    await client.personalizeImage("anna", "mug", { options: {} });
    expect(sent).toHaveLength(1);
    await client.personalizeImage("anna", "mug", { options: { seed: 2 } });
    await client.personalizeImage("ben", "mug");
    await client.personalizeImage("anna", "cup");
    expect(sent).toHaveLength(4);
    client.close();
    await client.personalizeImage("anna", "mug");
    expect(sent).toHaveLength(5);
  });

  it("forgets the oldest results first, and each after its time", async () => {
    const { client, sent } = clientOf([one(payload())], { cache: { max: 2 } });
    for (const item of ["a", "b", "a", "c", "a", "b"]) {
      await client.personalizeImage("anna", item);
    }
    expect(sent.map(({ variables }) => variables.itemId)).toEqual(["a", "b", "c", "b"]);
    const stale = clientOf([one(payload())], { cache: { ttlMs: 0 } });
    await stale.client.personalizeImage("anna", "a");
    await stale.client.personalizeImage("anna", "a");
    expect(stale.sent).toHaveLength(2);
  });

  it("does not keep what may be another in a minute", async () => {
    const { client, sent } = clientOf([
      one(original("BUSY", "2026-01-01T00:00:00Z")),
      one(original("CANCELLED")),
      one(original("NO_HISTORY")),
    ]);
    const reasons = [];
    for (let n = 0; n < 4; n++) {
      const result = await client.personalizeImage("anna", "mug");
      reasons.push(result.kind === "ORIGINAL" && result.reason);
    }
    expect(reasons).toEqual(["BUSY", "CANCELLED", "NO_HISTORY", "NO_HISTORY"]);
    expect(sent).toHaveLength(3);
  });

  it("follows a job by asking, and tells its progress", async () => {
    const job = (state: string, progress: number, outcome: unknown = null) =>
      answer({
        data: {
          job: {
            state,
            progress,
            stage: "drawing",
            previewUrl: "/images/p",
            errorCode: null,
            errorMessage: null,
            outcome,
          },
        },
      });
    const { client, sent } = clientOf([
      one({ __typename: "JobRunning", job: { id: "j" } }),
      job("QUEUED", 0),
      job("RUNNING", 0.5),
      job("SUCCEEDED", 1, payload()),
    ]);
    const seen: unknown[] = [];
    const result = await client.personalizeImage("anna", "mug", {
      onProgress: ({ previewUrl, progress, state }) => seen.push([state, progress, previewUrl]),
    });
    expect(result.kind).toBe("PERSONALIZED");
    const preview = "https://api.shop.test/images/p";
    expect(seen).toEqual([
      ["QUEUED", 0, preview],
      ["RUNNING", 0.5, preview],
      ["SUCCEEDED", 1, preview],
    ]);
    expect(sent.slice(1).map(({ variables }) => variables)).toEqual(Array(3).fill({ id: "j" }));
  });

  it("fails with the error of a job that failed", async () => {
    const failed = {
      ...{ state: "FAILED", progress: 0.2, stage: "", previewUrl: null, outcome: null },
      ...{ errorCode: "GENERATION_FAILED", errorMessage: "It broke" },
    };
    const { client } = clientOf([
      one({ __typename: "JobRunning", job: { id: "j" } }),
      answer({ data: { job: failed } }),
    ]);
    await expect(client.personalizeImage("anna", "mug")).rejects.toMatchObject({
      name: "VitrineError",
      code: "GENERATION_FAILED",
      message: "It broke",
    });
  });

  it("fails when what a job was for is gone", async () => {
    const done = {
      ...{ state: "SUCCEEDED", progress: 1, stage: "", previewUrl: null, outcome: null },
      ...{ errorCode: null, errorMessage: null },
    };
    const { client } = clientOf([
      one({ __typename: "JobRunning", job: { id: "j" } }),
      answer({ data: { job: done } }),
    ]);
    await expect(client.personalizeImage("anna", "mug")).rejects.toMatchObject({
      code: "NO_RESULT",
    });
  });

  it("shows the shop's image for an answer of a newer API", async () => {
    const { client } = clientOf([one({ __typename: "PersonalizedVideo" })]);
    expect(await client.personalizeImage("anna", "mug")).toMatchObject({
      kind: "ORIGINAL",
      reason: "UNKNOWN",
      image: null,
    });
  });

  it("stops for the caller who leaves, and asks no more when all have left", async () => {
    const running = {
      ...{ state: "RUNNING", progress: 0, stage: "", previewUrl: null },
      outcome: null,
    };
    const { client, sent } = clientOf([
      one({ __typename: "JobRunning", job: { id: "j" } }),
      answer({ data: { job: running } }),
    ]);
    const leaving = [new AbortController(), new AbortController()];
    let told: () => void;
    const hasBegun = new Promise<void>(resolve => (told = resolve));
    const asked = leaving.map(({ signal }) =>
      client.personalizeImage("anna", "mug", { signal, onProgress: () => told() }),
    );
    await hasBegun;
    leaving[0].abort(new Error("left"));
    await expect(asked[0]).rejects.toThrow("left");
    const before = sent.length;
    while (sent.length === before) {
      await new Promise(resolve => setTimeout(resolve, 1)); // the other still follows
    }
    leaving[1].abort(new Error("left too"));
    await expect(asked[1]).rejects.toThrow("left too");
    const after = sent.length;
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(sent.length - after).toBeLessThanOrEqual(1);
    await expect(
      client.personalizeImage("anna", "mug", { signal: AbortSignal.abort(new Error("before")) }),
    ).rejects.toThrow("before");
  });

  it("ends with TIMEOUT when the caller's patience does", async () => {
    const { client } = clientOf([silence]);
    await expect(client.personalizeImage("anna", "mug", { patienceMs: 5 })).rejects.toMatchObject({
      code: "TIMEOUT",
    });
  });
});

describe("a request", () => {
  it("is sent again when the answer is a proxy's, or the API is full", async () => {
    const { client, sent } = clientOf(
      [
        () => new Response("<h1>Bad gateway</h1>", { status: 502 }),
        fault("TOO_MANY_REQUESTS", 429, { "retry-after": "0" }),
        one(payload()),
      ],
      { retries: 2 },
    );
    expect((await client.personalizeImage("anna", "mug")).kind).toBe("PERSONALIZED");
    expect(sent).toHaveLength(3);
  });

  it("is not sent again for what would fail again", async () => {
    const { client, sent } = clientOf([fault("ITEM_NOT_FOUND", 404)]);
    const error = await client.personalizeImage("anna", "mug").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(VitrineError);
    expect(error).toMatchObject({ code: "ITEM_NOT_FOUND", status: 404, details: { a: 1 } });
    expect(sent).toHaveLength(1);
  });

  it.each<[string, Reply, string, number]>([
    ["does not answer", silence, "TIMEOUT", 2],
    ["cannot be reached", () => Promise.reject(new TypeError("fetch failed")), "UNREACHABLE", 2],
    ["is answered by something else", () => new Response("hello"), "UNREACHABLE", 1],
  ])("fails when the API %s", async (_what, reply, code, numSent) => {
    const timeoutMs = reply === silence ? 20 : patience(5_000);
    const { client, sent } = clientOf([reply], { retries: 1, timeoutMs });
    await expect(client.recommendations("anna")).rejects.toMatchObject({ code });
    expect(sent).toHaveLength(numSent);
  });

  it("gets a fresh token when the last one was refused, once", async () => {
    const asked: boolean[] = [];
    const credentials = async (refused: boolean) => {
      asked.push(refused);
      return refused ? "fresh" : "stale";
    };
    const good = clientOf([fault("TOKEN_INVALID", 401), one(payload())], { credentials });
    await good.client.personalizeImage("anna", "mug");
    expect(good.sent.map(({ authorization }) => authorization)).toEqual([
      "Bearer stale",
      "Bearer fresh",
    ]);
    expect(asked).toEqual([false, true]);
    const bad = clientOf([fault("TOKEN_INVALID", 401)], { credentials });
    await expect(bad.client.personalizeImage("anna", "mug")).rejects.toMatchObject({
      code: "TOKEN_INVALID",
    });
    expect(bad.sent).toHaveLength(2);
    const fixed = clientOf([fault("TOKEN_INVALID", 401)], { credentials: "fixed" });
    await expect(fixed.client.personalizeImage("anna", "mug")).rejects.toMatchObject({
      status: 401,
    });
    expect(fixed.sent).toHaveLength(1);
  });
});

describe("recordInteractions()", () => {
  it("gives a row the same time in every try, and forgets the images of its users alone", async () => {
    const recorded = { accepted: 1, duplicates: 0, rejected: [] };
    const { client, sent } = clientOf([
      one(payload()),
      one(payload()),
      () => new Response("", { status: 503 }),
      answer({ data: { recordInteractions: recorded } }),
      one(payload()),
    ]);
    await client.personalizeImage("anna", "mug");
    await client.personalizeImage("an", "mug");
    const rows = [{ userId: "anna", itemId: "mug", kind: "LIKE" }] as const;
    expect(await client.recordInteractions(rows)).toEqual(recorded);
    expect(sent).toHaveLength(4);
    expect(sent[3].variables).toEqual(sent[2].variables);
    const [{ occurredAt }] = sent[2].variables.input as { occurredAt: string }[];
    expect(Math.abs(Date.now() - Date.parse(occurredAt))).toBeLessThan(patience(60_000));
    await client.personalizeImage("an", "mug");
    expect(sent).toHaveLength(4);
    await client.personalizeImage("anna", "mug");
    expect(sent).toHaveLength(5);
  });
});

describe("addresses of images", () => {
  it("are those that the API gives", () => {
    expect(servedWidths).toEqual(serversWidths);
    const hash = "ab".repeat(32);
    for (const width of [undefined, 1, 64, 65, 500, 1024]) {
      for (const format of [undefined, "AVIF", "WEBP"] as const) {
        const expected = serversImageUrl("https://api.shop.test", hash, { width, format });
        const lower = format?.toLowerCase() as "avif" | "webp" | undefined;
        expect(imageUrl(`https://api.shop.test/images/${hash}`, { width, format: lower })).toBe(
          expected,
        );
      }
    }
  });

  it("make a srcset of every served width, to the image's own", () => {
    expect(imageSrcSet("/images/a", 200)).toBe(
      "/images/a?width=64 64w, /images/a?width=128 128w, /images/a?width=192 192w, /images/a?width=256 200w",
    );
    expect(imageSrcSet("/images/a", 2_048, "avif")).toMatch(/width=1024&format=avif 1024w$/);
    expect(imageSrcSet("/images/a", 64)).toBe("/images/a?width=64 64w");
  });
});
