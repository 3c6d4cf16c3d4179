/** @file The service that runs each kind of job. */
import type { Logger } from "pino";
import { JobPriority } from "../db/jobs.repository.js";
import type { WorkHooks } from "../ml/progress.js";
import { folderSource } from "../recsys/import/folder-source.js";
import { type JobControl, type JobHandlers, Worker } from "../workers/worker.js";
import type { Services } from "./create-services.js";

/** @param runsJobs Without, it only takes jobs back from lost workers. */
export function createWorker(services: Services, logger: Logger, runsJobs = true): Worker {
  const {
    events,
    generation,
    imports,
    indexing,
    isOffline,
    scoring,
    personalizers,
    isOnlyProcess,
    jobRows,
    rankers,
    renderThreads,
    reranking,
    studyCreation,
  } = services;
  const handlers: JobHandlers = {
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

    TRAIN_RANKER: async ({ payload }, control) => {
      const { version, activation } = await rankers.train(payload, hooksOf(control));
      return { versionId: version.id, metrics: version.metrics, activation };
    },

    TRAIN_PERSONALIZER: async ({ payload }, control) => {
      const { version } = await personalizers.train(payload, hooksOf(control));
      return { versionId: version.id, metrics: version.metrics };
    },

    CREATE_STUDY: ({ payload }, control) => studyCreation.create(payload, hooksOf(control)),

    RERANK: ({ payload }, control) => reranking.run(payload, hooksOf(control)),

    SCORE_IMAGES: (_job, { signal, report }) =>
      scoring.scoreAll({ signal, report: (progress, stage) => report(progress, stage) }),
  };
  // Batch jobs: one for each render thread. Live jobs: twice as many, so one is always ready when a thread becomes free;
  // otherwise that thread would take a batch job between two live ones. Each job of another kind may use the whole machine.
  const concurrency = { PERSONALIZE_IMAGE: { live: 2 * renderThreads, batch: renderThreads } };
  return new Worker(
    { jobs: jobRows, events, logger, handlers: runsJobs ? handlers : {} },
    { concurrency, isOnlyProcess },
  );
}

function hooksOf({ report, signal }: JobControl): WorkHooks {
  return { signal, onProgress: ({ fraction, stage }) => void report(fraction, stage) };
}
