/**
 * @file `/health` while the API is flooded, beside the idle server: 1,000 requests that wait for jobs, 20 websockets with
 * 50 subscriptions each, and documents that must be refused, from ten connections. Then all clients leave.
 *
 * Each round measures the idle server, the waiting clients, and the attack on top of them; the percentiles are those of
 * all rounds together, and of each round. The server is a process of its own (embedded database, or `DATABASE_URL`), which
 * runs no jobs, so that all wait. Its memory is read after a collection of garbage. Another process asks `/health`.
 */
import { fork } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "graphql-ws";
import { Pool, WebSocket } from "undici";
import { quantile } from "./api.js";
import { rounded } from "./support/measure.js";
import { createShop } from "./support/throughput-shop.js";

const numRounds = 5;
const numWaiters = 1_000;
const numSockets = 20;
const subscriptionsPerSocket = 50;
/** Of each round: the attack lasts until so many documents are answered and all probes are. */
const minAttacks = 400;
const numProbes = 400;
const pauseMs = 2;
const settleMs = 3_000;

function nested(depth) {
  let value = "x";
  for (let level = 0; level < depth; level++) {
    value = [value];
  }
  return value;
}

const repeated = (count, part) => Array.from({ length: count }, (_, n) => part(n)).join(" ");
const readItem = "query ($id: ID!) { item(id: $id) { id } }";

/**
 * Documents that must be refused, and new ones, of which each is validated. A comment makes each the only one of its text.
 */
const hostile = [
  n => ({ query: `{ ${repeated(200, at => `a${at}: health`)} } # ${n}` }),
  n => ({ query: `{ ${"health ".repeat(2_500)} } # ${n}` }),
  n => ({ query: `{ ${"health ".repeat(990)} } # ${n}` }),
  n => ({ query: `{ ${"item(id: 1) { id } ".repeat(90)} } # ${n}` }),
  n => ({
    query: `{ items(first: 100) { edges { node { personalizedImages(first: 100) { edges { node { id } } } } } } } # ${n}`,
  }),
  n => ({
    query: `{ items(first: 1) { edges { node ${"{ personalizedImages(first: 1) { edges { node { item ".repeat(12)}{ id }${" } } } }".repeat(12)} } } } # ${n}`,
  }),
  n => ({
    query: `{ ...f } fragment f on Query { ...g } fragment g on Query { ...f } # ${n}`,
  }),
  n => ({
    query: `{ ${repeated(100, at => `...f${at}`)} } ${repeated(100, at => `fragment f${at} on Query { health }`)} # ${n}`,
  }),
  n => ({ query: `{ ${repeated(300, at => `unknown${at}`)} } # ${n}` }),
  n => ({ query: `query ($id: ID!) { item(id: $id) { id } } # ${n}`, variables: { id: "\0" } }),
  () => ({ query: readItem, variables: { id: nested(3_000) } }),
  n => ({ query: `{ item(id: "${"x".repeat(100_000)}") { id } } # ${n}` }),
  n => ({ query: `{ health ${"@skip(if: false) ".repeat(200)} } # ${n}` }),
  n => ({ query: `{ items(first: 1) { edges { node { id title n${n}: category } } } }` }),
];

/** Sends hostile documents from ten connections until `isOver`, which is told how many were answered. */
async function attack(origin, { isOver, path, headers }) {
  const pool = new Pool(origin, { connections: 10, pipelining: 1 });
  const statuses = {};
  let next = 0;
  let answered = 0;
  const attacker = async () => {
    while (!isOver(answered)) {
      const n = next++;
      const body = JSON.stringify(hostile[n % hostile.length](n));
      const response = await pool.request({ path, method: "POST", headers, body });
      await response.body.dump();
      statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
      answered++;
    }
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: 10 }, attacker));
  const perSecond = (1e3 * answered) / (performance.now() - startMs);
  await pool.destroy();
  return { answered, perSecond: rounded(perSecond, 0), statuses };
}

