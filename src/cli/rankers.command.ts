/** @file `vitrine rankers`: the versions of the ranking model, which one serves, and going back. */
import { Command } from "commander";
import { createServices } from "../plugin/create-services.js";
import { type CliContext } from "./cli-context.js";

export function rankersCommand(context: CliContext): Command {
  const rankers = new Command("rankers").description("versions of the ranking model");

  const withServices = async (
    run: (services: Awaited<ReturnType<typeof createServices>>) => Promise<string>,
  ) => {
    const opened = await context.open();
    try {
      const services = await createServices(opened);
      console.log(await run(services));
      await services.close();
    } finally {
      await opened.close();
    }
  };

  rankers
    .command("list")
    .description("newest first")
    .option("--json", "print one JSON array")
    .action(({ json }: { json?: boolean }) =>
      withServices(async ({ catalog }) => {
        const versions = await catalog.findRankingModelPage({ limit: 100, after: null });
        return json
          ? JSON.stringify(versions)
          : versions
              .map(({ id, algorithm, state, isActive, createdAt }) =>
                [isActive ? "*" : " ", id, algorithm, state, createdAt.toISOString()].join("  "),
              )
              .join("\n");
      }),
    );
  rankers
    .command("activate <versionId>")
    .description("serve this version")
    .action((versionId: string) =>
      withServices(async ({ rankers: registry }) => {
        const { id } = await registry.activate(versionId);
        return `version ${id} is active`;
      }),
    );
  rankers
    .command("rollback")
    .description("serve the version that was active before")
    .action(() =>
      withServices(async ({ rankers: registry }) => {
        const { id } = await registry.rollback();
        return `version ${id} is active`;
      }),
    );
  return rankers;
}
