/** @file Which version of the ranking model serves, and that version in memory. */
import { join } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { type LoadedRanker, loadRanker } from "./ranker-artefact.js";

/** The columns of a version that serving reads. */
interface VersionRow {
  id: string;
  state: string;
  artefactPath: string | null;
}

interface Dependencies<Version extends VersionRow> {
  versions: {
    findById(id: string): Promise<Version | null>;
    findActive(): Promise<Version | null>;
    findPrevious(): Promise<Version | null>;
    activate(id: string): Promise<Version>;
    rollBack(currentId: string, previousId: string): Promise<Version>;
  };
  /** Folder of the installation, below which `artefactPath` lies. */
  home: string;
  /** How long the answer to "which is active" is believed; another process may change it. Default: 1000. */
  maxAgeMs?: number;
  /** Default: `performance.now`. */
  nowMs?: () => number;
}

export class RankerRegistry<Version extends VersionRow> {
  private known: { version: Version | null; atMs: number } | null = null;
  private loaded: { versionId: string; ranker: Promise<LoadedRanker> } | null = null;

  constructor(private readonly deps: Dependencies<Version>) {}

  async activeVersionId(): Promise<string | null> {
    return (await this.findActive())?.id ?? null;
  }

  /** The active version, loaded; read again from disk only when another became active. Null when none is. */
  async active(): Promise<LoadedRanker | null> {
    const version = await this.findActive();
    return version && this.load(version);
  }

  /**
   * Makes a version the one that serves, once its files have been read: a damaged one never serves.
   *
   * @throws AppError MODEL_VERSION_NOT_FOUND, RANKER_NOT_READY, FILE_NOT_FOUND, FILE_MALFORMED
   */
  async activate(versionId: string): Promise<Version> {
    const version = await this.deps.versions.findById(versionId);
    if (!version) {
      throw new AppError("MODEL_VERSION_NOT_FOUND", { versionId });
    }
    if (version.state !== "READY") {
      throw new AppError("RANKER_NOT_READY", { versionId, state: version.state });
    }
    const ranker = await loadRanker(this.directoryOf(version));
    return this.switchTo(await this.deps.versions.activate(versionId), ranker);
  }

  /** Goes back to the version that was active before. @throws AppError NOTHING_TO_ROLL_BACK */
  async rollback(): Promise<Version> {
    const { versions } = this.deps;
    const [current, previous] = await Promise.all([versions.findActive(), versions.findPrevious()]);
    if (!current || !previous) {
      throw new AppError("NOTHING_TO_ROLL_BACK");
    }
    const ranker = await loadRanker(this.directoryOf(previous));
    return this.switchTo(await versions.rollBack(current.id, previous.id), ranker);
  }

  private switchTo(version: Version, ranker: LoadedRanker): Version {
    this.known = { version, atMs: this.nowMs() };
    this.loaded = { versionId: version.id, ranker: Promise.resolve(ranker) };
    return version;
  }

  private async findActive(): Promise<Version | null> {
    if (!this.known || this.nowMs() - this.known.atMs >= (this.deps.maxAgeMs ?? 1_000)) {
      const version = await this.deps.versions.findActive();
      this.known = { version, atMs: this.nowMs() };
    }
    return this.known.version;
  }

  /** Requests that arrive while a version is read wait for the same reading; a failed one is tried again. */
  private load(version: Version): Promise<LoadedRanker> {
    if (this.loaded?.versionId !== version.id) {
      const ranker = loadRanker(this.directoryOf(version));
      this.loaded = { versionId: version.id, ranker };
      ranker.catch(() => {
        this.loaded = this.loaded?.ranker === ranker ? null : this.loaded;
      });
    }
    return this.loaded.ranker;
  }

  private directoryOf({ id, artefactPath }: Version): string {
    if (artefactPath === null) {
      throw new Error(`RankerRegistry: expected an artefact path of version ${id}, got none`);
    }
    return join(this.deps.home, artefactPath);
  }

  private nowMs(): number {
    return (this.deps.nowMs ?? performance.now.bind(performance))();
  }
}
