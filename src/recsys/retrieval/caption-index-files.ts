/**
 * @file The caption index on disk: `<home>/index/metadata.json` and the two files it names.
 *
 * The files of an index are written whole under new names; then the metadata that names them takes the place of the old in
 * one rename. So a killed process leaves the index before or the index after, and a reader never sees half of one.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { CaptionIndex, M } from "./caption-index.js";
import { createNearestGraph, defaultEngine, type Engine, engines } from "./nearest-graph.js";

/** Files no metadata names are younger while another process reads or writes them. */
const ABANDONED_AFTER_MS = 10 * 60_000;

const fileSchema = z.object({ name: z.string(), sha256: z.string() });

/** Raised when the files change: a folder of another format is not read, and the index is built again from Postgres. */
const FORMAT = 3;

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  /** Name and version of the encoder, `name@version`. */
  encoder: z.string(),
  dimension: z.number().int().positive(),
  /** Items that can be found, and distinct embeddings. */
  count: z.number().int().nonnegative(),
  numPoints: z.number().int().nonnegative(),
  m: z.literal(M),
  /** What wrote the graph, and alone can read it. */
  engine: z.enum(engines),
  efSearch: z.number().int().positive(),
  hnswRecallAt10: z.number().min(0).max(1).nullable(),
  /** Points that HNSW does not reach. */
  lost: z.array(z.number().int().nonnegative()),
  /** State of the embeddings the index was made from (`EmbeddingsRepository.captionMark`). */
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
 * The stored index, if it was made by this encoder.
 *
 * @throws AppError `INDEX_NOT_BUILT` if there is none or it is damaged, `INDEX_STALE`
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

/** Puts a file on the disk for good. @returns its SHA-256. */
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
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })); // another process was first
    if (!kept.has(name) && Date.now() - mtimeMs > ABANDONED_AFTER_MS) {
      await rm(path, { force: true });
    }
  }
}
