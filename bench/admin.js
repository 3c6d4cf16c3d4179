/**
 * API time and statements of each page of the admin: 5,000 jobs, 10,000 rank changes, 2,000 images. A page with twice the rows
 * must take as many statements. The CPU time is of the whole process, the embedded Postgres and the client's part too; on a busy
 * machine it says more than the time by the clock.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { loadConfig } from "../dist/config/config.js";
import { openDatabase } from "../dist/db/database.js";
import { createPlugin } from "../dist/plugin/create-plugin.js";
import { createServer } from "../dist/server/create-server.js";
import { quantile } from "./api.js";
import { cpuMs, rounded } from "./support/measure.js";

const numJobs = 5_000;
const numImages = 2_000;
const numVersions = 5; // each ranks every image: 10,000 rank changes
const numUsers = 500;
const numItems = 400;
const numRuns = 9;
const LIMIT_MS = 200;

const hashOf = text => createHash("sha256").update(text).digest("hex");
const daysAgo = days => new Date(Date.now() - days * 86_400_000);
const item = "item { id title image { url(width: 256) } }";
const image = `id url(width: 256) createdAt isServed generator rejection { reason } rankChange { deltaR } ${item} user { id }`;
const figures =
  "count mean median winRate interval95 { low high } median95 { low high } winRate95 { low high } requests { count shown } withFallback { mean interval95 { low high } }";

/** The reads of each page, as the pages send them; `first` is the number of rows. */
const pages = {
  overview: () =>
    `{ overview(since: "${daysAgo(1).toISOString()}") { numItems numInteractions jobs { count } outcomes { reason count } } }`,
  jobs: first =>
    `{ jobs(first: ${first}) { edges { node { id kind state ${item} queuePosition } } } }`,
  images: first => `{ personalizedImages(first: ${first}) { edges { node { ${image} } } } }`,
  "images by rank change": first =>
    `{ personalizedImages(first: ${first}, filter: { minDeltaR: 0.2 }) { edges { node { ${image} } } } }`,
  "images by fault": first =>
    `{ personalizedImages(first: ${first}, filter: { fault: "BLURRED" }) { edges { node { ${image} } } } }`,
  "rank changes": () => `{ rankChangeSummary { ${figures} histogram { count } } }`,
  "rank changes by category": () =>
    `{ rankChangeGroups(by: CATEGORY) { key summary { ${figures} } } }`,
  "rank changes by day": () => `{ rankChangeGroups(by: DAY) { key summary { ${figures} } } }`,
  "rank changes by version": () =>
    `{ rankChangeGroups(by: MODEL_VERSION) { key summary { ${figures} } } }`,
  "best and worst": first =>
    `{ rankChanges(first: ${first}, sort: { field: DELTA_R, direction: DESC }) { edges { node { id deltaR image { ${image} } } } } }`,
  models: first =>
    `{ rankingModels(first: ${first}) { edges { node { id metrics config ranksImages } } } }`,
  users: first => `{ users(first: ${first}) { edges { node { id createdAt } } } }`,
  "a user": first =>
    `{ user(id: "user-1") { id history(first: ${first}) { edges { node { kind ${item} } } } } }`,
  "API keys": first => `{ apiKeys(first: ${first}) { edges { node { name role } } } }`,
  imports: first => `{ importRuns(first: ${first}) { edges { node { id parts { name } } } } }`,
  "audit log": first =>
    `{ auditLog(first: ${first}) { edges { node { actor action arguments } } } }`,
};

