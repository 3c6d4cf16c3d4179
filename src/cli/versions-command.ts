/** @file The common part of the commands for rankers and personalizers: train, list, activate and roll back versions. */
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import type { WorkHooks } from "../ml/progress.js";
import type { Services } from "../plugin/create-services.js";
import type { TrainRequest } from "../recsys/versions/trained-version.service.js";
import { type CliContext } from "./cli-context.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

/** Newest versions listed. */
const MAX_LISTED = 100;

/** Trains a version, or resumes one that exists; says first how to resume it. */
export async function trainVersion<Result>(
  service: {
    find(versionId: string): Promise<unknown>;
    train(request: TrainRequest, hooks: WorkHooks): Promise<Result>;
  },
  { resume, ...request }: Omit<TrainRequest, "versionId"> & { resume?: string },
  signal: AbortSignal | undefined,
): Promise<Result> {
  const versionId = resume ?? randomUUID();
  if (resume !== undefined) {
    await service.find(resume);
  }
  console.error(`version ${versionId}; to resume it: --resume ${versionId}`);
  return withProgress("train", onProgress =>
    service.train({ versionId, ...request }, { signal, onProgress }),
  );
}

interface VersionsOptions<Version> {
  name: string;
  /** Of the command, of `list` and of `activate`. */
  descriptions: { versions: string; list: string; activate: string; rollback: string };
  service: (services: Services) => {
    findPage(page: { limit: number; after: null }): Promise<readonly Version[]>;
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
  { columns, descriptions, name, service, warningOf }: VersionsOptions<Version>,
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
        const versions = await service(services).findPage({ limit: MAX_LISTED, after: null });
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
      print(async services => serving(await service(services).activate(versionId))),
    );
  command
    .command("rollback")
    .description(descriptions.rollback)
    .action(() => print(async services => serving(await service(services).rollback())));
  return command;
}
