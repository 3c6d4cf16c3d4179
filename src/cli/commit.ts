/** @file The commit that a result was made with. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Of the working folder; null where there is none. */
export async function commitOf(): Promise<string | null> {
  try {
    return (await promisify(execFile)("git", ["rev-parse", "HEAD"])).stdout.trim();
  } catch {
    return null;
  }
}