async function fill({ prisma }, versionIds) {
  const hash = hashOf("picture");
  await prisma.blob.create({
    data: { hash, mediaType: "image/png", sizeBytes: 1, widthPixels: 1, heightPixels: 1 },
  });
  const users = Array.from({ length: numUsers }, (_, n) => ({ id: `user-${n}` }));
  const items = Array.from({ length: numItems }, (_, n) => ({
    id: `item-${n}`,
    title: `Item ${n}`,
    category: `category ${n % 8}`,
  }));
  await prisma.user.createMany({ data: users });
  await prisma.item.createMany({ data: items });
  await prisma.itemImage.createMany({
    data: items.map(({ id }) => ({ itemId: id, blobHash: hash, source: `${id}.png` })),
  });
  await prisma.interaction.createMany({
    data: users.flatMap(({ id }, n) =>
      Array.from({ length: 40 }, (_, k) => ({
        userId: id,
        itemId: `item-${(n + 7 * k) % numItems}`,
        kind: "LIKE",
        occurredAt: daysAgo(k),
      })),
    ),
  });
  await prisma.rankingModelVersion.createMany({
    data: versionIds.map((id, n) => ({
      id,
      algorithm: "MICRO",
      state: "READY",
      isActive: n === 0,
      config: {},
      seed: 1,
      metrics: { test: { "ndcg@10": 0.1 } },
      artefactPath: `rankers/${id}`,
      activatedAt: daysAgo(n),
    })),
  });
  const images = Array.from({ length: numImages }, (_, n) => ({
    id: randomUUID(),
    requestKey: hashOf(`request ${n}`),
    userId: `user-${n % numUsers}`,
    itemId: `item-${(n * 13) % numItems}`,
    blobHash: hash,
    sourceBlobHash: hash,
    seed: 1,
    generator: "mini@2",
    promptVersion: "1",
    rankingModelVersionId: versionIds[0],
    isServed: n % 5 > 0,
    provenance: {
      retrieved: Array.from({ length: 10 }, (_, k) => ({
        itemId: `item-${k}`,
        similarity: 0.5,
        weight: 0.1,
      })),
      prompt: "a picture of the item in the user's taste, ".repeat(4),
      options: { seed: 1 },
      chosenCandidate: 0,
      candidates: [{ faults: [] }, { faults: n % 10 === 0 ? ["BLURRED"] : [] }],
    },
    captionSimilarity: 0.3,
    imageSimilarity: 0.8,
    generationSeconds: 1,
    createdAt: daysAgo((n % 300) / 10),
  }));
  await prisma.personalizedImage.createMany({ data: images });
  await prisma.rankChange.createMany({
    data: versionIds.flatMap((rankingModelVersionId, v) =>
      images.map((row, n) => {
        const rankBefore = 1 + ((n * 31 + v * 7) % 200);
        const rankAfter = 1 + ((n * 17 + v * 11) % 150);
        return {
          id: randomUUID(),
          personalizedImageId: row.id,
          rankingModelVersionId,
          ...{ rankBefore, rankAfter, scoreBefore: 0, scoreAfter: 1, numRanked: 400 },
          deltaR: (rankBefore - rankAfter) / (1 + rankBefore),
          createdAt: row.createdAt,
        };
      }),
    ),
  });
  await prisma.job.createMany({
    data: Array.from({ length: numJobs }, (_, n) => ({
      id: randomUUID(),
      kind: "PERSONALIZE_IMAGE",
      state: n < 200 ? "QUEUED" : "SUCCEEDED",
      finishedAt: n < 200 ? null : daysAgo(n / numJobs),
      result: n < 200 ? undefined : { imageId: images[n % numImages].id },
      payload: {},
      userId: `user-${n % numUsers}`,
      itemId: `item-${n % numItems}`,
      createdAt: daysAgo(n / numJobs),
    })),
  });
  await prisma.auditEntry.createMany({
    data: Array.from({ length: numJobs }, (_, n) => ({
      id: randomUUID(),
      actor: "admin",
      action: "rejectImage",
      arguments: { id: images[n % numImages].id, reason: "blurred" },
      outcome: "SUCCEEDED",
      createdAt: daysAgo(n / 100),
    })),
  });
  await prisma.importRun.createMany({
    data: Array.from({ length: 200 }, (_, n) => ({
      id: randomUUID(),
      kind: "catalogue",
      fingerprint: hashOf(`import ${n}`),
      state: "COMPLETE",
      cursor: { source: "/data" },
      counts: { items: { accepted: 1, rejected: 0 } },
    })),
  });
  await prisma.$executeRawUnsafe("ANALYZE");
}

/** Statements that reach the database, Prisma's and others. */
function countStatements({ pool }) {
  const counter = { count: 0 };
  const counted = client => {
    if (client.isCounted) {
      return;
    }
    client.isCounted = true;
    const query = client.query.bind(client);
    client.query = (...call) => {
      counter.count++;
      return query(...call);
    };
  };
  pool.on("acquire", counted);
  return counter;
}

export async function run() {
  const home = await mkdtemp(join(tmpdir(), "vitrine-bench-"));
  const db = await openDatabase({ databaseUrl: process.env.DATABASE_URL ?? null, folder: null });
  const statements = countStatements(db);
  const logger = pino({ level: "fatal" });
  const config = loadConfig({
    VITRINE_HOME: home,
    VITRINE_PORT: "0",
    VITRINE_LOG_LEVEL: "error",
    VITRINE_MODELS: "mini",
  });
  const versionIds = Array.from({ length: numVersions }, () => randomUUID());
  await fill(db, versionIds);
  const plugin = await createPlugin({ db, config, logger, runJobs: false });
  const server = await createServer({
    plugin,
    probes: { ping: async () => undefined },
    config,
    logger,
  });
  const { key } = await plugin.services.access.createKey(`bench ${Date.now()}`, "ADMIN");
  const ask = async query => {
    const startMs = performance.now();
    const cpuBefore = process.cpuUsage();
    const before = statements.count;
    const response = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ query }),
    });
    const { errors } = await response.json();
    if (errors) {
      throw new Error(`bench/admin: ${JSON.stringify(errors)}`);
    }
    return {
      ms: performance.now() - startMs,
      cpuMs: cpuMs(cpuBefore),
      statements: statements.count - before,
    };
  };
  try {
    const rows = [];
    for (const [page, query] of Object.entries(pages)) {
      await ask(query(12));
      await ask(query(24));
      const few = await ask(query(12));
      const runs = [];
      for (let n = 0; n < numRuns; n++) {
        runs.push(await ask(query(24)));
      }
      const many = Math.min(...runs.map(one => one.statements)); // the key's look-up is in some of them
      rows.push({
        page,
        medianMs: rounded(
          quantile(
            runs.map(({ ms }) => ms),
            0.5,
          ),
          1,
        ),
        cpuMs: rounded(
          quantile(
            runs.map(one => one.cpuMs),
            0.5,
          ),
          1,
        ),
        statements: many,
        grows: many > few.statements,
      });
      const { cpuMs: cpu, medianMs } = rows.at(-1);
      console.log(
        `${page.padEnd(26)} median ${String(medianMs).padStart(7)} ms  CPU ${String(cpu).padStart(6)} ms  ` +
          `${many} statements${many > few.statements ? `, ${few.statements} with half the rows` : ""}`,
      );
    }
    const isWithin = rows.every(one => one.cpuMs <= LIMIT_MS && !one.grows);
    console.log(
      isWithin
        ? `every page within ${LIMIT_MS} ms of CPU time, and no statements more for more rows`
        : `NOT every page within ${LIMIT_MS} ms of CPU time, or more statements for more rows`,
    );
    return {
      database: db.kind,
      numJobs,
      numImages,
      numRankChanges: numImages * numVersions,
      isWithin,
      rows,
    };
  } finally {
    await server.close();
    await plugin.close();
    await db.close();
    await rm(home, { recursive: true, force: true });
  }
}
