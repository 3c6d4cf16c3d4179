/**
 * The caption index: time to build and to search, how long the event loop is blocked, and recall against the exact answer.
 * Similar items: `similarRatio` is their time over that of the search for their 200 candidates, without the database.
 * Vectors are clustered, as captions are. `npm run bench -- retrieval [--items 10000] [--dimension 128]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { FolderArtefactStore } from "../dist/db/artefact-store.js";
import { cosine } from "../dist/ml/nn/cosine.js";
import { Random } from "../dist/ml/nn/random.js";
import { topK } from "../dist/ml/nn/top-k.js";
import { CaptionIndex } from "../dist/recsys/retrieval/caption-index.js";
import {
  loadCaptionIndex,
  saveCaptionIndex,
} from "../dist/recsys/retrieval/caption-index-files.js";
import { SimilarItemsService } from "../dist/recsys/retrieval/similar-items.service.js";
import { correlate } from "../dist/recsys/retrieval/correlation-unit.js";

const NUM_QUERIES = 200;
const K = 10;

function clustered(random, centres, count, dimension) {
  return Array.from({ length: count }, (_, n) => {
    const centre = centres[random.int(centres.length)];
    const vector = Float32Array.from(
      { length: dimension },
      (_, d) => centre[d] + 0.3 * random.normal(),
    );
    return { itemId: `item ${n}`, sourceHash: "", vector };
  });
}

async function timed(work) {
  const began = performance.now();
  const value = await work();
  return [value, performance.now() - began];
}

export async function run({ items: given = "10000", dimension: width = "128" }) {
  const numItems = Number(given);
  const dimension = Number(width);
  const random = new Random(7);
  const centres = Array.from({ length: 100 }, () => random.normals(dimension));
  const items = clustered(random, centres, numItems, dimension);
  const queries = clustered(random, centres, NUM_QUERIES, dimension);
  const index = new CaptionIndex(dimension);

  let longestWaitMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longestWaitMs = Math.max(longestWaitMs, performance.now() - last);
    last = performance.now();
  }, 1);
  const [, buildMs] = await timed(() => index.add(items));
  clearInterval(timer);

  const [found, searchMs] = await timed(() => queries.map(({ vector }) => index.search(vector, K)));
  const [exact, exactMs] = await timed(() =>
    queries.map(({ vector }) =>
      topK(
        items.map(item => cosine(item.vector, vector)),
        K,
      ),
    ),
  );
  const numHits = exact
    .map((indices, q) => {
      const ids = new Set(found[q].map(({ itemId }) => itemId));
      return indices.filter(i => ids.has(items[i].itemId)).length;
    })
    .reduce((sum, hits) => sum + hits, 0);

  const history = items.slice(0, 20).map(({ itemId, vector }) => ({
    itemId,
    occurredAt: new Date(0),
    captionEmbedding: vector,
  }));
  const [, correlateMs] = await timed(() =>
    queries.forEach(({ vector }) => correlate(history, vector)),
  );

  const similar = await similarItems(index, items, random);

  const folder = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  const identity = { encoder: "bench@1", dimension };
  const store = new FolderArtefactStore(folder);
  const [, saveMs] = await timed(() => saveCaptionIndex(store, index, { ...identity, mark: "" }));
  const [, loadMs] = await timed(() => loadCaptionIndex(store, identity));
  const files = await store.list("index");
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  rmSync(folder, { recursive: true });

  const [, checkMs] = await timed(() => index.checkRecall());

  const result = {
    numItems,
    dimension,
    buildSeconds: buildMs / 1_000,
    longestWaitMs,
    searchMs: searchMs / NUM_QUERIES,
    exactSearchMs: exactMs / NUM_QUERIES,
    recallAt10: numHits / (NUM_QUERIES * K),
    checkSeconds: checkMs / 1_000,
    checkedRecallAt10: index.quality.hnswRecallAt10,
    correlateMs: correlateMs / NUM_QUERIES,
    ...similar,
    saveMs,
    loadMs,
    sizeBytes,
  };
  console.table(result);
  return result;
}

/** Milliseconds of a request with captions, images and words, beside the search for its candidates alone. */
async function similarItems(index, items, random) {
  const words = Array.from({ length: 2_000 }, (_, n) => `word${n}`);
  const traitsOf = new Map(
    items.map(({ itemId, vector }) => [
      itemId,
      {
        itemId,
        isAvailable: true,
        image: unit(Float32Array.from(vector, x => x + random.normal())),
        caption: unit(vector),
        text: Array.from({ length: 6 }, () => words[random.int(words.length)]).join(" "),
      },
    ]),
  );
  const service = new SimilarItemsService({
    index: { current: index },
    items: {
      existing: async ids => new Set(ids),
      findTraits: async ids => ids.map(id => traitsOf.get(id)),
      sampleTraits: async limit => [...traitsOf.values()].slice(0, limit),
    },
  });
  const asked = items.slice(0, NUM_QUERIES).map(({ itemId }) => itemId);
  const [, sampleMs] = await timed(() => service.similarItems(asked[0], K));
  const [, candidatesMs] = await timed(() =>
    asked.forEach(id => index.search(index.vectorOf(id), 200, { exclude: new Set([id]) })),
  );
  const [, similarMs] = await timed(async () => {
    for (const id of asked) {
      await service.similarItems(id, K);
    }
  });
  return {
    similarMs: similarMs / NUM_QUERIES,
    similarRatio: similarMs / candidatesMs,
    similarSampleMs: sampleMs,
  };
}

function unit(vector) {
  const norm = Math.hypot(...vector);
  return vector.map(x => x / norm);
}
