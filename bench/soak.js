/**
 * @file A server under mixed requests and some generation for minutes (`--minutes N`, default 10), embedded or on `DATABASE_URL`:
 * its memory, active handles and file descriptors at the start, in the middle and at the end.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { createClient } from "graphql-ws";
import { Pool, WebSocket } from "undici";
import { rounded } from "./support/measure.js";

const main = resolve("dist/cli/main.js");
/** Pause of each of the clients between two requests, and between two images that are made. */
const [pauseMs, imagePauseMs] = [50, 15_000];
const numClients = 4;
/** Requests before the first measurement, so that caches are filled. */
const warmUpMs = 30_000;

const sleep = ms => new Promise(wake => setTimeout(wake, ms));

/** Loaded into the server: prints its active handles when it gets SIGUSR2. */
const handlesProbe = `process.on("SIGUSR2", () => {
  const counts = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  console.log("handles " + JSON.stringify(counts));
});`;

export async function run({ minutes }) {
  const durationMs = Number(minutes || 10) * 60_000;
  const home = await mkdtemp(join(tmpdir(), "vitrine-soak-"));
  const env = { ...process.env, VITRINE_HOME: home, VITRINE_PORT: "0", VITRINE_LOG_LEVEL: "error" };
  const vitrine = async (...args) => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env });
    return JSON.parse(stdout);
  };
  const { itemId, userId } = await vitrine(
    ..."demo --once --json --concepts 40 --users 80".split(" "),
  );
  const { key } = await vitrine(..."keys create soak --role admin --json".split(" "));
  const probe = `data:text/javascript,${encodeURIComponent(handlesProbe)}`;
  const server = spawn(process.execPath, ["--import", probe, main, "serve"], {
    env: { ...env, VITRINE_USER_BUDGET: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  server.stderr.on("data", chunk => (log += chunk));
  const [line] = await once(server.stdout, "data");
  const { origin, pathname: path } = new URL(String(line).trim());
  const pool = new Pool(origin, { connections: numClients + 1, pipelining: 1 });
  const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
  const counts = { requests: 0, images: 0, subscriptions: 0, errors: {} };

  const ask = async query => {
    const body = JSON.stringify({ query });
    const response = await pool.request({ path, method: "POST", headers, body });
    const answer = await response.body.json();
    counts.requests++;
    if (answer.errors) {
      const { code } = answer.errors[0].extensions;
      counts.errors[code] = (counts.errors[code] ?? 0) + 1;
    }
    return answer.data;
  };
  const userOf = n => `sim-${String(1 + (n % 60)).padStart(4, "0")}`;
  const requests = [
    () => `{ item(id: "${itemId}") { id title caption { text } } }`,
    n => `{ recommendations(userId: "${userOf(n)}", first: 10) { edges { node { id title } } } }`,
    () => `{ similarItems(itemId: "${itemId}", first: 10) { edges { node { id } } } }`,
    () => `mutation { personalizeImage(userId: "${userId}", itemId: "${itemId}") { __typename } }`,
    n => `{ user(id: "${userOf(n)}") { history(first: 10) { edges { node { item { id } } } } } }`,
    () => `{ items(first: 20) { edges { node { id title } } } }`,
    n =>
      `mutation { recordInteractions(input: [{ userId: "${userOf(n)}", itemId: "${itemId}", kind: VIEW, occurredAt: "${new Date().toISOString()}" }]) { accepted } }`,
    () => `{ nothing }`, // refused
  ];

  /** Memory, handles and files of the server. */
  const measure = async () => {
    const [[text], status, files] = await Promise.all([
      once(server.stdout, "data"),
      readFile(`/proc/${server.pid}/status`, "utf8"),
      readdir(`/proc/${server.pid}/fd`),
      server.kill("SIGUSR2"),
    ]);
    const handles = JSON.parse(String(text).slice("handles ".length));
    return {
      rssMiB: rounded(Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1_024, 0),
      threads: Number(/Threads:\s+(\d+)/.exec(status)[1]),
      files: files.length,
      handles: Object.values(handles).reduce((sum, count) => sum + count, 0),
      kinds: handles,
    };
  };

  let isOver = false;
  const clients = Array.from({ length: numClients }, async (_, first) => {
    for (let n = first; !isOver; n++) {
      await ask(requests[n % requests.length](n));
      await sleep(pauseMs);
    }
  });
  clients.push(
    (async () => {
      for (let seed = 1; !isOver; seed++) {
        const asked = await ask(
          `mutation { personalizeImage(userId: "${userOf(seed)}", itemId: "${itemId}", options: { seed: ${seed}, waitMs: 0 }) { ... on JobRunning { job { id } } } }`,
        );
        const jobId = asked?.personalizeImage?.job?.id;
        if (jobId) {
          counts.images++;
          counts.subscriptions += await followed(origin + path, key, jobId);
        }
        for (let waitedMs = 0; waitedMs < imagePauseMs && !isOver; waitedMs += 500) {
          await sleep(500);
        }
      }
    })(),
  );

  const measured = {};
  await sleep(warmUpMs);
  measured.start = await measure();
  await sleep(durationMs / 2);
  measured.middle = await measure();
  await sleep(durationMs / 2);
  isOver = true;
  await Promise.all(clients);
  await sleep(2_000);
  measured.end = await measure();

  await pool.close();
  server.kill("SIGTERM");
  const [exitCode] = await once(server, "exit");
  await rm(home, { recursive: true, force: true });
  console.table(
    Object.fromEntries(
      Object.entries(measured).map(([when, { files, handles, rssMiB, threads }]) => [
        when,
        { rssMiB, handles, files, threads },
      ]),
    ),
  );
  return {
    minutes: durationMs / 60_000,
    ...measured,
    ...counts,
    exitCode,
    logged: log.split("\n").length - 1,
  };
}

/** Follows a job over a websocket until it has ended. @returns 1 */
async function followed(url, key, jobId) {
  const client = createClient({
    url: url.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
  });
  const query = `subscription { jobProgress(id: "${jobId}") { state } }`;
  for await (const { errors } of client.iterate({ query })) {
    if (errors) {
      throw new Error(`bench/soak: ${JSON.stringify(errors)}`);
    }
  }
  await client.dispose();
  return 1;
}
