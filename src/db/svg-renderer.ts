/**
 * @file Renders SVG in a separate process, which is killed when a drawing takes too long or too much memory: librsvg cannot
 * be stopped, and a few kilobytes can keep it busy for hours.
 *
 * The process starts with the first drawing, renders one at a time, and does not keep its parent alive.
 */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pLimit from "p-limit";
import { AppError } from "../errors/app-error.js";

/** Time limit for one drawing; an icon takes about 10 ms. */
const TIMEOUT_MS = 10_000;

export interface SvgRequest {
  bytes: Uint8Array;
  /** Width times height in the drawing's own units. */
  maxPixels: number;
}

export type SvgAnswer =
  | { png: Uint8Array; widthPixels: number; heightPixels: number }
  | { tooManyPixels: number }
  | { reason: string }
  /** The process ends itself. */
  | { reason: string; isEnding: true };

export interface DrawnSvg {
  png: Buffer;
  widthPixels: number;
  heightPixels: number;
}

const oneAtATime = pLimit(1);
let drawer: ChildProcess | null = null;

/**
 * A drawing as a PNG, its longer side at least 512 pixels.
 *
 * @param bytes As `checkedSvg` returns them.
 * @param timeoutMs Default 10,000.
 * @throws AppError `IMAGE_TOO_LARGE`, `IMAGE_UNREADABLE` (also on a timeout)
 */
export async function drawSvg(
  bytes: Uint8Array,
  maxPixels: number,
  timeoutMs = TIMEOUT_MS,
): Promise<DrawnSvg> {
  const answer = await oneAtATime(() => ask({ bytes, maxPixels }, timeoutMs));
  if ("tooManyPixels" in answer) {
    const { tooManyPixels: got } = answer;
    throw new AppError("IMAGE_TOO_LARGE", { got, unit: "pixels", max: maxPixels });
  }
  if ("reason" in answer) {
    throw new AppError("IMAGE_UNREADABLE", { reason: answer.reason });
  }
  return { ...answer, png: Buffer.from(answer.png) };
}

async function ask(request: SvgRequest, timeoutMs: number): Promise<SvgAnswer> {
  const child = (drawer ??= start());
  child.ref();
  child.channel?.ref();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<SvgAnswer>((resolve, reject) => {
      const end = (reason: string) => {
        drawer = null;
        child.kill("SIGKILL");
        resolve({ reason });
      };
      timer = setTimeout(end, timeoutMs, `drawing it took more than ${timeoutMs / 1_000} s`);
      child.once("message", (answer: SvgAnswer) => {
        if ("isEnding" in answer) {
          end(answer.reason);
        } else {
          resolve(answer);
        }
      });
      child.once("exit", () => {
        end("the process that drew it ended");
      });
      child.once("error", reject);
      child.send(request);
    });
  } finally {
    clearTimeout(timer);
    child.removeAllListeners();
    child.unref();
    child.channel?.unref();
  }
}

/** Without this process's environment, which holds secrets. */
function start(): ChildProcess {
  const child = fork(entry(), {
    env: {},
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  return child;
}

function entry(): string {
  const beside = fileURLToPath(new URL("./svg-process.js", import.meta.url));
  const built = fileURLToPath(new URL("../../dist/db/svg-process.js", import.meta.url));
  const path = [beside, built].find(candidate => existsSync(candidate));
  if (path === undefined) {
    throw new Error(`drawSvg: expected ${built}; run 'npm run build'`);
  }
  return path;
}
