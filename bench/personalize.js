/**
 * @file The cost of one personalized image by stage, from the request to the stored file, and of a stored one at the
 * resolver. The sticker shop has its own folder, which is kept for the next run; with a personalizer in the pack
 * and none trained, the plain condition is measured.
 */
import { mkdirSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { graphql } from "graphql";
import pino from "pino";
import { loadConfig } from "../dist/config/config.js";
import { openDatabase } from "../dist/db/database.js";
import { createPlugin } from "../dist/plugin/create-plugin.js";
import { StickersSource } from "../dist/recsys/datasets/stickers.js";
import { generationDefaults, generationOptions } from "../dist/recsys/images/generation-options.js";

const NUM_PAIRS = 8;
const NUM_CACHED = 200;

/** @param options.home The data folder. Default: one in the system's temporary folder, or `VITRINE_BENCH_HOME`. */
export async function run({ home = process.env.VITRINE_BENCH_HOME } = {}) {
  const folder = home ?? join(tmpdir(), "vitrine-bench-personalize");
  mkdirSync(folder, { recursive: true });
  const { VITRINE_BENCH_HOME: _, ...settings } = process.env;
  const config = loadConfig({ ...settings, VITRINE_HOME: folder });
  const db = await openDatabase({ databaseUrl: null, folder: join(folder, "postgres") });
  const logger = pino({ level: "silent" });
  const plugin = await createPlugin({ db, config, logger, runJobs: false });
  try {
    return await measure(plugin, db);
  } finally {
    await plugin.close();
    await db.close();
  }
}

async function measure({ createContext, schema, services }, db) {
  await prepare(services);
  const stages = timedStages(services);
  const pairs = await pairsOf(db, NUM_PAIRS + 1);
  const totals = [];
  let numServed = 0;
  for (const [index, { itemId, userId }] of pairs.entries()) {
    stages.clear();
    const started = performance.now();
    const seed = Math.floor(Date.now() / 1_000) % 2 ** 31; // never a stored picture
    const defaults = generationDefaults(services.models.pipelineConfig);
    const options = generationOptions({ seed, numCandidates: 3 }, defaults);
    const result = await services.generation.generate(
      { userId, itemId, options },
      { signal: new AbortController().signal, report: () => undefined },
    );
    const total = (performance.now() - started) / 1_000;
    if (index > 0) {
      // The first loads the models.
      totals.push({ total, ...stages.seconds() });
      numServed += "imageId" in result ? 1 : 0;
    }
  }
  const names = Object.keys(totals[0]);
  const medians = Object.fromEntries(names.map(name => [name, median(totals.map(t => t[name]))]));
  const result = {
    bench: "personalize",
    generator: services.models.generator.version,
    personalizer: await services.personalizers.activeVersionId(),
    pixels: `${services.models.pipelineConfig.widthPixels} x ${services.models.pipelineConfig.heightPixels}`,
    cores: availableParallelism(),
    numCandidates: 3,
    numImages: totals.length,
    numServed,
    medianSeconds: medians,
    slowestSeconds: Math.max(...totals.map(({ total }) => total)),
    cachedMs: await cachedMs({ createContext, schema, services }, db),
  };
  console.table(
    Object.entries(medians).map(([stage, seconds]) => ({ stage, seconds: round(seconds) })),
  );
  console.log(
    `cached, at the resolver: ${round(result.cachedMs.p50)} ms (p50), ${round(result.cachedMs.p99)} ms (p99)`,
  );
  return result;
}

/** Imports, indexes and trains a small shop if necessary. */
async function prepare({ imports, indexing, rankers, rankerTraining }) {
  await imports.run(new StickersSource({ limitConcepts: 60, users: { numUsers: 80 } }), {});
  await (await indexing()).run({});
  if ((await rankers.activeVersionId()) === null) {
    const versionId = crypto.randomUUID();
    const request = { versionId, seed: 1, config: { preset: "quick" }, activate: true };
    await rankerTraining.train(request, {});
  }
}

/** Wraps the stages of the generation to sum up their times. */
function timedStages({ generation }) {
  const times = new Map();
  const timed = (owner, method, stage) => {
    const original = owner[method].bind(owner);
    owner[method] = async (...args) => {
      const started = performance.now();
      try {
        return await original(...args);
      } finally {
        times.set(stage, (times.get(stage) ?? 0) + (performance.now() - started) / 1_000);
      }
    };
  };
  const { clip, generator, images, imageFiles, planner, ranker } = generation.deps;
  timed(planner, "plan", "retrieval");
  timed(imageFiles, "load", "decode");
  timed(generator, "generate", "draw");
  timed(clip, "encodeImages", "clip");
  timed(ranker, "whatIf", "rank");
  timed(imageFiles, "store", "encode");
  timed(images, "save", "save");
  return { clear: () => times.clear(), seconds: () => Object.fromEntries(times) };
}

/** Users and items that they have not chosen. */
async function pairsOf({ prisma }, count) {
  const users = await prisma.user.findMany({ orderBy: { id: "asc" }, take: count });
  const pairs = [];
  for (const { id: userId } of users) {
    const item = await prisma.item.findFirst({
      where: { image: { isNot: null }, interactions: { none: { userId } } },
      orderBy: [{ interactions: { _count: "desc" } }, { id: "asc" }],
    });
    pairs.push({ userId, itemId: item.id });
  }
  return pairs;
}

/** The GraphQL request of a stored picture, executed without HTTP. */
async function cachedMs({ createContext, schema, services }, { prisma }) {
  const stored = await prisma.personalizedImage.findFirst({
    where: { isServed: true },
    orderBy: { createdAt: "desc" },
  });
  if (!stored) {
    return { p50: null, p99: null };
  }
  const { key } = await services.access.createKey(`bench-${Date.now()}`, "ADMIN");
  const contextValue = await createContext(`Bearer ${key}`);
  const { itemId, provenance, userId } = stored;
  const { numCandidates, seed } = provenance.options;
  const source = `mutation {
    personalizeImage(userId: "${userId}", itemId: "${itemId}", options: { seed: ${seed}, numCandidates: ${numCandidates} }) {
      ... on PersonalizedImagePayload { isCached image { url } }
    }
  }`;
  const samples = [];
  for (let i = 0; i < NUM_CACHED; i++) {
    const started = performance.now();
    const { data, errors } = await graphql({ schema, source, contextValue });
    samples.push(performance.now() - started);
    if (errors || data.personalizeImage.isCached !== true) {
      throw new Error(
        `bench/personalize: expected the stored picture, got ${JSON.stringify({ data, errors })}`,
      );
    }
  }
  samples.sort((a, b) => a - b);
  return { p50: samples[NUM_CACHED >> 1], p99: samples[Math.floor(0.99 * NUM_CACHED)] };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function round(value) {
  return Number(value.toFixed(3));
}
