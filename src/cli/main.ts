#!/usr/bin/env node
/**
 * @file The command line. Results go to standard output, progress and errors to standard error.
 *
 * Exit codes: 0 done, 1 an error (with its code of docs/errors.md), 2 wrong usage, 3 another process took the data
 * folder, 130 interrupted.
 */
import { Command, CommanderError } from "commander";
import { environmentFault } from "../db/environment-fault.js";
import { AppError } from "../errors/app-error.js";
import { createCliContext } from "./create-cli-context.js";
import { dbCommand } from "./db.command.js";
import { demoCommand } from "./demo.command.js";
import { errorsCommand } from "./errors.command.js";
import { evaluateCommand } from "./evaluate.command.js";
import { experimentCommand } from "./experiment.command.js";
import { importCommand } from "./import.command.js";
import { indexCommand } from "./index.command.js";
import { keysCommand } from "./keys.command.js";
import { lockedAdvice } from "./locked-advice.js";
import { modelsCommand } from "./models.command.js";
import { personalizersCommand } from "./personalizers.command.js";
import { photosCommand } from "./photos.command.js";
import { rankersCommand } from "./rankers.command.js";
import { recommendCommand } from "./recommend.command.js";
import { rerankCommand } from "./rerank.command.js";
import { schemaCommand } from "./schema.command.js";
import { serveCommand, workerCommand } from "./serve.command.js";
import { stickersCommand } from "./stickers.command.js";
import { studyCommand } from "./study.command.js";
import { trainCommand } from "./train.command.js";
import { tuneCommand } from "./tune.command.js";
import { usersCommand } from "./users.command.js";
import { vectorsCommand } from "./vectors.command.js";

const EXIT_FAULT = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

const context = createCliContext();

const program = new Command("vitrine")
  .description("Product images that know who is looking.")
  .version("0.1.0")
  .showHelpAfterError()
  .addHelpText(
    "after",
    "\nSettings come from the environment (DATABASE_URL, VITRINE_HOME, …): see docs/operations.md.",
  )
  .addCommand(demoCommand(context))
  .addCommand(serveCommand(context))
  .addCommand(workerCommand(context))
  .addCommand(importCommand(context))
  .addCommand(indexCommand(context))
  .addCommand(trainCommand(context))
  .addCommand(tuneCommand(context))
  .addCommand(evaluateCommand(context))
  .addCommand(rankersCommand(context))
  .addCommand(personalizersCommand(context))
  .addCommand(recommendCommand(context))
  .addCommand(vectorsCommand(context))
  .addCommand(rerankCommand(context))
  .addCommand(experimentCommand(context))
  .addCommand(photosCommand(context))
  .addCommand(studyCommand(context))
  .addCommand(keysCommand(context))
  .addCommand(usersCommand(context))
  .addCommand(modelsCommand(context))
  .addCommand(stickersCommand())
  .addCommand(dbCommand(context))
  .addCommand(schemaCommand())
  .addCommand(errorsCommand());

/** The commands without options: `node vitrine train ranker --seed 1` gives `train ranker 1`. */
function commandWords(argv: readonly string[]): string[] {
  return argv.slice(2).filter(word => !word.startsWith("-"));
}

/** `npm run demo -- --shop photos -- --once` passes the second `--` on; the demo has only options, so it means nothing there. */
function argumentsOf(argv: readonly string[]): string[] {
  return argv[2] === "demo" ? argv.filter(word => word !== "--") : [...argv];
}

/** Usage errors have their own exit code; commander has already printed them. */
function overrideExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(overrideExit);
}
overrideExit(program);

try {
  await program.parseAsync(argumentsOf(process.argv));
} catch (thrown) {
  const error = environmentFault(thrown) ?? thrown;
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  } else if (context.interrupted) {
    console.error("interrupted; the same command resumes");
    process.exitCode = EXIT_INTERRUPTED;
  } else {
    console.error(error instanceof AppError ? `${error.code}: ${error.message}` : error);
    if (error instanceof AppError && error.code === "DATA_FOLDER_LOCKED") {
      console.error(lockedAdvice(error, commandWords(process.argv)));
    }
    process.exitCode = EXIT_FAULT;
  }
}
// Worker threads and native libraries may keep the process alive; each command has closed its resources.
process.exit();
