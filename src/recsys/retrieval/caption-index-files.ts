/**
 * @file The stored caption index: `index/metadata.json` and the two files it names.
 *
 * The files of an index are written under new names; then the metadata that names them is replaced. So a killed process
 * leaves either the old or the new index, and a reader never sees a partial one.
 */
import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { getJson } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { isTransient } from "../../db/environment-fault.js";
import { AppError } from "../../errors/app-error.js";
import { CaptionIndex, M } from "./caption-index.js";
import {
  createNearestGraph,
  defaultEngine,
  encodeGraph,
  type Engine,
  engines,
} from "./nearest-graph.js";

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
  store: ArtefactStore,
  index: CaptionIndex,
  { encoder, mark }: { encoder: string; mark: string },
): Promise<void> {
  const { graph, labels, lost, quality } = index.parts();
  const id = randomUUID();
  const put = async (name: string, bytes: Uint8Array) => {
    await store.put(`index/${name}`, bytes);
    return { name, sha256: createHash("sha256").update(bytes).digest("hex") };
  };
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
    graph: await put(`${id}.${index.engine}`, await encodeGraph(graph)),
    labels: await put(`${id}.labels.json`, Buffer.from(JSON.stringify(labels))),
  };
  await put("metadata.json", Buffer.from(`${JSON.stringify(metadata, null, 2)}\n`));
  const kept = ["metadata.json", metadata.graph.name, metadata.labels.name];
  for (const { key, modifiedAt } of await store.list("index")) {
    const isAbandoned = Date.now() - modifiedAt.getTime() > ABANDONED_AFTER_MS;
    if (isAbandoned && !kept.includes(key.slice("index/".length))) {
      await store.delete(key);
    }
  }
}

/**
 * The stored index, if this encoder made it.
 *
 * @throws AppError `INDEX_NOT_BUILT` if it is absent or of another format, `INDEX_DAMAGED`, `INDEX_STALE`
 */
export async function loadCaptionIndex(
  store: ArtefactStore,
  { encoder, dimension }: IndexIdentity,
  engine: Engine = defaultEngine,
): Promise<{ index: CaptionIndex; mark: string }> {
  const metadata = await readMetadata(store);
  if (metadata.encoder !== encoder || metadata.dimension !== dimension) {
    throw new AppError("INDEX_STALE", { found: metadata.encoder, expected: encoder });
  }
  const { efSearch, hnswRecallAt10 } = metadata;
  const gaveUpHnsw = metadata.engine === "exact" && hnswRecallAt10 !== null;
  if (metadata.engine !== engine && !gaveUpHnsw) {
    throw new AppError("INDEX_STALE", { found: metadata.engine, expected: engine });
  }
  try {
    const labelsBytes = await readChecked(store, metadata.labels);
    await readChecked(store, metadata.graph); // hnswlib crashes on a damaged file
    const graph = createNearestGraph(metadata.engine, dimension);
    await graph.readIndex(await store.openLocal(`index/${metadata.graph.name}`));
    const labels = labelsSchema.parse(JSON.parse(Buffer.from(labelsBytes).toString("utf8")));
    if (labels.length !== graph.getCurrentCount()) {
      throw new Error(`${labels.length} labels for ${graph.getCurrentCount()} points`);
    }
    const quality = { engine: metadata.engine, efSearch, hnswRecallAt10 };
    const { lost, mark } = metadata;
    return { index: new CaptionIndex(dimension, { graph, labels, quality, lost }), mark };
  } catch (error) {
    throw damaged(error);
  }
}

async function readMetadata(store: ArtefactStore): Promise<Metadata> {
  const content = await getJson(store, "index/metadata.json").catch((error: unknown) => {
    throw damaged(error);
  });
  if (content === null || !hasThisFormat(content)) {
    throw new AppError("INDEX_NOT_BUILT");
  }
  const parsed = metadataSchema.safeParse(content);
  if (!parsed.success) {
    throw damaged(parsed.error);
  }
  return parsed.data;
}

function hasThisFormat(content: unknown): boolean {
  return (content as { format?: unknown }).format === FORMAT;
}

/** A file that is not what was stored. The disk's own faults stay what they are. */
function damaged(error: unknown): AppError {
  if (isTransient(error)) {
    return error;
  }
  const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
  return new AppError("INDEX_DAMAGED", { reason }, { cause: error });
}

async function readChecked(store: ArtefactStore, file: { name: string; sha256: string }) {
  const bytes = (await store.get(`index/${file.name}`)) ?? new Uint8Array();
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 !== file.sha256) {
    throw new Error(`'${file.name}' does not match its checksum`);
  }
  return bytes;
}
