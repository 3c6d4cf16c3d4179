/** @file Which service does the work of each kind of job. */
import type { Logger } from "pino";
import { JobPriority } from "../db/jobs.repository.js";
import type { PersonalizeImagePayload } from "../recsys/images/personalization.service.js";
import { folderSource } from "../recsys/import/folder-source.js";
import type { StartedJobPayloads } from "../resolvers/start-job.resolver.js";
import { type JobHandlers, Worker } from "../workers/worker.js";
import type { Services } from "./create-services.js";

type Payloads = StartedJobPayloads & { PERSONALIZE_IMAGE: PersonalizeImagePayload };

export function createWorker(services: Services, logger: Logger): Worker<Payloads> {
  const {
    events,
    generation,
    imports,
    indexing,
    isOffline,
    scoring,
    personalizerTraining,
    queue,
    rankerTraining,
    renderThreads,
    reranking,
  } = services;
  const handlers: JobHandlers<Payloads> = {
    PERSONALIZE_IMAGE: ({ payload, priority }, { signal, report }) =>
      generation.generate(payload, {
        signal,
        report,
        priority: priority >= JobPriority.LIVE ? "live" : "batch",
      }),

    IMPORT: async ({ payload: { source, folder, seed } }, { signal, report }) => {
      const rows = folderSource(source, folder, { seed, isOffline });
      const { counts, rejectsPath } = await imports.run(rows, {
        signal,
        onProgress: ({ part, done, total }) =>
          void report(total ? Math.min(1, done / total) : 0, `${part}: ${done} rows`),
      });
      return { counts, rejectsPath };
    },

    INDEX: async (_job, { signal, report }) =>
      (await indexing()).run({
        signal,
        onProgress: ({ stage, done, total }) =>
          void report(total === 0 ? 1 : done / total, `${stage}: ${done} of ${total}`),
      }),

    TRAIN_RANKER: async ({ payload }, { signal, report }) => {
      const { version, activation } = await rankerTraining.train(payload, {
        signal,
        onProgress: ({ fraction, stage }) => void report(fraction, stage),
      });
      return { versionId: version.id, metrics: version.metrics, activation };
    },

    TRAIN_PERSONALIZER: async ({ payload }, { signal, report }) => {
      const { id, metrics } = await personalizerTraining.train(payload, {
        signal,
        onProgress: ({ fraction, stage }) => void report(fraction, stage),
      });
      return { versionId: id, metrics };
    },

    RERANK: ({ payload }, { signal, report }) =>
      reranking.run(payload, {
        signal,
        onProgress: ({ fraction, stage }) => void report(fraction, stage),
      }),

    SCORE_IMAGES: (_job, { signal, report }) =>
      scoring.scoreAll({ signal, report: (progress, stage) => report(progress, stage) }),
  };
  // As many jobs as there are threads to draw pictures, and of the live ones as many more, which are ready when a thread is
  // free: else it would take up a picture of a batch between two live ones. Of the other kinds each may use all of the machine.
  const concurrency = { PERSONALIZE_IMAGE: { live: 2 * renderThreads, batch: renderThreads } };
  return new Worker<Payloads>({ queue, events, logger, handlers }, { concurrency });
}
