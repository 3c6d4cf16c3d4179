/** @file Generated and committed files, so that API changes show in review. */
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
  /** The expected content. */
  content: () => Promise<string> | string;
}

const packageRoot = resolve(import.meta.dirname, "../..");

/** A command that writes the file, or with `--check` fails with `SCHEMA_DRIFT` if it is outdated. */
export function emittedFileCommand({ name, description, path, content }: EmittedFile): Command {
  return new Command(name)
    .description(description)
    .option("--check", "write nothing; fail if the file is outdated")
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
      console.log(`${path} is up to date`);
    });
}
