/** @file Runs the built command line in a separate process, as its users do. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

const main = resolve("dist/cli/main.js");

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { nodeArgs = [], wrapper = [] }: ServeOptions = {},
): ChildProcess {
  const { PATH, HOME, TMPDIR, TZ } = process.env;
  const [command, ...rest] = [...wrapper, process.execPath, ...nodeArgs, main, ...args];
  return spawn(command, rest, {
    env: { PATH, HOME, TMPDIR, TZ, VITRINE_LOG_LEVEL: "error", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs a command until it ends. */
export async function runCli(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CliResult> {
  const child = start(args, env);
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}

/** Runs a command that must succeed, and parses the line it prints. */
export async function runCliJson<T>(args: readonly string[], env: NodeJS.ProcessEnv): Promise<T> {
  const { code, stdout, stderr } = await runCli([...args, "--json"], env);
  if (code !== 0) {
    throw new Error(`vitrine ${args.join(" ")} ended with ${code}:\n${stderr}`);
  }
  return JSON.parse(stdout) as T;
}

export interface ServeOptions {
  /** Of Node, such as `--import` of a module. */
  nodeArgs?: readonly string[];
  /** A command that becomes Node, such as `setpriv …`. */
  wrapper?: readonly string[];
}

export interface RunningServer {
  url: string;
  pid: number;
  /** What it has logged so far. */
  readonly log: string;
  /** Its exit code, once it has ended by itself or by {@link stop}; null after a kill. */
  readonly ended: Promise<number | null>;
  /** SIGKILL: nothing is closed. */
  kill(): Promise<void>;
  /** SIGTERM, then waits for the end. */
  stop(): Promise<void>;
}

/** Starts `vitrine serve` and waits until it prints its address. */
export async function startServe(
  env: NodeJS.ProcessEnv,
  options: ServeOptions = {},
): Promise<RunningServer> {
  const child = start(["serve"], { VITRINE_PORT: "0", ...env }, options);
  const ended = once(child, "exit").then(([code]) => code as number | null);
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const url = await new Promise<string>((found, failed) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      found(
        chunk
          .toString()
          .trim()
          .replace(/\/graphql$/, ""),
      );
    });
    child.once("exit", code => {
      failed(new Error(`vitrine serve ended with ${code}:\n${stderr}`));
    });
  });
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, "exit");
    }
  };
  return {
    url,
    pid: child.pid!, // it has printed its address
    get log() {
      return stderr;
    },
    ended,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
  };
}

/** Runs a command and kills it (SIGKILL) this many milliseconds after a line of its progress matches. */
export async function runCliUntilKilled(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { line, afterMs }: { line: RegExp; afterMs: number },
): Promise<void> {
  const child = start(args, env);
  child.stderr?.on("data", (chunk: Buffer) => {
    if (line.test(chunk.toString())) {
      setTimeout(() => child.kill("SIGKILL"), afterMs);
    }
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL") {
    throw new Error(`vitrine ${args.join(" ")} ended with ${code} before it could be killed`);
  }
}
