/**
 * @file Imports a source into the database; can be stopped at any moment and resumed.
 *
 * Terms: a *run* is one import of one version of a source, identified by the fingerprint of its files. A *part* is a
 * list of rows of one kind. A batch of rows and its *cursor* are committed in one transaction, so a killed run resumes
 * after the last committed batch with the same result. A completed run is not repeated, except for parts whose rejected
 * rows may succeed later (images that could not be fetched). An invalid row goes to the reject log and stops nothing.
 */
import pLimit from "p-limit";
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { BlobStore } from "../../db/blob-store.js";
import type { PrismaClient } from "../../db/generated/client.js";
import {
  type ImportRun,
  ImportRunsRepository,
  type PartCounts,
} from "../../db/import-runs.repository.js";
import { retryConflicts } from "../../db/retry.js";
import { AppError } from "../../errors/app-error.js";
import { contentHash } from "../../ml/content-hash.js";
import { batches, behind } from "./import-batches.js";
import {
  type ImportPart,
  type ImportSource,
  type PrepareContext,
  RowFault,
  type SourceRow,
} from "./import-source.js";
import { type Rejection, RejectLog } from "./reject-log.js";

/** Rows prepared in parallel: keeps sharp's threads busy while files or responses are pending. */
const PREPARED_AT_ONCE = 8;
/** The optional parts: items are useful without images. */
const IMAGES = ["images", "variant images"];

interface Dependencies {
  prisma: PrismaClient;
  blobs: BlobStore;
  /** Data folder of the installation. */
  store: ArtefactStore;
}

export interface ImportProgress {
  part: string;
  /** Rows read so far, including rejected ones. */
  done: number;
  /** Total rows, possibly estimated; null if unknown. */
  total: number | null;
  rejected: number;
  /** Bytes of the part's file read so far; 0 where not applicable. */
  bytes: number;
}

export interface ImportOptions {
  /** Discard the progress of earlier runs of this source; default false. */
  restart?: boolean;
  signal?: AbortSignal;
  /** Called before a part's first batch and after each. */
  onProgress?: (progress: ImportProgress) => void;
}

export interface ImportResult {
  runId: string;
  kind: string;
  /** Whether the run was already complete, so that nothing was done. */
  wasComplete: boolean;
  /** Parts of a completed run that were read again because of rejected rows. */
  retried: string[];
  counts: Record<string, PartCounts>;
  /** File of the rejected rows; null if there are none. */
  rejectsPath: string | null;
}

/** A row: prepared, stored by an earlier run, or rejected with a reason. */
type Outcome = { row: SourceRow } & (
  { prepared: unknown } | { isStored: true } | { reason: string }
);

/** A part being read: its rows, and the keys of accepted ones. */
interface Reading {
  part: ImportPart;
  keys: Set<string>;
}

