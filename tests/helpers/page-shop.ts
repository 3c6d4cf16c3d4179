/** @file A small real shop behind the real server, for tests of the pages: `vitrine demo` in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { patience } from "./patience.js";

export interface PageShop {
  /** The server's address, without a slash at the end. */
  url: string;
  /** An admin key. */
  key: string;
  /** The shop's `VITRINE_HOME`. */
  home: string;
  /** Ends the server; the shop's data stay for the next `start`. */
  stopServer(): Promise<void>;
  /** Starts the server again, at the same port. */
  startServer(): Promise<void>;
  /** Ends the server and deletes the shop. */
  close(): Promise<void>;
}

const size = ["--concepts", "12", "--users", "40"];

/** Makes the shop; takes some tens of seconds, so one file of tests makes one. */
export async function openPageShop(env: NodeJS.ProcessEnv = {}): Promise<PageShop> {
  const home = mkdtempSync(join(tmpdir(), "vitrine-pages-"));
  let server = await startDemo({ VITRINE_PORT: "0", ...env, VITRINE_HOME: home });
  const { port } = new URL(server.url);
  const shop: PageShop = {
    url: server.url,
    key: server.key,
    home,
    stopServer: () => stop(server.child),
    async startServer() {
      server = await startDemo({ ...env, VITRINE_PORT: port, VITRINE_HOME: home });
      shop.key = server.key;
    },
    async close() {
      await stop(server.child);
      rmSync(home, { recursive: true, force: true });
    },
  };
  return shop;
}

async function startDemo(env: NodeJS.ProcessEnv) {
  const { PATH, HOME, TMPDIR, TZ } = process.env;
  const child = spawn(process.execPath, [resolve("dist/cli/main.js"), "demo", ...size], {
    env: { PATH, HOME, TMPDIR, TZ, CI: "true", VITRINE_LOG_LEVEL: "error", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const printed = new Promise<{ url: string; key: string }>((found, failed) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const url = /(http:\S+)\/graphql/.exec(output)?.[1];
      const key = /Authorization: Bearer (\S+)/.exec(output)?.[1];
      if (url && key) {
        found({ url, key });
      }
    });
    child.once("exit", code => {
      failed(new Error(`vitrine demo ended with ${code}:\n${output}`));
    });
  });
  const late = setTimeout(() => child.kill("SIGKILL"), patience(300_000));
  const started = await printed.finally(() => {
    clearTimeout(late);
  });
  return { child, ...started };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}
