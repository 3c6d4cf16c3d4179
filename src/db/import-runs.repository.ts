/** @file Progress of imports, so that an interrupted one can resume. */
import { randomUUID } from "node:crypto";
import type { PrismaTransaction } from "./database.js";
import type { PageRequest } from "./keyset.js";
import type { ImportRunRow } from "./rows.js";
import { isUuid } from "./uuid.js";

/**
 * Counts of a part's rows: accepted, rejected, and accepted rows that replaced an earlier one with the same id (absent
 * if none). A type, because an interface is not assignable to JSON.
 */
export type PartCounts = Record<"accepted" | "rejected", number> &
  Partial<Record<"replaced", number>>;

export interface ImportCursor {
  /** Location of the source. */
  source: string;
  /** Each file of the source -> the identity of its version. */
  files: Record<string, string>;
  /** Each part -> rows read so far, all of which are stored. */
  rows: Record<string, number>;
}

/** One import of one version of one source. */
export interface ImportRun {
  id: string;
  kind: string;
  fingerprint: string;
  isComplete: boolean;
  cursor: ImportCursor;
  counts: Record<string, PartCounts>;
}

export class ImportRunsRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /** Newest first. */
  findPage({ limit, after }: PageRequest<Date>): Promise<ImportRunRow[]> {
    return this.prisma.importRun.findMany({
      where: after
        ? {
            startedAt: { lte: after.value },
            OR: [{ startedAt: { lt: after.value } }, { id: { lt: after.id } }],
          }
        : {},
      orderBy: [{ startedAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }

  async findById(id: string): Promise<ImportRunRow | null> {
    return isUuid(id) ? this.prisma.importRun.findUnique({ where: { id } }) : null;
  }

  async find(kind: string, fingerprint: string): Promise<ImportRun | null> {
    const row = await this.prisma.importRun.findUnique({
      where: { kind_fingerprint: { kind, fingerprint } },
    });
    return row && toRun(row);
  }

  /** Unfinished imports of this source, of any version of its files. */
  async findUnfinished(kind: string, source: string): Promise<ImportRun[]> {
    const rows = await this.prisma.importRun.findMany({
      where: { kind, state: "RUNNING", cursor: { path: ["source"], equals: source } },
    });
    return rows.map(toRun);
  }

  async create(run: Pick<ImportRun, "kind" | "fingerprint" | "cursor">): Promise<ImportRun> {
    const { kind, fingerprint, cursor } = run;
    const row = await this.prisma.importRun.create({
      data: { id: randomUUID(), kind, fingerprint, cursor: { ...cursor }, counts: {} },
    });
    return toRun(row);
  }

  /** Records progress, in the transaction that stores the rows. */
  async advance(run: Pick<ImportRun, "id" | "cursor" | "counts">): Promise<void> {
    await this.prisma.importRun.update({
      where: { id: run.id },
      data: { cursor: { ...run.cursor }, counts: { ...run.counts } },
    });
  }

  async complete({ id, counts }: Pick<ImportRun, "id" | "counts">): Promise<void> {
    await this.prisma.importRun.update({
      where: { id },
      data: { state: "COMPLETE", counts: { ...counts }, finishedAt: new Date() },
    });
  }

  /** Reopens a finished import at another position. */
  async reopen(run: Pick<ImportRun, "id" | "cursor" | "counts">): Promise<void> {
    await this.prisma.importRun.update({
      where: { id: run.id },
      data: {
        state: "RUNNING",
        cursor: { ...run.cursor },
        counts: { ...run.counts },
        finishedAt: null,
      },
    });
  }

  /** Deletes import records, not the imported rows. */
  async deleteMany(ids: readonly string[]): Promise<void> {
    await this.prisma.importRun.deleteMany({ where: { id: { in: [...ids] } } });
  }
}

function toRun({ id, kind, fingerprint, state, cursor, counts }: ImportRunRow): ImportRun {
  return {
    id,
    kind,
    fingerprint,
    isComplete: state === "COMPLETE",
    cursor: cursor as unknown as ImportCursor, // only this file writes it
    counts: counts as unknown as ImportRun["counts"], // only this file writes it
  };
}
