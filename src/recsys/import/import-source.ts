/** @file What an importer must know of a source: its files, and parts made of rows that come in a fixed order. */
import type { BlobStore } from "../../db/blob-store.js";
import type { PrismaTransaction } from "../../db/database.js";

/** One row as it was read. The order and number of rows of one version of a source never change. */
export interface SourceRow {
  /** The file it is in. */
  file: string;
  /** 1-based line of its beginning in the file; its number where there are no lines. */
  line: number;
  /** Bytes of the source read up to its end; 0 where that means nothing. */
  bytes: number;
  /** The row as the file has it, for people. */
  raw: unknown;
  /** What is to be imported. */
  value: unknown;
  /** Why the row cannot be read; null if it can. */
  fault: string | null;
}

/** Why one row is not imported. */
export class RowFault extends Error {
  /** @param kinds The faults without the row's own values: rows with the same fault have the same. */
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
  /** How many rows there are, perhaps estimated; null if unknown. */
  readonly numRows: number | null;

  read(): AsyncIterable<SourceRow>;

  /**
   * Checks one row and does what needs no database; the rows of a batch are prepared side by side.
   *
   * @throws RowFault or AppError, when the row is rejected; anything else stops the import.
   */
  prepare(value: unknown, context: PrepareContext): Prepared | Promise<Prepared>;

  /** Stores rows inside a transaction. @returns for each row why it was refused, or null. */
  store(prisma: PrismaTransaction, rows: readonly Prepared[]): Promise<(string | null)[]>;

  /** What a row is known by, where a later row of the file with the same key replaces it. Default: no row is replaced. */
  keyOf?(prepared: Prepared): string;

  /** For each row of a batch whether it is stored already, so that it need not be prepared. Default: none is. */
  areStored?(
    prisma: PrismaTransaction,
    values: readonly unknown[],
    context: PrepareContext,
  ): Promise<boolean[]>;

  /** Whether a finished import reads the part again as long as rows of it were rejected. Default: false. */
  readonly retriesRejected?: boolean;
}

export interface ImportSource {
  readonly kind: "movielens" | "catalogue" | "stickers";
  /** Where it lies, for people and to recognise another version of the same source. */
  readonly location: string;

  /** Each file -> what tells one version of it from another. */
  files(): Promise<Record<string, string>>;

  /** In the order of import: a part may refer to rows of the parts before it. */
  parts(): Promise<readonly ImportPart[]>;
}
