/** @file The interface of an import source: its files, and parts with rows in a fixed order. */
import type { BlobStore } from "../../db/blob-store.js";
import type { PrismaTransaction } from "../../db/database.js";

/** One row as read. The order and number of rows of one version of a source never change. */
export interface SourceRow {
  /** The file it is in. */
  file: string;
  /** 1-based line of its start in the file; its number where there are no lines. */
  line: number;
  /** Bytes of the source read up to its end; 0 where not applicable. */
  bytes: number;
  /** The row as in the file, for people. */
  raw: unknown;
  /** The value to import. */
  value: unknown;
  /** Why the row is unreadable; null if it is readable. */
  fault: string | null;
}

/** Why a row is rejected. */
export class RowFault extends Error {
  /** @param kinds The faults without the row's own values, equal for rows with the same fault. */
  constructor(
    readonly reason: string,
    readonly kinds: readonly string[] = [reason],
  ) {
    super(reason);
    this.name = "RowFault";
  }
}

export interface PrepareContext {
  blobs: BlobStore;
  signal: AbortSignal;
}

/** Rows of one kind: `items`, `images`, `interactions`. */
export interface ImportPart<Prepared = unknown> {
  readonly name: string;
  /** Rows committed together. */
  readonly batchSize: number;
  /** Number of rows, possibly estimated; null if unknown. */
  readonly numRows: number | null;

  read(): AsyncIterable<SourceRow>;

  /**
   * Validates one row and does all work outside the database; the rows of a batch are prepared in parallel.
   *
   * @throws RowFault or AppError to reject the row; anything else stops the import.
   */
  prepare(value: unknown, context: PrepareContext): Prepared | Promise<Prepared>;

  /** Stores rows in a transaction. @returns for each row why it was refused, or null. */
  store(prisma: PrismaTransaction, rows: readonly Prepared[]): Promise<(string | null)[]>;

  /** Key of a row; a later row of the file with the same key replaces it. Default: rows are not replaced. */
  keyOf?(prepared: Prepared): string;

  /** For each row of a batch whether it is already stored and need not be prepared. Default: none is. */
  areStored?(
    prisma: PrismaTransaction,
    values: readonly unknown[],
    context: PrepareContext,
  ): Promise<boolean[]>;

  /** Whether a finished import reads the part again while it has rejected rows. Default: false. */
  readonly retriesRejected?: boolean;
}

export interface ImportSource {
  readonly kind: "movielens" | "catalogue" | "photos" | "stickers";
  /** Its location, for people and to recognise another version of the same source. */
  readonly location: string;

  /** Each file -> the identity of its version. */
  files(): Promise<Record<string, string>>;

  /** In import order: a part may refer to rows of earlier parts. */
  parts(): Promise<readonly ImportPart[]>;
}
