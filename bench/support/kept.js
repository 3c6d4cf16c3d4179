/** What a benchmark keeps in a folder, so that a stopped run resumes. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Computes a value, or reads it if the folder has it. Without a folder, always computes. */
export function keptIn(folder) {
  return async (name, compute) => {
    if (folder === undefined) {
      return compute();
    }
    const path = join(folder, `${name.replaceAll(/[^\w.-]+/g, "-")}.json`);
    if (existsSync(path)) {
      return JSON.parse(readFileSync(path, "utf8"));
    }
    const value = await compute();
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.tmp`, JSON.stringify(value));
    renameSync(`${path}.tmp`, path);
    return value;
  };
}
