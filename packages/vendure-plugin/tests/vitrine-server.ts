/** @file A real Vitrine server on its embedded database, and a proxy before it that can fail. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** From `build-tests/tests`. */
export const packageFolder = resolve(__dirname, "../..");
const repository = resolve(packageFolder, "../..");
const cli = join(repository, "dist/cli/main.js");

export interface RunningVitrine {
  /** Address of its API. */
  url: string;
  /** An admin key. */
  key: string;
  ask<Data>(query: string, variables?: object): Promise<Data>;
  stop(): Promise<void>;
}

export async function startVitrine(): Promise<RunningVitrine> {
  const home = mkdtempSync(join(tmpdir(), "vitrine-vendure-"));
  const env = {
    ...{ PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR },
    ...{ VITRINE_HOME: home, VITRINE_PORT: "0", VITRINE_LOG_LEVEL: "error" },
    VITRINE_MODELS: join(repository, "models/studio"),
  };
  const made = execFileSync(
    process.execPath,
    [cli, "keys", "create", "vendure", "--role", "admin", "--json"],
    { env, encoding: "utf8" },
  );
  const { key } = JSON.parse(made) as { key: string };
  const child = spawn(process.execPath, [cli, "serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const url = await printedAddress(child);
  return {
    url,
    key,
    async ask<Data>(query: string, variables: object = {}) {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ query, variables }),
      });
      const answer = (await response.json()) as { data?: Data; errors?: { message: string }[] };
      if (!answer.data || answer.errors) {
        throw new Error(JSON.stringify(answer.errors));
      }
      return answer.data;
    },
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) {
        await once(child, "exit");
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The first address that a process prints. */
export function printedAddress(child: ChildProcess): Promise<string> {
  let output = "";
  return new Promise((found, failed) => {
    child.stdout!.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const address = /http:\S+/.exec(output)?.[0];
      if (address) {
        found(address);
      }
    });
    child.stderr!.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("exit", code => {
      failed(new Error(`the process ended with ${code}:\n${output}`));
    });
  });
}

/** Answers a request itself; null passes it on. */
export type Fault = ((response: ServerResponse) => void) | null;

export interface Front {
  url: string;
  fault: Fault;
  /** Requests so far, those with a fault too. */
  numAsked: number;
  close(): Promise<void>;
}

/** A proxy before Vitrine. */
export async function openFront(target: string): Promise<Front> {
  const front: Front = { url: "", fault: null, numAsked: 0, close: async () => undefined };
  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    front.numAsked++;
    if (front.fault) {
      incoming.resume();
      front.fault(response);
      return;
    }
    const { headers, method, url } = incoming;
    const asked = request(new URL(url!, target), { method, headers }, answer => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    asked.on("error", () => response.destroy());
    incoming.pipe(asked);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  front.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
  front.close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return front;
}

/** Far longer than anything here takes, on any machine. */
const PATIENCE_MS = 300_000;

/** Waits until `found` gives something. */
export async function eventually<Found>(
  found: () => Promise<Found | null | undefined | false>,
): Promise<Found> {
  for (const startedMs = Date.now(); Date.now() - startedMs < PATIENCE_MS;) {
    const value = await found();
    if (value) {
      return value;
    }
    await new Promise(resolve => setTimeout(resolve, 250));
  }
  throw new Error(`waited in vain for ${found.toString()}`);
}
