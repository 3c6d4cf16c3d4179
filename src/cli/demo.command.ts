/**
 * @file `vitrine demo`: the sticker shop on the embedded database, from an empty folder to a personalised picture.
 *
 * Every step reuses an earlier run's results, so a second start is quick and a killed one resumes.
 */
import { join } from "node:path";
import { Command } from "commander";
import type { ItemRow, PersonalizedImageRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import type { Plugin } from "../plugin/create-plugin.js";
import { StickersSource } from "../recsys/datasets/stickers.js";
import type { CliContext, OpenedContext } from "./cli-context.js";
import { wholeNumber } from "./option-values.js";
import { withProgress } from "./progress.js";
import { startServer, untilAborted } from "./serve.command.js";
import { withPlugin } from "./with-services.js";

interface DemoOptions {
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
/** Fixed, so that one trained ranker serves all pictures of the shop. */
const rankerSeed = 1;
/** Items tried until a picture may be shown. */
const maxReferences = 6;
const maxWaitMs = 60_000;

export function demoCommand(context: CliContext): Command {
  return new Command("demo")
    .description(
      "create the sticker shop (simulated shoppers), serve it, and personalise one picture",
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
      await withPlugin(context, { runJobs: true }, async (plugin, opened) => {
        await prepare(opened, plugin, options);
        const server = await startServer(opened, plugin);
        const key = await freshKey(plugin);
        const image = await personalize(opened, plugin, options.user);
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

/** Imports, indexes and trains what is missing. */
async function prepare(
  { signal }: OpenedContext,
  { services: { imports, indexing, rankers } }: Plugin,
  { concepts, users }: Pick<DemoOptions, "concepts" | "users">,
) {
  await withProgress("stickers", show =>
    imports.run(new StickersSource({ limitConcepts: concepts, users: { numUsers: users } }), {
      signal,
      onProgress: ({ part, done, total }) => {
        show({ fraction: total ? Math.min(1, done / total) : 0, stage: `${part} ${done}` });
      },
    }),
  );
  await withProgress("index   ", async show =>
    (await indexing()).run({
      signal,
      onProgress: ({ stage, done, total }) => {
        const fraction = total === 0 ? 1 : done / total;
        show({ fraction, stage: `${stage} ${done}/${total}` });
      },
    }),
  );
  if ((await rankers.activeVersionId()) === null) {
    const versionId = demoVersionId(concepts, users);
    const config = { preset: "quick" };
    await withProgress("ranker  ", onProgress =>
      rankers.train(
        { versionId, seed: rankerSeed, config, activate: true },
        { signal, onProgress },
      ),
    );
  }
}

/** Constant, so that a killed training resumes. */
function demoVersionId(concepts: number, users: number): string {
  const digits = [users, concepts].map(count => String(count).padStart(6, "0")).join("");
  return `00000000-0000-4000-8000-${digits.slice(-12)}`;
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

/**
 * Generates a picture for the shopper of an unlikely sticker: a popular one in their favourite group, but in a style
 * they do not like.
 */
async function personalize(
  { db, home }: OpenedContext,
  { services }: Plugin,
  userId: string,
): Promise<Omit<DemoImage, "seconds">> {
  let cause: unknown = "no item suits a picture";
  for (const reference of await findReferences(db.prisma, userId)) {
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

/** Best candidates first; the rest are fallbacks, since the shop shows no picture with which an item ranks lower. */
async function findReferences(
  prisma: OpenedContext["db"]["prisma"],
  userId: string,
): Promise<ItemRow[]> {
  const liked = await prisma.item.findMany({ where: { interactions: { some: { userId } } } });
  if (liked.length === 0) {
    throw new AppError("USER_NOT_FOUND", { userId });
  }
  const styleOf = ({ id }: { id: string }) => id.slice(0, id.indexOf(":"));
  const style = mostFrequent(liked.map(styleOf));
  const category = mostFrequent(liked.map(item => item.category ?? ""));
  const isNew = { image: { isNot: null }, interactions: { none: { userId } } };
  const isOfOtherStyle = { NOT: { id: { startsWith: `${style}:` } } };
  // A small shop has few items that the shopper has not liked.
  for (const where of [
    { ...isNew, ...isOfOtherStyle, category },
    { ...isNew, ...isOfOtherStyle },
    isNew,
  ]) {
    const references = await prisma.item.findMany({
      where,
      orderBy: [{ interactions: { _count: "desc" } }, { id: "asc" }],
      take: maxReferences,
    });
    if (references.length > 0) {
      return references;
    }
  }
  throw new AppError("NO_ITEM_TO_PERSONALIZE", { userId });
}

function mostFrequent(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
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
