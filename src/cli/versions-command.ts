/** @file The common part of `vitrine rankers` and `vitrine personalizers`: list, activate and roll back versions. */
import { Command } from "commander";
import type { Services } from "../plugin/create-services.js";
import { type CliContext } from "./cli-context.js";
import { withServices } from "./with-services.js";

/** Newest versions listed. */
const MAX_LISTED = 100;

interface VersionsOptions<Version> {
  name: string;
  /** Of the command, of `list` and of `activate`. */
  descriptions: { versions: string; list: string; activate: string; rollback: string };
  find: (services: Services, page: { limit: number; after: null }) => Promise<readonly Version[]>;
  registry: (services: Services) => {
    activate(versionId: string): Promise<Version>;
    rollback(): Promise<Version>;
  };
  /** The columns of a version after its id. */
  columns: (version: Version) => string[];
  /** A warning about a newly activated version; null for none. Default: none. */
  warningOf?: (version: Version) => string | null;
}

export function versionsCommand<Version extends { id: string; isActive: boolean }>(
  context: CliContext,
  { columns, descriptions, find, name, registry, warningOf }: VersionsOptions<Version>,
): Command {
  const command = new Command(name).description(descriptions.versions);
  const serving = (version: Version) =>
    [`version ${version.id} is active`, warningOf?.(version) ?? []].flat().join("\n");
  const print = async (run: (services: Services) => Promise<string>) => {
    console.log(await withServices(context, run));
  };
  command
    .command("list")
    .description(descriptions.list)
    .option("--json", "print one JSON array")
    .action(({ json }: { json?: boolean }) =>
      print(async services => {
        const versions = await find(services, { limit: MAX_LISTED, after: null });
        return json
          ? JSON.stringify(versions)
          : versions
              .map(version =>
                [version.isActive ? "*" : " ", version.id, ...columns(version)].join("  "),
              )
              .join("\n");
      }),
    );
  command
    .command("activate <versionId>")
    .description(descriptions.activate)
    .action((versionId: string) =>
      print(async services => serving(await registry(services).activate(versionId))),
    );
  command
    .command("rollback")
    .description(descriptions.rollback)
    .action(() => print(async services => serving(await registry(services).rollback())));
  return command;
}
