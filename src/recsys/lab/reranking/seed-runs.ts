/** @file The ranking model of each seed in a re-ranking of users' first items, and what is kept of it. */
import { createHash } from "node:crypto";
import { getJson, putJson } from "../../../db/artefact-files.js";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { type Matrix, matrix, row } from "../../../ml/nn/matrix.js";
import type { WorkHooks } from "../../../ml/progress.js";
import { hasFeatureGradient, type PersonalViews } from "../../../ml/ranking/recommender.js";
import { fitProgress } from "../../evaluation/fit-progress.js";
import { IMAGE_MODALITY } from "../../ranking/ranked-item.js";
import { checkpointAt } from "../../ranking/ranker-artefact.js";
import { fitRanker } from "../rankers/fit-and-evaluate.js";
import {
  decodeCandidates,
  encodeCandidates,
  type ModelCandidates,
  type StoredCandidates,
  topCandidates,
} from "./candidates.js";
import { hashOf, modalitiesOf, viewOf } from "./rerank-data.js";
import type { RerankSubject } from "./rerank-report.js";

/** What a fitted model says of every user; kept, so that a stopped run resumes. */
export interface SeedRun extends ModelCandidates {
  key: string;
  seed: number;
}

/** Fewer candidates than the deepest cut-off would change it. */
export const MIN_DEPTH = 20;

export interface SeedRunParts {
  given: RerankSubject;
  store: ArtefactStore;
  /** Images that the models train on beside the catalogue's. Default: none. */
  views?: PersonalViews;
}

/** The models of all seeds. */
export async function seedRuns(parts: SeedRunParts, hooks: WorkHooks): Promise<SeedRun[]> {
  const { seeds } = parts.given.config;
  const runs: SeedRun[] = [];
  for (const [place, seed] of seeds.entries()) {
    const onProgress: WorkHooks["onProgress"] = ({ fraction, stage }) =>
      hooks.onProgress?.({
        fraction: (place + fraction) / seeds.length,
        stage: `seed ${seed}, ${stage}`,
      });
    runs.push(await seedRun(parts, seed, { ...hooks, onProgress }));
  }
  return runs;
}

/** Trains the model of one seed, or reads what an earlier run kept of it. */
async function seedRun(
  { given: { config, ranker, shop }, store, views }: SeedRunParts,
  seed: number,
  { onProgress, signal }: WorkHooks,
): Promise<SeedRun> {
  signal?.throwIfAborted();
  const modalities = modalitiesOf(shop);
  const depth = Math.max(config.depth, MIN_DEPTH);
  const shown = views ? [views.id, views.share] : [];
  const key = createHash("sha256")
    .update(JSON.stringify([ranker, seed, depth, hashOf(shop, modalities), ...shown]))
    .digest("hex");
  const path = `reranks/runs/${key}-candidates.json`;
  const stored = (await getJson(store, path)) as StoredCandidates | null;
  if (stored) {
    return { key, seed, ...decodeCandidates(stored) };
  }
  const view = { ...viewOf(shop, modalities), views };
  const checkpoint = checkpointAt(store, `reranks/runs/${key}/checkpoint.safetensors`);
  const progress = fitProgress(report => onProgress?.(report));
  const { model } = await fitRanker(ranker, seed, view, { signal, checkpoint, ...progress });
  try {
    const users = [...shop.userIds.keys()];
    const candidates = users.map(user => topCandidates(model, shop.split.train[user], user, depth));
    const gradients = hasFeatureGradient(model, IMAGE_MODALITY)
      ? stacked(users.map(userIndex => model.featureGradient({ userIndex }, IMAGE_MODALITY)))
      : null;
    await putJson(store, path, encodeCandidates({ candidates, gradients }));
    await store.delete(checkpoint.name);
    return { key, seed, candidates, gradients };
  } finally {
    model.dispose();
  }
}

function stacked(rows: readonly Float32Array[]): Matrix {
  const result = matrix([rows.length, rows[0].length]);
  rows.forEach((values, at) => row(result, at).set(values));
  return result;
}
