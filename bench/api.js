/** @file Latency of a trivial query over HTTP: authentication, one item, its picture and caption, on an idle server. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { ApiKeysRepository } from "../dist/db/api-keys.repository.js";
import { CatalogQueries } from "../dist/db/catalog-queries.js";
import { openDatabase } from "../dist/db/database.js";
import { RankChangesRepository } from "../dist/db/rank-changes.repository.js";
import { createContextFactory } from "../dist/plugin/context.js";
import { createSchema } from "../dist/plugin/create-schema.js";
import { AccessService } from "../dist/recsys/access/access.service.js";
import { createServer } from "../dist/server/create-server.js";

const numWarmUp = 50;
const numRequests = 500;
const query = '{ item(id: "item") { title image { url } caption { text } } }';

/** Milliseconds of `count` requests, one after the other. */
export async function latencies(url, key, count) {
  const times = [];
  for (let request = 0; request < count; request++) {
    const start = performance.now();
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query }),
    });
    const { data } = await response.json();
    times.push(performance.now() - start);
    if (!data?.item) {
      throw new Error(`bench/api: expected the item, got HTTP ${response.status}`);
    }
  }
  return times;
}

export function quantile(times, fraction) {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
}

export async function run() {
  const home = await mkdtemp(join(tmpdir(), "vitrine-bench-"));
  const db = await openDatabase({ databaseUrl: process.env.DATABASE_URL ?? null, folder: null });
  const { pool, prisma } = db;
  const tokens = { issue: null, verify: null }; // no shopper asks here
  const services = {
    access: new AccessService({ apiKeys: new ApiKeysRepository(prisma), tokens }),
    catalog: new CatalogQueries(prisma, pool),
    rankChanges: new RankChangesRepository(prisma, pool),
    publicUrl: "",
    importsFolder: join(home, "imports"),
  };
  const server = await createServer({
    plugin: {
      schema: await createSchema(services, console.error),
      createContext: createContextFactory(services),
      handleImage: async () => new Response(null, { status: 404 }),
    },
    probes: { ping: async () => undefined },
    config: { host: "127.0.0.1", port: 0, publicUrl: "", corsOrigins: [] },
    logger: pino({ level: "error" }),
  });
  try {
    const item = { title: "An item", description: "", isAvailable: true };
    await prisma.item.upsert({
      where: { id: "item" },
      create: { id: "item", ...item },
      update: {},
    });
    const name = `bench ${Date.now()}`;
    const { key } = await services.access.createKey(name, "STOREFRONT");
    await latencies(server.url, key, numWarmUp);
    const times = await latencies(server.url, key, numRequests);
    await services.access.revokeKey(name);
    const result = {
      database: db.kind,
      numRequests,
      medianMs: quantile(times, 0.5),
      p95Ms: quantile(times, 0.95),
      p99Ms: quantile(times, 0.99),
    };
    console.log(
      `one item, idle (${db.kind}): median ${result.medianMs.toFixed(2)} ms, ` +
        `95 % ${result.p95Ms.toFixed(2)} ms, 99 % ${result.p99Ms.toFixed(2)} ms`,
    );
    return result;
  } finally {
    await server.close();
    await db.close();
    await rm(home, { recursive: true });
  }
}
