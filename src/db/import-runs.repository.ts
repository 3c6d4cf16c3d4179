/** @file Imports: where each stands, so that a killed one continues. */
import { randomUUID } from "node:crypto";
import type { PrismaTransaction } from "./database.js";
import type { ImportRunRow } from "./rows.js";

/**
 * What became of a part's rows: accepted, rejected, and accepted rows that replaced an earlier one with the same id (absent if
 * there are none). Not an interface, which could not be stored as JSON.
 */
export type PartCounts = Record<"accepted" | "rejected", number> &
  Partial<Record<"replaced", number>>;

export interface ImportCursor {
  /** Where the source lies. */
  source: string;
  /** Each file of the source -> what tells one version of it from another. */
  files: Record<string, string>;
  /** Each part -> rows read so far; everything before is stored. */
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

  async find(kind: string, fingerprint: string): Promise<ImportRun | null> {
    const row = await this.prisma.importRun.findUnique({
      where: { kind_fingerprint: { kind, fingerprint } },
    });
    return row && toRun(row);
  }

  /** Imports of this place that have begun and not ended, of any version of its files. */
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

  /** Records how far an import is; in the transaction that stores the rows, so that both are true or neither. */
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

  /** Opens a finished import again, at another place. */
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

  /** Forgets imports, not what they stored. */
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
    counts: counts as unknown as ImportRun["counts"], // likewise
  };
}
