/**
 * @file Brings a source into the database, whatever it is, so that it can be stopped at any moment and continued.
 *
 * Terms: a *run* is one import of one version of a source, known by the fingerprint of its files. A *part* is a list of
 * rows of one kind. A batch of rows and the *cursor* behind it are committed in one transaction: after a kill, the run
 * goes on behind the last committed batch, and what comes of it is what would have come without the kill. A run that is
 * complete is not run again. A row that cannot be used goes to the reject log and stops nothing.
 */
import { createHash } from "node:crypto";
import pLimit from "p-limit";
import type { BlobStore } from "../../db/blob-store.js";
import type { PrismaClient } from "../../db/generated/client.js";
import {
  type ImportRun,
  ImportRunsRepository,
  type PartCounts,
} from "../../db/import-runs.repository.js";
import { AppError } from "../../errors/app-error.js";
import { type ImportPart, type ImportSource, RowFault, type SourceRow } from "./import-source.js";
import { type Rejection, RejectLog } from "./reject-log.js";

/** Rows prepared at once: enough to keep sharp's threads busy while files or answers are waited for. */
const PREPARED_AT_ONCE = 8;

interface Dependencies {
  prisma: PrismaClient;
  blobs: BlobStore;
  /** Folder of everything Vitrine keeps. */
  home: string;
}

export interface ImportProgress {
  part: string;
  /** Rows read so far, with the rejected. */
  done: number;
  /** Rows there are, perhaps estimated; null if unknown. */
  total: number | null;
  rejected: number;
  /** Bytes of the part's file read so far; 0 where that means nothing. */
  bytes: number;
}

export interface ImportOptions {
  /** Forget how far earlier runs of this source came; default false. */
  restart?: boolean;
  signal?: AbortSignal;
  /** Called before a part's first batch and after each. */
  onProgress?: (progress: ImportProgress) => void;
}

export interface ImportResult {
  runId: string;
  kind: string;
  /** Whether the run had been completed before, so that nothing was done. */
  wasComplete: boolean;
  counts: Record<string, PartCounts>;
  /** File of the rejected rows; null if there are none. */
  rejectsPath: string | null;
}

type Batch = readonly SourceRow[];

/** A row on its way: prepared, or refused for a reason. */
type Outcome = { row: SourceRow } & ({ prepared: unknown } | { reason: string });

export class CatalogueImportService {
  constructor(private readonly deps: Dependencies) {}

  /** @throws AppError `IMPORT_SOURCE_CHANGED`, `FILE_NOT_FOUND`, `FILE_MALFORMED`; the signal's reason when aborted. */
  async run(source: ImportSource, options: ImportOptions = {}): Promise<ImportResult> {
    const files = await source.files();
    let run = await this.begin(source, files, options.restart ?? false);
    const wasComplete = run.isComplete;
    if (!wasComplete) {
      await this.deps.blobs.sweepTemp();
      await new RejectLog(this.deps.home, run.id).truncate(numRejected(run));
      for (const part of await source.parts()) {
        run = await this.importPart(run, part, options);
      }
      refuseChange(files, await source.files());
      await new ImportRunsRepository(this.deps.prisma).complete(run);
    }
    const { id: runId, kind, counts } = run;
    const { path } = new RejectLog(this.deps.home, runId);
    return { runId, kind, wasComplete, counts, rejectsPath: numRejected(run) > 0 ? path : null };
  }

  private async begin(
    { kind, location }: ImportSource,
    files: Record<string, string>,
    restart: boolean,
  ): Promise<ImportRun> {
    const runs = new ImportRunsRepository(this.deps.prisma);
    const fingerprint = createHash("sha256").update(JSON.stringify(files)).digest("hex");
    const same = await runs.find(kind, fingerprint);
    const unfinished = await runs.findUnfinished(kind, location);
    if (same && !restart) {
      return same;
    }
    if (restart) {
      await runs.deleteMany([...unfinished, ...(same ? [same] : [])].map(({ id }) => id));
    } else if (unfinished.length > 0) {
      refuseChange(unfinished[0].cursor.files, files);
    }
    return runs.create({ kind, fingerprint, cursor: { source: location, files, rows: {} } });
  }

