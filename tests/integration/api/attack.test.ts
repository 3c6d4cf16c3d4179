/**
 * @file Hostile requests against the whole server. `npm run attack` runs all 5,500; the suite a tenth.
 *
 * Nothing that a client sends may be an internal error, end the process, or be told an internal text.
 */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { WebSocket } from "undici";
import { resizeForServing } from "../../../src/db/image-codec.js";
import { StudyParticipantsRepository } from "../../../src/db/study-participants.repository.js";
import { createContextFactory } from "../../../src/plugin/context.js";
import { createSchema } from "../../../src/plugin/create-schema.js";
import { logFault } from "../../../src/plugin/format-error.js";
import { createImageHandler } from "../../../src/plugin/handle-image.js";
import { ServedImages } from "../../../src/plugin/served-images.js";
import { createServer, type Server } from "../../../src/server/create-server.js";
import { type Attack, AttackGenerator } from "../../helpers/attack.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { patience } from "../../helpers/patience.js";
import { Api, tokenSecret } from "./api-fixture.js";

const numAttacks = Number(process.env.VITRINE_ATTACKS ?? 550);
const seed = Number(process.env.VITRINE_ATTACK_SEED ?? 1);
/** Requests at once. */
const concurrency = 8;

/** Texts of the inside: statements, stack traces, paths. */
const internal = /\bSELECT\b|\bINSERT INTO\b|prisma|node_modules|\n\s+at |\/src\/|\/dist\/|pglite/i;

describeOnEveryDatabase("hostile requests", open => {
  let api: Api;
  let server: Server;
  let generator: AttackGenerator;

  beforeAll(async () => {
    api = await Api.create(await open());
    const { services } = api;
    services.rankers.rollback = async () =>
      (await services.rankers.findPage({ limit: 1 } as never))[0];
    const log = logFault(api.logger());
    const schema = await createSchema(services, log);
    const images = new ServedImages({
      find: async hash => (await services.catalog.findBlobs([hash]))[0] ?? null,
      blobs: api.blobs,
      resize: resizeForServing,
    });
    server = await createServer({
      plugin: {
        schema,
        createContext: createContextFactory(services),
        handleImage: createImageHandler(
          images,
          log,
          new StudyParticipantsRepository(api.db.prisma),
        ),
      },
      probes: { ping: () => api.db.prisma.$queryRaw`SELECT 1`, missing: async () => [] },
      config: { host: "127.0.0.1", port: 0, publicUrl: "", corsOrigins: [] },
      logger: api.logger(),
    });
    const { token } = await services.access.issueShopperToken("anna", 3_600);
    const credentials = [...Object.values(api.keys), token].map(key => `Bearer ${key}`);
    const target = { schema, credentials: [null, ...credentials], tokenSecret };
    generator = new AttackGenerator(target, seed);
  });
  afterAll(() => server.close());

  /** What is wrong with the answer; null if nothing is. */
  async function faultOf({ init, name, path }: Attack): Promise<string | null> {
    // The server may close a connection after a bad request, while the next one is on its way: asked once more.
    const send = () => fetch(server.url + path, init);
    const response = await send()
      .catch(send)
      .catch((error: unknown) => {
        throw new Error(`${name}: no answer to ${init.method} ${path}`, { cause: error });
      });
    const text = await response.text();
    const isInternal = text.includes("INTERNAL_SERVER_ERROR") || internal.test(text);
    return response.status >= 500 || isInternal
      ? `${name}: ${response.status} ${text.slice(0, 300)} for ${JSON.stringify(init.body)?.slice(0, 400)}`
      : null;
  }

  async function assertHealthy(): Promise<void> {
    const body = JSON.stringify({ query: "{ health }" });
    const headers = { "content-type": "application/json" };
    const health = await fetch(`${server.url}/graphql`, { method: "POST", headers, body });
    expect(await health.json()).toEqual({ data: { health: "ok" } });
  }

  it(
    `answers ${numAttacks} of them with a code of the catalogue`,
    async () => {
      const faults: string[] = [];
      let next = 0;
      const client = async () => {
        while (next < numAttacks) {
          const fault = await faultOf(await generator.attack(next++));
          if (fault) {
            faults.push(fault);
          }
        }
      };
      await Promise.all(Array.from({ length: concurrency }, client));
      expect(faults).toEqual([]);
      expect(api.logged).toEqual([]);
      await assertHealthy();
    },
    patience(120_000),
  );

  it("outlives messages over a websocket that are none", async () => {
    const messages = [
      "",
      "{",
      "[]",
      "7",
      '{"type": 7}',
      '{"type": "subscribe"}',
      '{"type": "connection_init", "payload": 7}',
      '{"type": "connection_init", "payload": {"authorization": ["Bearer"]}}',
      '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
      '{"type": "subscribe", "id": "1", "payload": {"query": "{ health }", "variables": "x"}}',
      "\0",
      "x".repeat(2 ** 20 + 1),
    ];
    for (const message of messages) {
      const socket = new WebSocket(
        `${server.url.replace("http", "ws")}/graphql`,
        "graphql-transport-ws",
      );
      const code = await new Promise<number>(resolve => {
        socket.addEventListener("open", () => {
          socket.send(message);
        });
        socket.addEventListener("close", event => {
          resolve(event.code);
        });
      });
      expect(code).toBeGreaterThanOrEqual(1_000);
    }
    await assertHealthy();
    expect(api.logged).toEqual([]);
  });
});
