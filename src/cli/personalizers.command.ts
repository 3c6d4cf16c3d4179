/** @file `vitrine personalizers`: lists, activates and rolls back versions of the personalizer. */
import { type Command } from "commander";
import { type CliContext } from "./cli-context.js";
import { versionsCommand } from "./versions-command.js";

export function personalizersCommand(context: CliContext): Command {
  return versionsCommand(context, {
    name: "personalizers",
    descriptions: {
      versions: "versions of the personalizer",
      list: "newest first",
      activate: "generate pictures with this version",
      rollback: "generate pictures with the previously active version",
    },
    service: ({ personalizers }) => personalizers,
    columns: ({ createdAt, generator, state }) => [generator, state, createdAt.toISOString()],
  });
}
