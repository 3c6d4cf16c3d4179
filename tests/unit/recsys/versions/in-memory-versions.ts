/** @file Versions of a model as the database keeps them, in memory. */
import type {
  VersionRow,
  VersionStore,
} from "../../../../src/recsys/versions/trained-version.service.js";

interface Row extends VersionRow {
  isActive: boolean;
  activatedAt: Date | null;
}

export class InMemoryVersions<Version extends Row, Own> implements VersionStore<Version, Own> {
  readonly rows = new Map<string, Version>();
  numReads = 0;
  private clock = 0;

  async begin(version: { id: string; seed: number; config: object } & Own) {
    const row = this.rows.get(version.id) ?? {
      ...version,
      isActive: false,
      metrics: null,
      dataHash: null,
      artefactPath: null,
      createdAt: new Date(0),
      trainedAt: null,
      activatedAt: null,
    };
    return this.set({ ...row, state: "TRAINING", failure: null });
  }

  async findById(id: string) {
    return this.rows.get(id) ?? null;
  }

  async findPage({ limit }: { limit: number }) {
    return [...this.rows.values()].reverse().slice(0, limit);
  }

  async findActive() {
    this.numReads++;
    return [...this.rows.values()].find(({ isActive }) => isActive) ?? null;
  }

  async findPrevious() {
    const times = [...this.rows.values()]
      .filter(({ isActive, activatedAt }) => !isActive && activatedAt)
      .sort((a, b) => b.activatedAt!.getTime() - a.activatedAt!.getTime());
    return times[0] ?? null;
  }

  async complete(id: string, outcome: object) {
    return this.set({ ...this.rows.get(id)!, ...outcome, state: "READY", trainedAt: new Date(0) });
  }

  async fail(id: string, failure: string) {
    this.set({ ...this.rows.get(id)!, state: "FAILED", failure });
  }

  async activate(id: string) {
    this.rows.forEach(row => this.set({ ...row, isActive: false }));
    const activatedAt = new Date(++this.clock);
    return this.set({ ...this.rows.get(id)!, isActive: true, activatedAt });
  }

  async rollBack(currentId: string, previousId: string) {
    this.set({ ...this.rows.get(currentId)!, isActive: false, activatedAt: null });
    return this.set({ ...this.rows.get(previousId)!, isActive: true });
  }

  private set(row: Row): Version {
    this.rows.set(row.id, row as Version);
    return row as Version;
  }
}
