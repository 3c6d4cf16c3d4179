/** @file `vitrine personalizers`: the versions of the personalizer, which one serves, and going back. */
import { Command } from "commander";
import { createServices } from "../plugin/create-services.js";
import { type CliContext } from "./cli-context.js";

export function personalizersCommand(context: CliContext): Command {
  const personalizers = new Command("personalizers").description("versions of the personalizer");

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

  personalizers
    .command("list")
    .description("newest first")
    .option("--json", "print one JSON array")
    .action(({ json }: { json?: boolean }) =>
      withServices(async ({ personalizerVersions }) => {
        const versions = await personalizerVersions.findPage({ limit: 100, after: null });
        return json
          ? JSON.stringify(versions)
          : versions
              .map(({ id, generator, state, isActive, createdAt }) =>
                [isActive ? "*" : " ", id, generator, state, createdAt.toISOString()].join("  "),
              )
              .join("\n");
      }),
    );
  personalizers
    .command("activate <versionId>")
    .description("make pictures with this version")
    .action((versionId: string) =>
      withServices(async ({ personalizers: registry }) => {
        const { id } = await registry.activate(versionId);
        return `version ${id} is active`;
      }),
    );
  personalizers
    .command("rollback")
    .description("make pictures with the version that was active before")
    .action(() =>
      withServices(async ({ personalizers: registry }) => {
        const { id } = await registry.rollback();
        return `version ${id} is active`;
      }),
    );
  return personalizers;
}
