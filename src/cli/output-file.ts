/** @file Output files: checked before hours of work, not after. */
import { constants } from "node:fs";
import { access, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "../errors/app-error.js";

/**
 * Makes the folder of an output file.
 *
 * @param option As the user gave it, such as `--out`.
 * @throws AppError INVALID_ARGUMENT when the file could not be written there.
 */
export async function prepareOutput(option: string, path: string): Promise<void> {
  const refused = (reason: string, cause?: unknown) =>
    new AppError(
      "INVALID_ARGUMENT",
      { argument: option, problem: `cannot be written to '${path}': ${reason}` },
      { cause },
    );
  const before = await stat(path).catch(() => null);
  if (before?.isDirectory()) {
    throw refused("it is a folder");
  }
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    throw refused((error as NodeJS.ErrnoException).code ?? String(error), error);
  }
}
