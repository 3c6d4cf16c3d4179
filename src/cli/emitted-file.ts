/** @file Files that are made from the code and committed, so that a change of the API shows in review. */
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { AppError } from "../errors/app-error.js";

interface EmittedFile {
  /** The command's name. */
  name: string;
  description: string;
  /** Path from the root of the package. */
  path: string;
  /** What the file has to be. */
  content: () => Promise<string> | string;
}

const packageRoot = resolve(import.meta.dirname, "../..");

/** A command that writes the file, or with `--check` fails with `SCHEMA_DRIFT` if it is not what the code says. */
export function emittedFileCommand({ name, description, path, content }: EmittedFile): Command {
  return new Command(name)
    .description(description)
    .option("--check", "write nothing; fail if the file is not what the code says")
    .action(async ({ check = false }: { check?: boolean }) => {
      const file = resolve(packageRoot, path);
      const wanted = await content();
      if (!check) {
        await writeFile(file, wanted);
        console.log(`wrote ${path}`);
        return;
      }
      const found = await readFile(file, "utf8").catch(() => null);
      if (found !== wanted) {
        throw new AppError("SCHEMA_DRIFT", { file: path, command: `vitrine ${name}` });
      }
      console.log(`${path} is what the code says`);
    });
}
