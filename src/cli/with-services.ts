/** @file What a command opens and closes again, also when it fails: the database, the services over it, or a whole plugin. */
import { createPlugin, type Plugin, type PluginOptions } from "../plugin/create-plugin.js";
import { createServices, type Services } from "../plugin/create-services.js";
import type { CliContext, OpenedContext } from "./cli-context.js";

export async function withDatabase<T>(
  context: CliContext,
  run: (opened: OpenedContext) => Promise<T>,
): Promise<T> {
  const opened = await context.open();
  try {
    return await run(opened);
  } finally {
    await opened.close();
  }
}

export function withServices<T>(
  context: CliContext,
  run: (services: Services, opened: OpenedContext) => Promise<T>,
): Promise<T> {
  return withDatabase(context, async opened => {
    const services = await createServices(opened);
    try {
      return await run(services, opened);
    } finally {
      await services.close();
    }
  });
}

export function withPlugin<T>(
  context: CliContext,
  options: Pick<PluginOptions, "runJobs" | "federation">,
  run: (plugin: Plugin, opened: OpenedContext) => Promise<T>,
): Promise<T> {
  return withDatabase(context, async opened => {
    const plugin = await createPlugin({ ...opened, ...options });
    try {
      return await run(plugin, opened);
    } finally {
      await plugin.close();
    }
  });
}
