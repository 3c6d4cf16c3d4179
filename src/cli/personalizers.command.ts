/** @file `vitrine personalizers`: the versions of the personalizer, which one serves, and going back. */
import { type Command } from "commander";
import { type CliContext } from "./cli-context.js";
import { versionsCommand } from "./versions-command.js";

export function personalizersCommand(context: CliContext): Command {
  return versionsCommand(context, {
    name: "personalizers",
    descriptions: {
      versions: "versions of the personalizer",
      list: "newest first",
      activate: "make pictures with this version",
      rollback: "make pictures with the version that was active before",
    },
    find: ({ personalizerVersions }, page) => personalizerVersions.findPage(page),
    registry: ({ personalizers }) => personalizers,
    columns: ({ createdAt, generator, state }) => [generator, state, createdAt.toISOString()],
  });
}
