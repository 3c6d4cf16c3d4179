/**
 * @file Requests a second of the API beside a bare Apollo Server on fastify and mercurius, which answer one field: each
 * server is a process, all are asked in turn, many rounds of each, by one client with several connections.
 *
 * The embedded database is always measured; a real Postgres where one answers at VITRINE_TEST_DATABASE_URL (default: on
 * this machine). CPU is that of the server's process for each request.
 */
import pg from "pg";
import { rounded } from "./support/measure.js";
import { createShop, numConnections, startServer } from "./support/throughput-shop.js";

const numRounds = 12;
const requestsPerRound = 60;
const postgresUrl =
  process.env.VITRINE_TEST_DATABASE_URL ?? "postgresql://postgres@127.0.0.1:5432/postgres";

/** Requests a second, CPU and statements a request of each case, from alternating rounds. */
async function measured(cases) {
  const totals = cases.map(() => ({ seconds: [], cpuMs: 0, statements: 0, requests: 0 }));
  for (let round = -1; round < numRounds; round++) {
    for (const [at, { server, body, key }] of cases.entries()) {
      const before = await server.usage();
      const startMs = performance.now();
      let left = requestsPerRound;
      const client = async () => {
        while (left-- > 0) {
          await server.ask(body, key);
        }
      };
      await Promise.all(Array.from({ length: numConnections }, client));
      const seconds = (performance.now() - startMs) / 1e3;
      const after = await server.usage();
      if (round >= 0) {
        const total = totals[at];
        total.seconds.push(seconds);
        total.requests += requestsPerRound;
        total.statements += after.statements;
        total.cpuMs +=
          (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1e3;
      }
    }
  }
  return cases.map(({ name }, at) => {
    const { cpuMs, requests, seconds, statements } = totals[at];
    const median = seconds.toSorted((a, b) => a - b)[seconds.length >> 1];
    return {
      name,
      perSecond: rounded(requestsPerRound / median, 1),
      cpuMs: rounded(cpuMs / requests, 2),
      statements: rounded(statements / requests, 2),
    };
  });
}

const bodyOf = (query, variables) => JSON.stringify({ query, variables });

function casesOf({ itemId, key, server, userId }) {
  const ids = { userId, itemId };
  const ask = (name, query, variables) => ({ name, server, key, body: bodyOf(query, variables) });
  return [
    { ...ask("health, no key", "{ health }"), key: undefined },
    ask("health", "{ health }"),
    ask("item", "query ($itemId: ID!) { item(id: $itemId) { id title image { url } } }", ids),
    ask(
      "personalizeImage, stored",
      `mutation ($userId: ID!, $itemId: ID!) { personalizeImage(userId: $userId, itemId: $itemId) {
        __typename ... on PersonalizedImagePayload { image { url } } } }`,
      ids,
    ),
    ask(
      "recommendations(10)",
      "query ($userId: ID!) { recommendations(userId: $userId, first: 10) { source edges { rank node { id title image { url } } } } }",
      ids,
    ),
    ask(
      "page of 20, nested",
      `query ($userId: ID!) { items(first: 20) { edges { node { id title category image { url } caption { text }
        personalizedImage(userId: $userId) { url rankChange { deltaR } } } } } }`,
      ids,
    ),
  ];
}

/** Whether a real Postgres answers. */
async function postgresAnswers() {
  const client = new pg.Client({ connectionString: postgresUrl, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function withDatabase(run) {
  const admin = new pg.Client({ connectionString: postgresUrl });
  await admin.connect();
  const name = `vitrine_bench_${process.pid}`;
  await admin.query(`CREATE DATABASE ${name}`);
  try {
    return await run(Object.assign(new URL(postgresUrl), { pathname: `/${name}` }).href);
  } finally {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
}

async function against(databaseUrl) {
  const bare = await startServer("apollo");
  const mercurius = await startServer("mercurius");
  const own = await createShop(databaseUrl);
  try {
    const one = { body: bodyOf("{ health }") };
    const rows = await measured([
      { name: "Apollo on fastify, one field", server: bare, ...one },
      { name: "mercurius, one field", server: mercurius, ...one },
      ...casesOf(own),
    ]);
    const [apollo, other] = rows;
    return rows.map(row => ({
      ...row,
      ofApollo: rounded(row.perSecond / apollo.perSecond),
      ofMercurius: rounded(row.perSecond / other.perSecond),
      cpuOfApollo: rounded(row.cpuMs / apollo.cpuMs, 2),
    }));
  } finally {
    await Promise.all([bare.stop(), mercurius.stop(), own.remove()]);
  }
}

export async function run() {
  const embedded = await against(null);
  console.log("embedded Postgres");
  console.table(embedded);
  if (!(await postgresAnswers())) {
    console.log(`no Postgres at ${new URL(postgresUrl).host}: not measured`);
    return { embedded, postgres: null };
  }
  const postgres = await withDatabase(against);
  console.log("Postgres");
  console.table(postgres);
  return { embedded, postgres };
}
