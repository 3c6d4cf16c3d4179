/** @file The rejected rows of an import, one JSON object per line: `<home>/rejects/<run>.jsonl`. */
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface Rejection {
  part: string;
  file: string;
  line: number;
  reason: string;
  /** The row as in the file. */
  row: unknown;
}

export class RejectLog {
  readonly path: string;

  constructor(home: string, runId: string) {
    this.path = join(home, "rejects", `${runId}.jsonl`);
  }

  /** Keeps the first `numRows` rows; later ones belong to an uncommitted batch. */
  async truncate(numRows: number): Promise<void> {
    if (numRows === 0) {
      await rm(this.path, { force: true });
      return;
    }
    const lines = (await readFile(this.path, "utf8").catch(() => "")).split("\n").slice(0, numRows);
    await mkdir(dirname(this.path), { recursive: true });
    await writeFile(this.path, lines.map(line => `${line}\n`).join(""));
  }

  /** Removes the rows of a part that is read again. */
  async forget(part: string): Promise<void> {
    const kept = (await this.read()).filter(rejection => rejection.part !== part);
    await rm(this.path, { force: true });
    await this.append(kept);
  }

  /** The first row of a part; null if there is none. */
  async first(part: string): Promise<Rejection | null> {
    return (await this.read()).find(rejection => rejection.part === part) ?? null;
  }

  private async read(): Promise<Rejection[]> {
    const lines = (await readFile(this.path, "utf8").catch(() => "")).split("\n");
    return lines.flatMap(line => (line === "" ? [] : (JSON.parse(line) as Rejection))); // the type that `append` writes
  }

  async append(rejections: readonly Rejection[]): Promise<void> {
    if (rejections.length > 0) {
      await mkdir(dirname(this.path), { recursive: true });
      await appendFile(this.path, rejections.map(row => `${JSON.stringify(row)}\n`).join(""));
    }
  }
}