/** Connections that wait for jobs which no worker runs. */
async function openWaiters(shop, { headers, origin, pathname: path }) {
  const pool = new Pool(origin, { connections: numWaiters, pipelining: 1 });
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  const post = (seed, waitMs) => {
    const query = `mutation { personalizeImage(userId: "${shop.userId}", itemId: "${shop.itemId}", options: { seed: ${seed}, waitMs: ${waitMs} }) { __typename ... on JobRunning { job { id } } } }`;
    const body = JSON.stringify({ query });
    return pool.request({ path, method: "POST", headers, body, signal: leaving.signal });
  };
  const asked = await (await post(1_000, 0)).body.json();
  const jobId = asked.data?.personalizeImage.job?.id;
  if (!jobId) {
    throw new Error(`bench/flood: expected a job, got ${JSON.stringify(asked)}`);
  }
  const waiters = Array.from({ length: numWaiters }, (_, n) =>
    post(1_000 + (n % 5), 60_000).then(
      response => response.body.dump(),
      () => null, // it has left
    ),
  );
  const clients = Array.from({ length: numSockets }, () =>
    createClient({
      url: shop.server.url.replace("http", "ws"),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: headers.authorization },
      lazy: false,
      retryAttempts: 0,
    }),
  );
  let numEvents = 0;
  const errors = new Set();
  for (const client of clients) {
    for (let n = 0; n < subscriptionsPerSocket; n++) {
      client.subscribe(
        { query: `subscription { jobProgress(id: "${jobId}") { state } }` },
        {
          next: event => {
            numEvents++;
            event.errors?.forEach(({ message }) => errors.add(message));
          },
          error: error => errors.add(JSON.stringify(error)),
          complete: () => undefined,
        },
      );
    }
  }
  while (numEvents < numSockets * subscriptionsPerSocket && errors.size === 0) {
    await delay(100);
  }
  return {
    errors,
    async leave() {
      leaving.abort();
      await Promise.all([...waiters, ...clients.map(client => client.dispose())]);
      await pool.destroy();
    },
  };
}

export async function run() {
  const shop = await createShop(process.env.DATABASE_URL ?? null, ["--expose-gc"]);
  const { origin, pathname } = new URL(shop.server.url);
  const headers = { "content-type": "application/json", authorization: `Bearer ${shop.key}` };
  const prober = fork(resolve(import.meta.dirname, "support/health-probe.js"), [origin], {
    execArgv: [],
  });
  const probe = async (count = numProbes) => {
    prober.send({ count, pauseMs });
    const [times] = await once(prober, "message");
    return times;
  };
  const rssMiB = async () => (await shop.server.usage()).rss / 2 ** 20;

  const flood = async () => {
    const idle = await probe();
    const waiters = await openWaiters(shop, { headers, origin, pathname });
    await delay(settleMs);
    const waiting = await probe();
    let isProbed = false;
    const attacking = attack(origin, {
      isOver: answered => isProbed && answered >= minAttacks,
      path: pathname,
      headers,
    });
    const attacked = await probe();
    isProbed = true;
    const attacks = await attacking;
    await waiters.leave();
    await delay(settleMs);
    return { idle, waiting, attacked, attacks, rss: await rssMiB(), errors: [...waiters.errors] };
  };

  await probe(2 * numProbes); // warm up
  const rounds = [];
  for (let round = 0; round < numRounds; round++) {
    rounds.push(await flood());
  }
  prober.disconnect();
  await shop.remove();

  const p99 = times => rounded(quantile(times, 0.99), 2);
  const ratios = ({ idle, waiting, attacked }) => ({
    idleMs: p99(idle),
    waitingMs: p99(waiting),
    attackedMs: p99(attacked),
    waiting: rounded(p99(waiting) / p99(idle), 2),
    attacked: rounded(p99(attacked) / p99(idle), 2),
  });
  const all = name => rounds.flatMap(round => round[name]);
  const result = {
    probes: rounds.length * numProbes,
    healthP99: ratios({ idle: all("idle"), waiting: all("waiting"), attacked: all("attacked") }),
    medianMs: Object.fromEntries(
      ["idle", "waiting", "attacked"].map(name => [name, rounded(quantile(all(name), 0.5), 2)]),
    ),
    rounds: rounds.map(({ attacks, rss, ...round }) => ({
      ...ratios(round),
      attacks: attacks.answered,
      attacksPerSecond: attacks.perSecond,
      statuses: JSON.stringify(attacks.statuses),
      rssMiB: rounded(rss, 0),
    })),
    /** The first round warms caches and compiles code; what later ones add stays. */
    rssGrowth: rounded(rounds.at(-1).rss / rounds[0].rss, 3),
    subscriptionErrors: [...new Set(rounds.flatMap(({ errors }) => errors))],
  };
  console.log(`p99 of /health, ${result.probes} probes each`);
  console.table({ all: result.healthP99, ...result.rounds });
  console.dir({ medianMs: result.medianMs, rssGrowth: result.rssGrowth }, { depth: 3 });
  return result;
}
