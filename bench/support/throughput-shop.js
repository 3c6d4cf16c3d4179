/** @file Servers in processes of their own, for benchmarks of the API, and a small shop behind one. */
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Pool } from "undici";

const main = resolve(import.meta.dirname, "../../dist/cli/main.js");
const serverFile = resolve(import.meta.dirname, "throughput-server.js");
/** Of the client that {@link startServer} gives. */
export const numConnections = 10;

/** A server in a process of its own, and a client of it. */
export async function startServer(kind, env = process.env, execArgv = []) {
  const child = fork(serverFile, [kind], {
    env,
    execArgv,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [{ url }] = await once(child, "message");
  const { origin, pathname: path } = new URL(url);
  const pool = new Pool(origin, { connections: numConnections, pipelining: 1 });
  const ask = async (body, key) => {
    const headers = {
      "content-type": "application/json",
      ...(key && { authorization: `Bearer ${key}` }),
    };
    const response = await pool.request({ path, method: "POST", headers, body });
    const answer = await response.body.json();
    if (response.statusCode !== 200 || answer.errors) {
      throw new Error(`bench: ${kind} answered ${JSON.stringify(answer).slice(0, 300)}`);
    }
    return answer.data;
  };
  const usage = async () => {
    child.send("usage");
    const [message] = await once(child, "message");
    return message;
  };
  const stop = async () => {
    await pool.close();
    child.disconnect();
    await once(child, "exit");
  };
  return { url, ask, usage, stop };
}

/** A shop with one image that is made, and its server. @param execArgv Node's options of the server. */
export async function createShop(databaseUrl, execArgv) {
  const home = await mkdtemp(join(tmpdir(), "vitrine-bench-"));
  const env = { ...process.env, VITRINE_HOME: home, VITRINE_LOG_LEVEL: "error" };
  delete env.DATABASE_URL;
  if (databaseUrl) {
    env.DATABASE_URL = databaseUrl;
  }
  const vitrine = async (...args) => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env });
    return JSON.parse(stdout);
  };
  const made = await vitrine(..."demo --once --json --concepts 40 --users 80".split(" "));
  const { key } = await vitrine(..."keys create bench --role storefront --json".split(" "));
  const server = await startServer("vitrine", env, execArgv);
  const remove = async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  };
  return { ...made, key, server, remove };
}
