/** @file `GET /health` (the process runs), `GET /ready` (all its parts are available), and the page at `/`. */
import type { FastifyInstance } from "fastify";
import { AppError } from "../errors/app-error.js";

export interface Probes {
  /** Fails if the database does not answer. */
  ping(): Promise<unknown>;
  /** What is missing, such as `caption index`; empty if nothing is. Default: nothing. */
  missing?(): Promise<readonly string[]>;
  /** What serves in a lesser way, in a sentence each; empty if nothing does. Default: nothing. */
  degraded?(): readonly string[];
}

/** @param apiUrl Null if another page is at `/`. */
export function healthRoutes(
  app: FastifyInstance,
  probes: Probes,
  apiUrl: (() => string) | null,
): void {
  const ping = async () => {
    await probes.ping().catch((error: unknown) => {
      const reason = "it does not answer"; // the cause goes to the log: it may name hosts and users
      throw new AppError("DATABASE_UNREACHABLE", { reason }, { cause: error });
    });
  };

  app.get("/health", async () => {
    await ping();
    return { status: "ok" };
  });

  app.get("/ready", async (_request, reply) => {
    await ping();
    const missing = (await probes.missing?.()) ?? [];
    return reply.code(missing.length === 0 ? 200 : 503).send({
      ready: missing.length === 0,
      missing,
      degraded: probes.degraded?.() ?? [],
    });
  });

  if (apiUrl) {
    app.get("/", async (_request, reply) =>
      reply.type("text/html; charset=utf-8").send(page(apiUrl())),
    );
  }
}

const page = (apiUrl: string) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Vitrine</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>Vitrine</h1>
<p>The GraphQL API is at <code>${apiUrl}</code>; subscriptions use the same address over websockets
(<code>graphql-transport-ws</code>).</p>
<p>Send an API key as <code>Authorization: Bearer vk_…</code>; <code>vitrine keys create</code> makes one. The API is
described field by field in <code>schema.graphql</code>.</p>
</html>
`;