export class CatalogueImportService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * @throws AppError `IMPORT_SOURCE_CHANGED`, `FILE_NOT_FOUND`, `FILE_MALFORMED`; `IMPORT_NOTHING_TAKEN` when no row is
   *   valid; the signal's reason when aborted.
   */
  async run(source: ImportSource, options: ImportOptions = {}): Promise<ImportResult> {
    const files = await source.files();
    let run = await this.begin(source, files, options.restart ?? false);
    let parts: readonly ImportPart[] = [];
    let retried: string[] = [];
    if (!run.isComplete || numRejected(run) > 0) {
      parts = await source.parts();
    }
    if (run.isComplete) {
      parts = parts.filter(part => part.retriesRejected && countsOf(run, part).rejected > 0);
      retried = parts.map(({ name }) => name);
      run = await this.reopen(run, retried);
    }
    const wasComplete = run.isComplete;
    if (!wasComplete) {
      await new RejectLog(this.deps.store, run.id).truncate(numRejected(run));
      for (const part of parts) {
        run = await this.importPart(run, part, options);
      }
      refuseChange(files, await source.files());
      await new ImportRunsRepository(this.deps.prisma).complete(run);
    }
    const { id: runId, kind, counts } = run;
    const log = new RejectLog(this.deps.store, runId);
    await log.truncate(numRejected(run)); // into one file
    await refuseNothing(counts, log);
    const rejectsPath = numRejected(run) > 0 ? await log.path() : null;
    return { runId, kind, wasComplete, retried, counts, rejectsPath };
  }

  /** Reopens some parts of a completed run; returns the run itself if there are none. */
  private async reopen(run: ImportRun, parts: readonly string[]): Promise<ImportRun> {
    if (parts.length === 0) {
      return run;
    }
    const { cursor, counts } = run;
    const isKept = ([part]: [string, unknown]) => !parts.includes(part);
    const next: ImportRun = {
      ...run,
      isComplete: false,
      cursor: {
        ...cursor,
        rows: Object.fromEntries(Object.entries(cursor.rows).filter(isKept)),
      },
      counts: Object.fromEntries(Object.entries(counts).filter(isKept)),
    };
    for (const part of parts) {
      await new RejectLog(this.deps.store, run.id).forget(part);
    }
    await new ImportRunsRepository(this.deps.prisma).reopen(next);
    return next;
  }

  private async begin(
    { kind, location }: ImportSource,
    files: Record<string, string>,
    restart: boolean,
  ): Promise<ImportRun> {
    const runs = new ImportRunsRepository(this.deps.prisma);
    const fingerprint = contentHash(files);
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
    const reading: Reading = { part, keys: new Set() };
    const skip = (row: SourceRow) => this.noteKey(reading, row, signal);
    for await (const batch of batches(behind(part.read(), numDone, skip), part.batchSize)) {
      signal.throwIfAborted();
      const outcomes = await this.prepare(part, batch, signal);
      signal.throwIfAborted();
      run = await this.store(run, reading, outcomes);
      report(batch[batch.length - 1].bytes);
    }
    return run;
  }

  /** Records the key of a row that an earlier process stored, so that later rows can replace it. */
  private async noteKey({ part, keys }: Reading, row: SourceRow, signal: AbortSignal) {
    if (part.keyOf && row.fault === null) {
      const context = { blobs: this.deps.blobs, signal };
      const outcome = await prepareRow(part, row, context);
      if ("prepared" in outcome) {
        keys.add(part.keyOf(outcome.prepared));
      }
    }
  }

  private async prepare(
    part: ImportPart,
    batch: readonly SourceRow[],
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const limit = pLimit(PREPARED_AT_ONCE);
    const { blobs, prisma } = this.deps;
    const context = { blobs, signal };
    const values = batch.map(({ value }) => value);
    const areStored = await part.areStored?.(prisma, values, context);
    return Promise.all(
      batch.map((row, n) =>
        limit(async (): Promise<Outcome> => {
          signal.throwIfAborted();
          if (areStored?.[n]) {
            return { row, isStored: true };
          }
          return prepareRow(part, row, context);
        }),
      ),
    );
  }

  /** Commits a batch and its cursor. @returns the updated run. */
  private store(
    run: ImportRun,
    reading: Reading,
    outcomes: readonly Outcome[],
  ): Promise<ImportRun> {
    // Only the part's rows can conflict with other transactions, and the transaction has no side effects outside the
    // database.
    return retryConflicts(() => this.storeOnce(run, reading, outcomes));
  }

  private storeOnce(
    run: ImportRun,
    reading: Reading,
    outcomes: readonly Outcome[],
  ): Promise<ImportRun> {
    const { part } = reading;
    return this.deps.prisma.$transaction(async transaction => {
      const ready = outcomes.flatMap(outcome => ("prepared" in outcome ? [outcome] : []));
      const refusals = await part.store(
        transaction,
        ready.map(outcome => outcome.prepared),
      );
      const refusalOf = new Map(ready.map(({ row }, i) => [row, refusals[i]]));
      const stored = ready.flatMap((outcome, i) =>
        refusals[i] === null ? [outcome.prepared] : [],
      );
      const rejections = outcomes.flatMap((outcome): Rejection[] => {
        const { row } = outcome;
        const reason = "reason" in outcome ? outcome.reason : (refusalOf.get(row) ?? null);
        const { file, line, raw } = row;
        return reason === null ? [] : [{ part: part.name, file, line, reason, row: raw }];
      });

      const { accepted, rejected, replaced = 0 } = countsOf(run, part);
      const numReplaced = replaced + countReplaced(reading, stored);
      const numRead = (run.cursor.rows[part.name] ?? 0) + outcomes.length;
      const next: ImportRun = {
        ...run,
        cursor: { ...run.cursor, rows: { ...run.cursor.rows, [part.name]: numRead } },
        counts: {
          ...run.counts,
          [part.name]: {
            accepted: accepted + outcomes.length - rejections.length,
            rejected: rejected + rejections.length,
            ...(numReplaced > 0 && { replaced: numReplaced }),
          },
        },
      };
      await new ImportRunsRepository(transaction).advance(next);
      await new RejectLog(this.deps.store, run.id).append(rejections, numRejected(run));
      return next;
    });
  }
}

/** @throws AppError `IMPORT_SOURCE_CHANGED` with the first file that differs. */
function refuseChange(before: Record<string, string>, now: Record<string, string>): void {
  for (const path of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (before[path] !== now[path]) {
      throw new AppError("IMPORT_SOURCE_CHANGED", { path });
    }
  }
}

/** A row prepared for storage, or the reason against it. */
async function prepareRow(
  part: ImportPart,
  row: SourceRow,
  context: PrepareContext,
): Promise<Outcome> {
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
}

/** How many of these rows replace an earlier row of the part. */
function countReplaced({ part, keys }: Reading, rows: readonly unknown[]): number {
  if (!part.keyOf) {
    return 0;
  }
  const numBefore = keys.size;
  for (const row of rows) {
    keys.add(part.keyOf(row));
  }
  return rows.length - (keys.size - numBefore);
}

/**
 * Ignores images: items without one are still indexed, and the next import retries.
 *
 * @throws AppError `IMPORT_NOTHING_TAKEN` if a part has no valid row, or there are no rows at all.
 */
async function refuseNothing(counts: ImportRun["counts"], log: RejectLog): Promise<void> {
  const parts = Object.entries(counts).filter(([part]) => !IMAGES.includes(part));
  for (const [part, { accepted, rejected }] of parts) {
    if (accepted === 0 && rejected > 0) {
      const first = await log.first(part);
      const example = first && `, the first at ${first.file}:${first.line}: ${first.reason}`;
      const reason = `all ${rejected} rows were rejected${example ?? ""} (all are in ${await log.path()})`;
      throw new AppError("IMPORT_NOTHING_TAKEN", { part, reason });
    }
  }
  if (parts.every(([, { accepted }]) => accepted === 0)) {
    const part = parts.map(([name]) => name).join(" and ");
    throw new AppError("IMPORT_NOTHING_TAKEN", { part, reason: "there are no rows" });
  }
}

function countsOf(run: ImportRun, part: ImportPart): PartCounts {
  return run.counts[part.name] ?? { accepted: 0, rejected: 0 };
}

function numRejected({ counts }: ImportRun): number {
  return Object.values(counts).reduce((sum, { rejected }) => sum + rejected, 0);
}