  private async importPart(
    begun: ImportRun,
    part: ImportPart,
    { signal = new AbortController().signal, onProgress }: ImportOptions,
  ): Promise<ImportRun> {
    let run: ImportRun = {
      ...begun,
      counts: { ...begun.counts, [part.name]: countsOf(begun, part) },
    };
    const report = (bytes: number) => {
      const done = run.cursor.rows[part.name] ?? 0;
      const { rejected } = countsOf(run, part);
      onProgress?.({ part: part.name, done, total: part.numRows, rejected, bytes });
    };
    report(0);
    const numDone = run.cursor.rows[part.name] ?? 0;
    for await (const batch of batches(part.read(), numDone, part.batchSize)) {
      signal.throwIfAborted();
      const outcomes = await this.prepare(part, batch, signal);
      signal.throwIfAborted();
      run = await this.store(run, part, outcomes);
      report(batch[batch.length - 1].bytes);
    }
    return run;
  }

  private prepare(part: ImportPart, batch: Batch, signal: AbortSignal): Promise<Outcome[]> {
    const limit = pLimit(PREPARED_AT_ONCE);
    const context = { blobs: this.deps.blobs, signal };
    return Promise.all(
      batch.map(row =>
        limit(async (): Promise<Outcome> => {
          signal.throwIfAborted();
          try {
            if (row.fault !== null) {
              throw new RowFault(row.fault);
            }
            return { row, prepared: await part.prepare(row.value, context) };
          } catch (error) {
            if (error instanceof RowFault || error instanceof AppError) {
              return { row, reason: error.message };
            }
            throw error;
          }
        }),
      ),
    );
  }

  /** Commits a batch and the cursor behind it. @returns the run as it is then. */
  private store(
    run: ImportRun,
    part: ImportPart,
    outcomes: readonly Outcome[],
  ): Promise<ImportRun> {
    return this.deps.prisma.$transaction(async transaction => {
      const prepared = outcomes.flatMap(outcome => ("prepared" in outcome ? [outcome] : []));
      const refusals = await part.store(
        transaction,
        prepared.map(outcome => outcome.prepared),
      );
      const refusalOf = new Map(prepared.map(({ row }, i) => [row, refusals[i]]));
      const rejections = outcomes.flatMap((outcome): Rejection[] => {
        const { row } = outcome;
        const reason = "reason" in outcome ? outcome.reason : (refusalOf.get(row) ?? null);
        const { file, line, raw } = row;
        return reason === null ? [] : [{ part: part.name, file, line, reason, row: raw }];
      });

      const { accepted, rejected } = countsOf(run, part);
      const numRead = (run.cursor.rows[part.name] ?? 0) + outcomes.length;
      const next: ImportRun = {
        ...run,
        cursor: { ...run.cursor, rows: { ...run.cursor.rows, [part.name]: numRead } },
        counts: {
          ...run.counts,
          [part.name]: {
            accepted: accepted + outcomes.length - rejections.length,
            rejected: rejected + rejections.length,
          },
        },
      };
      await new ImportRunsRepository(transaction).advance(next);
      await new RejectLog(this.deps.home, run.id).append(rejections);
      return next;
    });
  }
}

/** @throws AppError `IMPORT_SOURCE_CHANGED`, which names the first file that differs. */
function refuseChange(before: Record<string, string>, now: Record<string, string>): void {
  for (const path of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (before[path] !== now[path]) {
      throw new AppError("IMPORT_SOURCE_CHANGED", { path });
    }
  }
}

/** The rows behind the first `numSkipped`, in batches. */
async function* batches(
  rows: AsyncIterable<SourceRow>,
  numSkipped: number,
  size: number,
): AsyncGenerator<Batch> {
  let left = numSkipped;
  let batch: SourceRow[] = [];
  for await (const row of rows) {
    if (left > 0) {
      left--;
      continue;
    }
    batch.push(row);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) {
    yield batch;
  }
}

function countsOf(run: ImportRun, part: ImportPart): PartCounts {
  return run.counts[part.name] ?? { accepted: 0, rejected: 0 };
}

function numRejected({ counts }: ImportRun): number {
  return Object.values(counts).reduce((sum, { rejected }) => sum + rejected, 0);
}
