/**
 * @file `/health` while the API is flooded, beside the idle server: 1,000 requests that wait for jobs, 20 websockets with
 * 50 subscriptions each, and 2,000 hostile documents. Then all clients leave, and the memory is looked at again.
 *
 * The server is a process of its own (embedded database, or `DATABASE_URL`), which runs no jobs, so that all wait.
 */
import { setMaxListeners } from "node:events";
import { createClient } from "graphql-ws";
import { Pool, WebSocket } from "undici";
import { quantile } from "./api.js";
import { rounded } from "./support/measure.js";
import { createShop } from "./support/throughput-shop.js";

const numWaiters = 1_000;
const numSockets = 20;
const subscriptionsPerSocket = 50;
const numAttacks = 2_000;
const numProbes = 300;
const settleMs = 5_000;

const sleep = ms => new Promise(wake => setTimeout(wake, ms));

/** Documents that must be refused, and cheaply. */
const hostile = [
  { query: `{ ${Array.from({ length: 200 }, (_, n) => `a${n}: health`).join(" ")} }` },
  { query: `{ ${"health ".repeat(2_500)} }` },
  {
    query:
      "{ items(first: 100) { edges { node { personalizedImages(first: 100) { edges { node { id } } } } } } }",
  },
  {
    query: `{ items(first: 1) { edges { node ${"{ personalizedImages(first: 1) { edges { node { item ".repeat(12)}{ id }${" } } } }".repeat(12)} } } }`,
  },
  { query: "{ ...f } fragment f on Query { ...g } fragment g on Query { ...f }" },
  { query: "query ($id: ID!) { item(id: $id) { id } }", variables: { id: nested(3_000) } },
  { query: "query ($id: ID!) { item(id: $id) { id } }", variables: { id: "\0" } },
  { query: `{ item(id: "${"x".repeat(100_000)}") { id } }` },
  { query: `{ health ${"@skip(if: false) ".repeat(200)} }` },
];

function nested(depth) {
  let value = "x";
  for (let level = 0; level < depth; level++) {
    value = [value];
  }
  return value;
}

export async function run() {
  const shop = await createShop(process.env.DATABASE_URL ?? null);
  const { origin, pathname } = new URL(shop.server.url);
  const pool = new Pool(origin, { connections: numWaiters, pipelining: 1 });
  const probes = new Pool(origin, { connections: 1 });
  const headers = { "content-type": "application/json", authorization: `Bearer ${shop.key}` };
  const post = (body, signal) =>
    pool.request({ path: pathname, method: "POST", headers, body: JSON.stringify(body), signal });
  const probe = async () => {
    const times = [];
    for (let n = 0; n < numProbes; n++) {
      const startMs = performance.now();
      const { body, statusCode } = await probes.request({ path: "/health", method: "GET" });
      await body.dump();
      if (statusCode !== 200) {
        throw new Error(`bench/flood: /health answered ${statusCode}`);
      }
      times.push(performance.now() - startMs);
    }
    return times;
  };
  const rssMiB = async () => (await shop.server.usage()).rss / 2 ** 20;

  const flood = async () => {
    const idle = await probe();
    const rssBefore = await rssMiB();

    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const ask = seed => ({
      query: `mutation { personalizeImage(userId: "${shop.userId}", itemId: "${shop.itemId}", options: { seed: ${seed}, waitMs: 60000 }) { __typename ... on JobRunning { job { id } } } }`,
    });
    const asked = await (
      await post({ query: ask(1_000).query.replace("waitMs: 60000", "waitMs: 0") })
    ).body.json();
    const jobId = asked.data.personalizeImage.job?.id;
    if (!jobId) {
      throw new Error(`bench/flood: expected a job, got ${JSON.stringify(asked)}`);
    }
    const waiters = Array.from({ length: numWaiters }, (_, n) =>
      post(ask(1_000 + (n % 5)), leaving.signal).then(
        response => response.body.dump(),
        () => null, // it has left
      ),
    );
    const clients = Array.from({ length: numSockets }, () =>
      createClient({
        url: shop.server.url.replace("http", "ws"),
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${shop.key}` },
        lazy: false,
        retryAttempts: 0,
      }),
    );
    let numEvents = 0;
    const subscriptionErrors = [];
    for (const client of clients) {
      for (let n = 0; n < subscriptionsPerSocket; n++) {
        client.subscribe(
          { query: `subscription { jobProgress(id: "${jobId}") { state } }` },
          {
            next: ({ errors }) => {
              numEvents++;
              if (errors) {
                subscriptionErrors.push(errors[0].message);
              }
            },
            error: error => subscriptionErrors.push(JSON.stringify(error)),
            complete: () => undefined,
          },
        );
      }
    }
    while (numEvents + subscriptionErrors.length < numSockets * subscriptionsPerSocket) {
      await sleep(100);
    }
    await sleep(settleMs);
    const waiting = await probe();

    const statuses = {};
    const attackers = new Pool(origin, { connections: 10, pipelining: 1 });
    let next = 0;
    const attack = async () => {
      while (next < numAttacks) {
        const body = JSON.stringify(hostile[next++ % hostile.length]);
        const response = await attackers.request({ path: pathname, method: "POST", headers, body });
        await response.body.dump();
        statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
      }
    };
    const attacking = Promise.all(Array.from({ length: 10 }, attack));
    const attacked = await probe();
    await attacking;
    const rssDuring = await rssMiB();

    leaving.abort();
    await Promise.all([...waiters, ...clients.map(client => client.dispose())]);
    await sleep(settleMs);
    await probe();
    const rssAfter = await rssMiB();
    await attackers.destroy();
    return {
      idle,
      waiting,
      attacked,
      rss: { before: rssBefore, during: rssDuring, after: rssAfter },
      statuses,
      subscriptionErrors,
    };
  };

  await probe(); // warm up
  const first = await flood();
  const second = await flood();
  await Promise.all([pool.destroy(), probes.destroy()]);
  await shop.remove();

  const p99 = times => rounded(quantile(times, 0.99), 1);
  const summary = ({ attacked, idle, rss, waiting, ...rest }) => ({
    healthP99Ms: { idle: p99(idle), waiting: p99(waiting), attacked: p99(attacked) },
    ratio: {
      waiting: rounded(p99(waiting) / p99(idle), 2),
      attacked: rounded(p99(attacked) / p99(idle), 2),
    },
    rssMiB: Object.fromEntries(
      Object.entries(rss).map(([name, value]) => [name, rounded(value, 0)]),
    ),
    ...rest,
    subscriptionErrors: [...new Set(rest.subscriptionErrors)],
  });
  const result = {
    first: summary(first),
    second: summary(second),
    /** What a flood leaves behind: the first one warms caches and compiles code. */
    rssGrowth: rounded(second.rss.after / first.rss.after, 3),
  };
  console.dir(result, { depth: 4 });
  return result;
}
