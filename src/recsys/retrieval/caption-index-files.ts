/**
 * @file The caption index on disk: `<home>/index/metadata.json` and the two files it names.
 *
 * The files of an index are written under new names; then one rename replaces the metadata that names them. So a killed
 * process leaves either the old or the new index, and a reader never sees a partial one.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { CaptionIndex, M } from "./caption-index.js";
import { createNearestGraph, defaultEngine, type Engine, engines } from "./nearest-graph.js";

/** Unreferenced files younger than this may be in use by another process. */
const ABANDONED_AFTER_MS = 10 * 60_000;

const fileSchema = z.object({ name: z.string(), sha256: z.string() });

/** Increase when the files change: the index is rebuilt from Postgres for another format. */
const FORMAT = 3;

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  /** Name and version of the encoder, `name@version`. */
  encoder: z.string(),
  dimension: z.number().int().positive(),
  /** Number of items, and of distinct embeddings. */
  count: z.number().int().nonnegative(),
  numPoints: z.number().int().nonnegative(),
  m: z.literal(M),
  /** The engine that wrote the graph; no other can read it. */
  engine: z.enum(engines),
  efSearch: z.number().int().positive(),
  hnswRecallAt10: z.number().min(0).max(1).nullable(),
  /** Points that HNSW cannot reach. */
  lost: z.array(z.number().int().nonnegative()),
  /** State of the embeddings of the index (`EmbeddingsRepository.captionMark`). */
  mark: z.string(),
  graph: fileSchema,
  labels: fileSchema,
});

type Metadata = z.infer<typeof metadataSchema>;

/** Items of each point of the graph: id and hash of the caption. */
const labelsSchema = z.array(z.array(z.tuple([z.string(), z.string()])));

export interface IndexIdentity {
  /** Name and version of the encoder, `name@version`. */
  encoder: string;
  dimension: number;
}

export async function saveCaptionIndex(
  folder: string,
  index: CaptionIndex,
  { encoder, mark }: { encoder: string; mark: string },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { graph, labels, lost, quality } = index.parts();
  const id = randomUUID();
  const graphName = `${id}.${index.engine}`;
  const labelsName = `${id}.labels.json`;
  await graph.writeIndex(join(folder, graphName));
  await writeFile(join(folder, labelsName), JSON.stringify(labels));
  const metadata: Metadata = {
    format: FORMAT,
    encoder,
    dimension: index.dimension,
    count: index.numItems,
    numPoints: index.numPoints,
    m: M,
    ...quality,
    lost: [...lost],
    mark,
    graph: { name: graphName, sha256: await syncAndHash(join(folder, graphName)) },
    labels: { name: labelsName, sha256: await syncAndHash(join(folder, labelsName)) },
  };
  const draft = join(folder, `${id}.metadata.json`);
  await writeFile(draft, `${JSON.stringify(metadata, null, 2)}\n`, { flush: true });
  await rename(draft, join(folder, "metadata.json"));
  await removeAbandoned(folder, new Set(["metadata.json", graphName, labelsName]));
}

/**
 * The stored index, if this encoder made it.
 *
 * @throws AppError `INDEX_NOT_BUILT` if it is absent or damaged, `INDEX_STALE`
 */
export async function loadCaptionIndex(
  folder: string,
  { encoder, dimension }: IndexIdentity,
  engine: Engine = defaultEngine,
): Promise<{ index: CaptionIndex; mark: string }> {
  const metadata = await readMetadata(folder);
  if (metadata.encoder !== encoder || metadata.dimension !== dimension) {
    throw new AppError("INDEX_STALE", { found: metadata.encoder, expected: encoder });
  }
  const { efSearch, hnswRecallAt10 } = metadata;
  const gaveUpHnsw = metadata.engine === "exact" && hnswRecallAt10 !== null;
  if (metadata.engine !== engine && !gaveUpHnsw) {
    throw new AppError("INDEX_STALE", { found: metadata.engine, expected: engine });
  }
  try {
    const labelsBytes = await readChecked(folder, metadata.labels);
    await readChecked(folder, metadata.graph); // hnswlib crashes on a damaged file
    const graph = createNearestGraph(metadata.engine, dimension);
    await graph.readIndex(join(folder, metadata.graph.name));
    const labels = labelsSchema.parse(JSON.parse(labelsBytes.toString("utf8")));
    if (labels.length !== graph.getCurrentCount()) {
      throw new Error(`${labels.length} labels for ${graph.getCurrentCount()} points`);
    }
    const quality = { engine: metadata.engine, efSearch, hnswRecallAt10 };
    const { lost, mark } = metadata;
    return { index: new CaptionIndex(dimension, { graph, labels, quality, lost }), mark };
  } catch (error) {
    throw new AppError("INDEX_NOT_BUILT", {}, { cause: error });
  }
}

async function readMetadata(folder: string): Promise<Metadata> {
  try {
    return metadataSchema.parse(JSON.parse(await readFile(join(folder, "metadata.json"), "utf8")));
  } catch (error) {
    throw new AppError("INDEX_NOT_BUILT", {}, { cause: error });
  }
}

async function readChecked(folder: string, file: { name: string; sha256: string }) {
  const bytes = await readFile(join(folder, file.name));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 !== file.sha256) {
    throw new Error(`'${file.name}' does not match its checksum`);
  }
  return bytes;
}

/** Flushes a file to the disk. @returns its SHA-256. */
async function syncAndHash(path: string): Promise<string> {
  const file = await open(path, "r+");
  try {
    await file.sync();
    return createHash("sha256")
      .update(await file.readFile())
      .digest("hex");
  } finally {
    await file.close();
  }
}

async function removeAbandoned(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })); // another process removed it first
    if (!kept.has(name) && Date.now() - mtimeMs > ABANDONED_AFTER_MS) {
      await rm(path, { force: true });
    }
  }
}
