/**
 * @file The rejected rows of an import, one JSON object per line: `rejects/<run>.jsonl`. A store cannot append, so each batch
 * has its own file, `rejects/<run>/<rows before it>.jsonl`, until the import ends.
 */
import type { ArtefactStore } from "../../db/artefact-store.js";

export interface Rejection {
  part: string;
  file: string;
  line: number;
  reason: string;
  /** The row as in the file. */
  row: unknown;
}

export class RejectLog {
  private readonly prefix: string;

  constructor(
    private readonly store: ArtefactStore,
    runId: string,
  ) {
    this.prefix = `rejects/${runId}`;
  }

  /** Adds the rows of a batch. @param numBefore Rows in the log before it. */
  async append(rejections: readonly Rejection[], numBefore: number): Promise<void> {
    if (rejections.length > 0) {
      const name = String(numBefore).padStart(12, "0");
      await this.store.put(
        `${this.prefix}/${name}.jsonl`,
        encoded(rejections.map(row => JSON.stringify(row))),
      );
    }
  }

  /** Keeps the first `numRows` rows, in one file. Later ones belong to an uncommitted batch. */
  async truncate(numRows: number): Promise<void> {
    await this.rewrite((await this.lines()).slice(0, numRows));
  }

  /** Removes the rows of a part that is read again. */
  async forget(part: string): Promise<void> {
    await this.rewrite((await this.lines()).filter(line => parsed(line).part !== part));
  }

  /** The first row of a part; null if there is none. */
  async first(part: string): Promise<Rejection | null> {
    return (await this.lines()).map(parsed).find(rejection => rejection.part === part) ?? null;
  }

  /** The rows from a place on, and the number of all. */
  async slice(offset: number, limit: number): Promise<{ rows: Rejection[]; count: number }> {
    const lines = await this.lines();
    return { rows: lines.slice(offset, offset + limit).map(parsed), count: lines.length };
  }

  /** A local file of all rows. @throws AppError `FILE_NOT_FOUND` when there are none. */
  path(): Promise<string> {
    return this.store.openLocal(`${this.prefix}.jsonl`);
  }

  private async lines(): Promise<string[]> {
    const lines: string[] = [];
    for (const key of [`${this.prefix}.jsonl`, ...(await this.batches())]) {
      const text = Buffer.from((await this.store.get(key)) ?? []).toString("utf8");
      text.split("\n").forEach(line => line && lines.push(line));
    }
    return lines;
  }

  /** Writes the one file first. If the process is killed before the batches are deleted, {@link truncate} drops the repeated rows. */
  private async rewrite(lines: readonly string[]): Promise<void> {
    const key = `${this.prefix}.jsonl`;
    await (lines.length > 0 ? this.store.put(key, encoded(lines)) : this.store.delete(key));
    for (const batch of await this.batches()) {
      await this.store.delete(batch);
    }
  }

  private async batches(): Promise<string[]> {
    return (await this.store.list(this.prefix)).map(({ key }) => key);
  }
}

function encoded(lines: readonly string[]): Uint8Array {
  return Buffer.from(lines.map(line => `${line}\n`).join(""));
}

function parsed(line: string): Rejection {
  return JSON.parse(line) as Rejection; // written by `append`
}
