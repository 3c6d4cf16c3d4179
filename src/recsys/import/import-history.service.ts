/** @file What imports did, and which rows they rejected. */
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { PageRequest } from "../../db/keyset.js";
import type { ImportRunRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import { type Rejection, RejectLog } from "./reject-log.js";

interface Dependencies {
  runs: {
    findPage(page: PageRequest<Date>): Promise<ImportRunRow[]>;
    findById(id: string): Promise<ImportRunRow | null>;
  };
  store: ArtefactStore;
}

export class ImportHistoryService {
  constructor(private readonly deps: Dependencies) {}

  /** Newest first. */
  findPage(page: PageRequest<Date>): Promise<ImportRunRow[]> {
    return this.deps.runs.findPage(page);
  }

  /** @throws AppError `IMPORT_NOT_FOUND` */
  async find(id: string): Promise<ImportRunRow> {
    const run = await this.deps.runs.findById(id);
    if (!run) {
      throw new AppError("IMPORT_NOT_FOUND", { importId: id });
    }
    return run;
  }

  /** The rejected rows from a place on, in the order of the files, and the number of all. */
  async rejected(
    runId: string,
    { offset, limit }: { offset: number; limit: number },
  ): Promise<{ rows: Rejection[]; count: number }> {
    return new RejectLog(this.deps.store, runId).slice(offset, limit);
  }
}
