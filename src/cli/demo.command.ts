/**
 * @file `vitrine demo`: a shop on the embedded database, from an empty folder to a personalised picture.
 *
 * Every step reuses an earlier run's results, so a second start is quick and a killed one resumes.
 */
import { join } from "node:path";
import { Command } from "commander";
import type { PersonalizedImageRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import type { Plugin } from "../plugin/create-plugin.js";
import type { CliContext, OpenedContext } from "./cli-context.js";
import { createDemoDesk } from "./demo-desk.js";
import { type DemoShop, type DemoShopName, demoShopNames, demoShops } from "./demo-shops.js";
import { openInBrowser } from "./open-in-browser.js";
import { oneOf, wholeNumber } from "./option-values.js";
import { prepareShop } from "./prepare-shop.js";
import { startServer, untilAborted } from "./serve.command.js";
import { withPlugin } from "./with-services.js";

interface DemoOptions {
  shop: DemoShopName;
  once?: boolean;
  json?: boolean;
  concepts: number;
  users: number;
  user: string;
}

/** The demo's first picture; also the fields of its JSON line. */
interface DemoImage {
  url: string;
  file: string;
  userId: string;
  itemId: string;
  deltaR: number | null;
  rankBefore: number | null;
  rankAfter: number | null;
  /** From the start of the command to the picture. */
  seconds: number;
}

const demoKeyName = "demo";
const maxWaitMs = 60_000;

export function demoCommand(context: CliContext): Command {
  return new Command("demo")
    .description(
      "create a shop with simulated shoppers, serve it with a storefront page, and personalise one picture",
    )
    .option(
      "--shop <name>",
      "stickers, or photos: 54 photographs that npm installs (@vendure/create)",
      oneOf(demoShopNames),
      "stickers",
    )
    .option("--once", "exit after the first picture")
    .option("--json", "print one JSON line")
    .option(
      "--concepts <number>",
      "number of sticker concepts, each in four styles",
      wholeNumber,
      400,
    )
    .option("--users <number>", "number of simulated shoppers", wholeNumber, 400)
    .option("--user <id>", "the shopper of the picture", "sim-0001")
    .action(async (options: DemoOptions) => {
      const startedAt = performance.now();
      const shop = demoShops[options.shop];
      const own: CliContext = { ...context, open: () => context.open(shop.configure) };
      await withPlugin(own, { runJobs: true }, async (plugin, opened) => {
        const source = await shop.source(opened, options);
        const rankerVersionId = shop.rankerVersionId(options);
        await prepareShop(plugin.services, { source, rankerVersionId }, opened.signal);
        const desk = createDemoDesk(opened, plugin.services, await shop.tastes(source));
        const server = await startServer(opened, plugin, desk);
        const isSeen = !options.once && !options.json && opened.config.pagesFolder !== null;
        if (isSeen) {
          console.log(`\nThe storefront: ${server.url}/\nThe admin page: ${server.url}/admin\n`);
          openInBrowser(`${server.url}/`);
        }
        const key = await freshKey(plugin);
        const image = await personalize(opened, plugin, { shop, userId: options.user });
        const seconds = Math.round((performance.now() - startedAt) / 10) / 100;
        const shown: DemoImage = { ...image, url: `${server.url}${image.url}`, seconds };
        console.log(options.json ? JSON.stringify(shown) : describe(shown, server.url, key));
        if (!options.once) {
          await untilAborted(opened.signal);
        }
        await server.close();
      });
    });
}

/** An admin key for this start; revokes the previous start's. */
async function freshKey({ services: { access } }: Plugin): Promise<string> {
  const name = `${demoKeyName}-${Date.now()}`;
  for (const { name: other, revokedAt } of await access.findKeys({ limit: 100, after: null })) {
    if (other.startsWith(`${demoKeyName}-`) && !revokedAt) {
      await access.revokeKey(other);
    }
  }
  return (await access.createKey(name, "ADMIN")).key;
}

/** Generates a picture of an item that is unlikely for the shopper. */
async function personalize(
  { db, home }: OpenedContext,
  { services }: Plugin,
  { shop, userId }: { shop: DemoShop; userId: string },
): Promise<Omit<DemoImage, "seconds">> {
  let cause: unknown = "no item suits a picture";
  for (const reference of await shop.references(db.prisma, userId)) {
    const outcome = await services.personalization.request(userId, reference.id, {
      waitMs: maxWaitMs,
    });
    if (outcome.kind === "image") {
      return shownImage(services, home, outcome.image);
    }
    cause = outcome.kind === "original" ? outcome.reason : `job ${outcome.job.id} still runs`;
  }
  throw new AppError("GENERATION_FAILED", {}, { cause });
}

async function shownImage(
  services: Plugin["services"],
  home: string,
  { blobHash, id, itemId, userId }: PersonalizedImageRow,
): Promise<Omit<DemoImage, "seconds">> {
  const change = (await services.rankChanges.findCurrent([id])).get(id);
  return {
    url: `/images/${blobHash}`,
    file: join(home, "blobs", blobHash.slice(0, 2), blobHash),
    userId,
    itemId,
    deltaR: change?.deltaR ?? null,
    rankBefore: change?.rankBefore ?? null,
    rankAfter: change?.rankAfter ?? null,
  };
}

function describe(shown: DemoImage, serverUrl: string, key: string): string {
  const { url, file, userId, itemId, deltaR, rankBefore, rankAfter, seconds } = shown;
  const query = `mutation { personalizeImage(userId: "${userId}", itemId: "${itemId}", options: { waitMs: 20000 }) { __typename ... on PersonalizedImagePayload { image { url rankChange { deltaR } } } } }`;
  return `
The picture of ${itemId} for ${userId} (a simulated shopper), after ${seconds} s:
  URL   ${url}
  file  ${file}
  ΔR    ${deltaR?.toFixed(4) ?? "unknown"} (rank ${rankBefore ?? "?"} -> ${rankAfter ?? "?"})

The API is at ${serverUrl}/graphql, with this key until the next start:
  Authorization: Bearer ${key}

  curl -s ${serverUrl}/graphql -H 'content-type: application/json' -H 'authorization: Bearer ${key}' \\
    -d '${JSON.stringify({ query })}'
`;
}
