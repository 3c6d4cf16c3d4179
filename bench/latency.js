/**
 * @file Latency of a trivial query while images are generated, against the idle server, in alternating rounds.
 *
 * The server is a separate process (`vitrine serve`, embedded database, one render thread), as in production; the client
 * shares its cores. The home folder is created by `vitrine demo --once` and deleted.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const main = resolve(import.meta.dirname, "../dist/cli/main.js");
const numRounds = 5;
const numRequests = 200;
const numWarmUp = 100;
const trivial = "{ health }";

const quantile = (times, fraction) =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(fraction * times.length))];

export async function run() {
  const home = await mkdtemp(join(tmpdir(), "vitrine-bench-"));
  const env = { ...process.env, VITRINE_HOME: home, VITRINE_PORT: "0", VITRINE_LOG_LEVEL: "error" };
  delete env.DATABASE_URL;
  const vitrine = async (...args) => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env });
    return JSON.parse(stdout);
  };
  const { itemId } = await vitrine(..."demo --once --json --concepts 12 --users 40".split(" "));
  const { key } = await vitrine(..."keys create bench --role admin --json".split(" "));
  const server = spawn(process.execPath, [main, "serve"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [chunk] = await once(server.stdout, "data");
    const url = chunk.toString().trim();
    const ask = async query => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ query }),
      });
      const { data, errors } = await response.json();
      if (errors) {
        throw new Error(`bench/latency: ${errors[0].message}`);
      }
      return data;
    };
    const measure = async count => {
      const times = [];
      while (times.length < count) {
        const start = performance.now();
        await ask(trivial);
        times.push(performance.now() - start);
      }
      return times;
    };
    const personalize = (seed, numSteps) =>
      ask(
        `mutation { personalizeImage(userId: "sim-0002", itemId: "${itemId}", options: { seed: ${seed}, numSteps: ${numSteps} }) { ... on JobRunning { job { id } } } }`,
      );
    const stateOf = async id => (await ask(`{ job(id: "${id}") { state } }`)).job.state;
    const until = async (id, states) => {
      while (!states.includes(await stateOf(id))) {
        await new Promise(wake => setTimeout(wake, 20));
      }
    };

    await measure(numWarmUp);
    const idle = [];
    const busy = [];
    for (let round = 0; round < numRounds; round++) {
      idle.push(...(await measure(numRequests)));
      // 100 steps of 3 candidates take longer than the requests; the rest is cancelled.
      const { job } = (await personalize(100 + round, 100)).personalizeImage;
      await until(job.id, ["RUNNING"]);
      busy.push(...(await measure(numRequests)));
      if ((await stateOf(job.id)) !== "RUNNING") {
        throw new Error(
          "bench/latency: the generation ended before the requests; ask for more steps",
        );
      }
      await ask(`mutation { cancelJob(id: "${job.id}") { state } }`);
      await until(job.id, ["CANCELLED", "SUCCEEDED"]);
    }
    const row = times => ({
      medianMs: Number(quantile(times, 0.5).toFixed(2)),
      p95Ms: Number(quantile(times, 0.95).toFixed(2)),
      p99Ms: Number(quantile(times, 0.99).toFixed(2)),
    });
    const result = { numRequests: numRounds * numRequests, idle: row(idle), generating: row(busy) };
    console.table({ idle: result.idle, generating: result.generating });
    const ratio = Number((quantile(busy, 0.5) / quantile(idle, 0.5)).toFixed(2));
    console.log(`median while generating / idle median = ${ratio} (at most 3 is wanted)`);
    return { ...result, ratio };
  } finally {
    server.kill("SIGTERM");
    await once(server, "exit");
    await rm(home, { recursive: true, force: true });
  }
}
