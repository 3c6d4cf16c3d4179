/** @file The secret of the shoppers' tokens when the environment has none: generated once, stored beside the data. */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { storageFault } from "./environment-fault.js";

/**
 * The secret in `home`, generated on the first call; concurrent processes agree on one.
 *
 * @throws AppError `DISK_FULL`, `STORAGE_UNAVAILABLE`
 */
export function loadTokenSecret(home: string): string {
  const path = join(home, "token-secret");
  const read = () => readFileSync(path, "utf8").trim();
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw error;
    }
  }
  try {
    make(home, path);
  } catch (error) {
    throw storageFault(error, "token-secret", "written") ?? error;
  }
  return read();
}

function make(home: string, path: string): void {
  mkdirSync(home, { recursive: true });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(temporary, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  try {
    linkSync(temporary, path); // unlike a rename, it never replaces another process's secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw error;
    }
  } finally {
    rmSync(temporary);
  }
}
