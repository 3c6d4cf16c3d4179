/** @file `GET /health` (the process runs), `GET /ready` (all its parts are available), and the page at `/`. */
import type { FastifyInstance } from "fastify";
import { AppError } from "../errors/app-error.js";

export interface Probes {
  /** Fails if the database does not answer. */
  ping(): Promise<unknown>;
  /** What is missing, such as `caption index`; empty if nothing is. Default: nothing. */
  missing?(): Promise<readonly string[]>;
  /** What serves in a lesser way, in a sentence each; empty if nothing does. Default: nothing. */
  degraded?(): readonly string[] | Promise<readonly string[]>;
}

/** A database that takes longer counts as away. */
const PING_TIMEOUT_MS = 3_000;
/** When a client may ask again. */
const RETRY_AFTER_SECONDS = 5;

/** @param apiUrl Null if another page is at `/`. */
export function healthRoutes(
  app: FastifyInstance,
  probes: Probes,
  apiUrl: (() => string) | null,
): void {
  const ping = () => answeredInTime(probes.ping());

  app.get("/health", async (_request, reply) => {
    reply.header("cache-control", "no-store");
    await ping();
    return { status: "ok" };
  });

  app.get("/ready", async (_request, reply) => {
    const fault = await ping().then(
      () => null,
      (error: unknown) => error as AppError, // answeredInTime rejects with nothing else
    );
    const missing = fault ? ["database"] : ((await probes.missing?.()) ?? []);
    const degraded = (await probes.degraded?.()) ?? [];
    const errors = fault ? [{ message: fault.message, extensions: fault.extensions }] : undefined;
    if (missing.length > 0) {
      reply.code(503).header("retry-after", RETRY_AFTER_SECONDS);
    }
    return reply
      .header("cache-control", "no-store")
      .send({ ready: missing.length === 0, missing, degraded, errors });
  });

  if (apiUrl) {
    app.get("/", async (_request, reply) =>
      reply.type("text/html; charset=utf-8").send(page(apiUrl())),
    );
  }
}

/** @throws AppError `DATABASE_UNREACHABLE` */
async function answeredInTime(ping: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, PING_TIMEOUT_MS, new Error(`no answer in ${PING_TIMEOUT_MS} ms`));
  });
  try {
    await Promise.race([ping, timeout]);
  } catch (cause) {
    const reason = "it does not answer"; // the cause goes to the log: it may name hosts and users
    throw new AppError("DATABASE_UNREACHABLE", { reason }, { cause });
  } finally {
    clearTimeout(timer);
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
