/** @file `@vitrine/client` against the real server: requests, websockets, and websockets that are blocked. */
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { WebSocket } from "undici";
import {
  type ClientOptions,
  type Progress,
  VitrineClient,
} from "../../../packages/client/src/index.js";
import { createContextFactory } from "../../../src/plugin/context.js";
import { createSchema } from "../../../src/plugin/create-schema.js";
import { logFault } from "../../../src/plugin/format-error.js";
import { createServer, type Server } from "../../../src/server/create-server.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { Api, itemId } from "../api/api-fixture.js";

describeOnEveryDatabase("the client", open => {
  let api: Api;
  let server: Server;
  const closing: (() => void)[] = [];

  beforeAll(async () => {
    api = await Api.create(await open());
    server = await createServer({
      plugin: {
        schema: await createSchema(api.services, logFault(api.logger())),
        createContext: createContextFactory(api.services),
        handleImage: () => Promise.reject(new Error("no image is asked for")),
      },
      probes: { ping: async () => undefined, missing: async () => [] },
      config: { host: "127.0.0.1", port: 0, publicUrl: "", corsOrigins: [] },
      logger: api.logger(),
    });
  });
  afterAll(async () => {
    closing.forEach(close => {
      close();
    });
    await server.close();
  });

  function clientOf(options: Partial<ClientOptions> = {}): {
    client: VitrineClient;
    asked: string[];
  } {
    const asked: string[] = [];
    const client = new VitrineClient({
      url: `${server.url}/graphql`,
      credentials: async () => (await api.services.access.issueShopperToken("anna", 60)).token,
      WebSocket,
      pollMs: 5,
      fetch: (address, init) => {
        const { query } = JSON.parse(init!.body as string) as { query: string };
        asked.push(/^(?:query|mutation) (\w+)/.exec(query)![1]);
        return fetch(address, init);
      },
      ...options,
    });
    closing.push(() => {
      client.close();
    });
    return { client, asked };
  }

  /** From now on a request for the item starts a job, which `work` moves along whenever the client was told a state. */
  async function startJob(place: number) {
    const item = itemId(place);
    const { id } = await api.services.jobs.request(
      "PERSONALIZE_IMAGE",
      imagePayload(item, "anna"),
      { userId: "anna", itemId: item },
    );
    const job = await api.services.jobs.get(id);
    const { outcome } = api.answers;
    api.answers.outcome = async (user, asked) =>
      asked === item ? { kind: "running", job } : outcome(user, asked);
    const seen: string[] = [];
    const work = async ({ state }: Progress) => {
      seen.push(state);
      if (state === "QUEUED") {
        await api.jobRows.claim("PERSONALIZE_IMAGE");
      } else if (state === "RUNNING") {
        await api.jobRows.complete({ id, attempts: 1 }, { originalReason: "RANKED_LOWER" });
      }
      api.events.emit("changed", id);
    };
    const told = new Set<string>();
    const onProgress = (progress: Progress) => {
      if (!told.has(progress.state)) {
        told.add(progress.state);
        void work(progress);
      }
    };
    return { item, seen, onProgress };
  }

  it("gets a stored image, and a shelf in one request", async () => {
    const { client, asked } = clientOf();
    const image = await client.personalizeImage("anna", itemId(0));
    expect(image).toMatchObject({ kind: "PERSONALIZED", isCached: true });
    expect(image.image?.url).toMatch(new RegExp(`^${server.url}/images/[\\da-f]{64}$`));
    const shelf = [1, 2, 3].map(n => client.personalizeImage("anna", itemId(n)));
    const unknown = client.personalizeImage("anna", "unknown");
    expect((await Promise.all(shelf)).map(({ kind }) => kind)).toEqual(
      Array(3).fill("PERSONALIZED"),
    );
    await expect(unknown).rejects.toMatchObject({ code: "ITEM_NOT_FOUND" });
    expect(asked).toEqual(["PersonalizeImage", "PersonalizeImages"]);
  });

  it("follows a job over a websocket", async () => {
    const { client, asked } = clientOf();
    const { item, onProgress, seen } = await startJob(4);
    expect(await client.personalizeImage("anna", item, { onProgress })).toMatchObject({
      kind: "ORIGINAL",
      reason: "RANKED_LOWER",
      image: { widthPixels: 320 },
    });
    expect(seen).toEqual(["QUEUED", "RUNNING", "SUCCEEDED"]);
    expect(asked).toEqual(["PersonalizeImage"]);
  });

  it("asks for the job where the websocket is closed on its way, and does not try one again soon", async () => {
    let numSockets = 0;
    const blocking = createTcpServer((socket: Socket) => {
      numSockets++;
      socket.destroy();
    });
    await new Promise<void>(resolve => blocking.listen(0, "127.0.0.1", resolve));
    closing.push(() => blocking.close());
    const { port } = blocking.address() as AddressInfo;
    const { client, asked } = clientOf({ webSocketUrl: `ws://127.0.0.1:${port}/graphql` });
    for (const place of [5, 6]) {
      const { item, onProgress, seen } = await startJob(place);
      expect((await client.personalizeImage("anna", item, { onProgress })).kind).toBe("ORIGINAL");
      expect(seen).toEqual(["QUEUED", "RUNNING", "SUCCEEDED"]);
    }
    expect(asked.filter(name => name === "Job").length).toBeGreaterThanOrEqual(6);
    expect(numSockets).toBeGreaterThan(0);
    expect(numSockets).toBeLessThanOrEqual(4);
  });

  it("asks for the job where there are no websockets", async () => {
    const { client, asked } = clientOf({ webSocketUrl: null });
    const { item, onProgress } = await startJob(7);
    expect((await client.personalizeImage("anna", item, { onProgress })).kind).toBe("ORIGINAL");
    expect(asked.slice(0, 2)).toEqual(["PersonalizeImage", "Job"]);
  });

  it("fails for another shopper with the API's code", async () => {
    const { client } = clientOf();
    await expect(client.personalizeImage("ben", itemId(0))).rejects.toMatchObject({
      code: "OTHER_USER",
      status: 403,
    });
  });

  it("reads recommendations with catalogue images, and records interactions", async () => {
    const { client } = clientOf();
    const page = await client.recommendations("anna", { first: 2 });
    expect(page).toMatchObject({ source: "RANKER", after: expect.any(String) as unknown });
    expect(page.items.map(({ id, rank, title }) => [rank, id, title])).toEqual([
      [1, "item-00", "Item 0"],
      [2, "item-01", "Item 1"],
    ]);
    expect(page.items[0].image?.url).toContain(`${server.url}/images/`);
    const rows = [
      { userId: "anna", itemId: itemId(1), kind: "VIEW" },
      { userId: "anna", itemId: "unknown", kind: "VIEW" },
    ] as const;
    expect(await client.recordInteractions(rows)).toMatchObject({
      accepted: 1,
      rejected: [{ index: 1 }],
    });
  });

  it("sends an operation of the shop's own", async () => {
    const { client } = clientOf();
    const query = "query Own($id: ID!) { item(id: $id) { title } }";
    expect(await client.request(query, { id: itemId(2) })).toEqual({ item: { title: "Item 2" } });
    await expect(client.request("query Own { nothing }", {})).rejects.toMatchObject({
      code: "GRAPHQL_VALIDATION_FAILED",
    });
  });
});
