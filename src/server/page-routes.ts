/** @file The built pages: `/admin`, `/study/<id>`, and in the demo the storefront at `/`. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";

interface PageOptions {
  /** Default: no pages. */
  pagesFolder?: string | null;
  /** Image URLs begin with it; empty if they are relative. */
  publicUrl: string;
  /** Whether the storefront is at `/`. */
  storefront: boolean;
  logger: Logger;
}

/** Files with a hash in their name never change. */
const assetsMaxAgeMs = 31_536_000_000;
/** The place in the built pages where an answer's nonce goes. */
const noncePlace = "__CSP_NONCE__";

/** @returns whether there are pages: without a build, the server says so and serves the API alone */
export async function pageRoutes(app: FastifyInstance, options: PageOptions): Promise<boolean> {
  const { pagesFolder, logger, storefront } = options;
  if (!pagesFolder) {
    return false;
  }
  if (!existsSync(join(pagesFolder, "admin.html"))) {
    logger.warn({ folder: pagesFolder }, "the pages are not built: run `npm run build:web`");
    return false;
  }
  await app.register(fastifyStatic, {
    root: join(pagesFolder, "assets"),
    prefix: "/assets/",
    immutable: true,
    maxAge: assetsMaxAgeMs,
    index: false,
    preCompressed: true,
  });
  app.get("/favicon.svg", (_request, reply) =>
    reply.sendFile("favicon.svg", pagesFolder, { immutable: false, maxAge: 86_400_000 }),
  );
  const pages: Record<string, readonly string[]> = {
    admin: ["/admin", "/admin/*"],
    study: ["/study", "/study/*"],
    ...(storefront ? { index: ["/"] } : {}),
  };
  for (const [name, urls] of Object.entries(pages)) {
    const html = readFileSync(join(pagesFolder, `${name}.html`), "utf8");
    for (const url of urls) {
      app.get(url, async (_request, reply) => {
        const nonce = randomBytes(16).toString("base64");
        return reply
          .header("content-security-policy", policy(nonce, options.publicUrl))
          .header("cache-control", "no-cache")
          .type("text/html; charset=utf-8")
          .send(html.replaceAll(noncePlace, nonce));
      });
    }
  }
  return true;
}

/** Everything comes from this server. Component libraries add style elements: those need the nonce. */
function policy(nonce: string, publicUrl: string): string {
  const pictures = publicUrl ? ` ${new URL(publicUrl).origin}` : "";
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    `img-src 'self'${pictures}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
