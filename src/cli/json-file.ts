/** @file Files of JSON that a command is given. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { AppError } from "../errors/app-error.js";
import { parseJson } from "../errors/parse-options.js";

/** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED, naming every fault. */
export async function readJsonFile<T>(
  path: string,
  expected: string,
  schema: z.ZodType<T>,
): Promise<T> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new AppError("FILE_NOT_FOUND", { path }, { cause: error });
  });
  return parseJson(
    text,
    schema,
    reason => new AppError("FILE_MALFORMED", { path, expected, reason }),
  );
}

/** Any object: a configuration whose reader checks it. */
export const jsonObject = z.record(z.string(), z.unknown());

/** The configuration in a file; empty without one. @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export async function readConfigFile(path?: string): Promise<Record<string, unknown>> {
  return path === undefined ? {} : readJsonFile(path, "a configuration", jsonObject);
}
