/** @file `vitrine serve` serves the API (and runs jobs, unless disabled); `vitrine worker` only runs jobs. */
import { once } from "node:events";
import { join } from "node:path";
import { Command } from "commander";
import { noteServing } from "../db/serving-note.js";
import type { Plugin } from "../plugin/create-plugin.js";
import { createServer, type Server } from "../server/create-server.js";
import type { DemoDesk } from "../server/demo-routes.js";
import { createProbes } from "../server/readiness.js";
import type { CliContext, OpenedContext } from "./cli-context.js";
import { addFederationOptions, type FederationFlags, federationOf } from "./federation-options.js";
import { withPlugin } from "./with-services.js";

/** Resolves when the process is told to stop. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await once(signal, "abort");
  }
}

/** The API over a plugin. @param demo opens the storefront page to everyone */
export function startServer(
  { db, config, logger }: OpenedContext,
  plugin: Plugin,
  demo?: DemoDesk,
): Promise<Server> {
  return createServer({
    plugin,
    config,
    logger,
    demo,
    probes: createProbes(db, plugin.services),
  });
}

export function serveCommand(context: CliContext): Command {
  const command = new Command("serve")
    .description(
      "serve the GraphQL API at VITRINE_HOST:VITRINE_PORT, and run jobs (VITRINE_RUN_JOBS=0: do not)",
    )
    .option("--federation", "serve a subgraph of Apollo Federation 2")
    .action((options: FederationFlags) =>
      withPlugin(context, { federation: federationOf(options) }, async (plugin, opened) => {
        const server = await startServer(opened, plugin);
        // Loaded before the first request, so that the log says at once if the model cannot rank images.
        plugin.services.rankers.active().catch((error: unknown) => {
          opened.logger.error({ err: error }, "the active ranking model cannot be read");
        });
        const endpoint = `${server.url}/graphql`;
        const forgetServing =
          opened.db.kind === "embedded"
            ? noteServing(join(opened.home, "postgres"), endpoint)
            : () => undefined;
        console.log(endpoint);
        await untilAborted(opened.signal);
        forgetServing();
        await server.close();
      }),
    );
  return addFederationOptions(command);
}

export function workerCommand(context: CliContext): Command {
  return new Command("worker")
    .description("run jobs, without an API; any number of workers share a DATABASE_URL")
    .action(() =>
      withPlugin(context, { runJobs: true }, async (_plugin, { db, home, signal }) => {
        console.log(`running jobs of ${db.kind === "embedded" ? home : "DATABASE_URL"}`);
        await untilAborted(signal);
      }),
    );
}
