/** @file Which of a model's versions serves, and that version in memory. */
import { AppError, type ErrorCode } from "../../errors/app-error.js";

/** The columns of a version that serving reads. */
export interface VersionRow {
  id: string;
  state: string;
  /** Below the folder of the installation. */
  artefactPath: string | null;
}

/** How versions of one kind of model are stored. */
export interface VersionStore<Version extends VersionRow> {
  findById(id: string): Promise<Version | null>;
  findActive(): Promise<Version | null>;
  findPrevious(): Promise<Version | null>;
  activate(id: string): Promise<Version>;
  rollBack(currentId: string, previousId: string): Promise<Version>;
}

interface Dependencies<Version extends VersionRow, Loaded> {
  versions: VersionStore<Version>;
  /** Reads a ready version from disk. */
  load: (version: Version) => Promise<Loaded>;
  /** Frees a version that no longer serves. Default: nothing to free. */
  unload?: (loaded: Loaded) => void;
  /** What an unknown version and one that is not ready are called. */
  codes: { notFound: ErrorCode; notReady: ErrorCode };
  /** How long the answer to "which is active" is believed; another process may change it. Default: 1000. */
  maxAgeMs?: number;
  /** Default: `performance.now`. */
  nowMs?: () => number;
}

/** A version in memory. */
interface Held<Loaded> {
  versionId: string;
  model: Promise<Loaded>;
  /** Runs that need it. */
  numUses: number;
  /** Whether it is freed when no run needs it. */
  isReplaced: boolean;
}

export class VersionRegistry<Version extends VersionRow, Loaded> {
  private known: { version: Version | null; atMs: number } | null = null;
  private loaded: Held<Loaded> | null = null;

  constructor(private readonly parts: Dependencies<Version, Loaded>) {}

  async activeVersionId(): Promise<string | null> {
    return (await this.findActive())?.id ?? null;
  }

  /** The active version, loaded; read again from disk only when another became active. Null when none is. */
  async active(): Promise<Loaded | null> {
    const version = await this.findActive();
    return version && this.load(version);
  }

  /**
   * Runs with a version in memory. It is not freed before the run ends, even if another becomes active; one that does not
   * serve is read for the run.
   *
   * @throws AppError not found
   */
  async use<Result>(versionId: string, run: (loaded: Loaded) => Promise<Result>): Promise<Result> {
    const active = await this.findActive();
    if (active?.id === versionId) {
      void this.load(active).catch(() => undefined); // the run hears of the fault
    }
    const held: Held<Loaded> =
      this.loaded?.versionId === versionId
        ? this.loaded
        : {
            versionId,
            model: this.find(versionId).then(version => this.parts.load(version)),
            numUses: 0,
            isReplaced: true,
          };
    held.numUses++;
    try {
      return await run(await held.model);
    } finally {
      held.numUses--;
      this.freeUnused(held);
    }
  }

  /** @throws AppError not found */
  async find(versionId: string): Promise<Version> {
    const { codes, versions } = this.parts;
    const version = await versions.findById(versionId);
    if (!version) {
      throw new AppError(codes.notFound, { versionId });
    }
    return version;
  }

  /**
   * Makes a version the one that serves, once its files have been read: a damaged one never serves.
   *
   * @throws AppError not found, not ready, FILE_NOT_FOUND, FILE_MALFORMED
   */
  async activate(versionId: string): Promise<Version> {
    const { codes, load, versions } = this.parts;
    const version = await this.find(versionId);
    if (version.state !== "READY") {
      throw new AppError(codes.notReady, { versionId, state: version.state });
    }
    const model = await load(version);
    return this.switchTo(await versions.activate(versionId), model);
  }

  /** Goes back to the version that was active before. @throws AppError NOTHING_TO_ROLL_BACK */
  async rollback(): Promise<Version> {
    const { load, versions } = this.parts;
    const [current, previous] = await Promise.all([versions.findActive(), versions.findPrevious()]);
    if (!current || !previous) {
      throw new AppError("NOTHING_TO_ROLL_BACK");
    }
    const model = await load(previous);
    return this.switchTo(await versions.rollBack(current.id, previous.id), model);
  }

  private switchTo(version: Version, model: Loaded): Version {
    this.known = { version, atMs: this.nowMs() };
    this.replace(version.id, Promise.resolve(model));
    return version;
  }

  private async findActive(): Promise<Version | null> {
    if (!this.known || this.nowMs() - this.known.atMs >= (this.parts.maxAgeMs ?? 1_000)) {
      const version = await this.parts.versions.findActive();
      this.known = { version, atMs: this.nowMs() };
    }
    return this.known.version;
  }

  /** Requests that arrive while a version is read wait for the same reading; a failed one is tried again. */
  private load(version: Version): Promise<Loaded> {
    if (this.loaded?.versionId !== version.id) {
      const model = this.parts.load(version);
      this.replace(version.id, model);
      model.catch(() => {
        this.loaded = this.loaded?.model === model ? null : this.loaded;
      });
    }
    return this.loaded!.model; // just set
  }

  private replace(versionId: string, model: Promise<Loaded>): void {
    const before = this.loaded;
    this.loaded = { versionId, model, numUses: 0, isReplaced: false };
    if (before) {
      before.isReplaced = true;
      this.freeUnused(before);
    }
  }

  private freeUnused({ isReplaced, model, numUses }: Held<Loaded>): void {
    const { unload } = this.parts;
    if (isReplaced && numUses === 0 && unload) {
      model.then(unload, () => undefined);
    }
  }

  private nowMs(): number {
    return (this.parts.nowMs ?? performance.now.bind(performance))();
  }
}
