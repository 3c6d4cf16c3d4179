/** @file Versions of one kind of model: their training, which of them serves, and that version in memory. */
import { deleteAll, putFiles, type NamedFiles } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { environmentFault } from "../../db/environment-fault.js";
import type { PageRequest } from "../../db/keyset.js";
import { AppError, type ErrorCode } from "../../errors/app-error.js";
import type { WorkHooks } from "../../ml/progress.js";

/** The columns of a version that every kind has. */
export interface VersionRow {
  id: string;
  state: string;
  config: unknown;
  seed: number;
  /** The prefix of its files in the store; a ready version has one. */
  artefactPath: string | null;
}

/** How versions of one kind of model are stored. @typeParam Own The columns that only this kind has. */
export interface VersionStore<Version extends VersionRow, Own> {
  begin(version: { id: string; seed: number; config: object } & Own): Promise<Version>;
  complete(
    id: string,
    outcome: { metrics: object; dataHash: string; artefactPath: string },
  ): Promise<Version>;
  fail(id: string, failure: string): Promise<void>;
  findById(id: string): Promise<Version | null>;
  findPage(page: PageRequest<Date>): Promise<Version[]>;
  findActive(): Promise<Version | null>;
  findPrevious(): Promise<Version | null>;
  activate(id: string): Promise<Version>;
  rollBack(currentId: string, previousId: string): Promise<Version>;
}

export interface TrainRequest {
  /** A new version's id, or that of an interrupted one, which resumes from its checkpoint. */
  versionId: string;
  seed: number;
  /** Changes to the defaults. An interrupted version keeps its own. */
  config: Readonly<Record<string, unknown>>;
  /** Whether the version serves when it is ready; null: as its kind decides. */
  activate: boolean | null;
}

/** Where a version is stored: its files, and the checkpoints of its training. */
export interface VersionPlace {
  versionId: string;
  artefactPath: string;
  checkpoint: string;
}

/** A training that can start. */
export interface Training<Own> {
  /** What is recorded of the version when it starts. */
  columns: { config: object } & Own;
  fit(
    place: VersionPlace,
    hooks: WorkHooks,
  ): Promise<{ metrics: object; dataHash: string; files: NamedFiles }>;
}

/** How one kind of model is trained. */
export interface Trainer<Own> {
  /** Versions go to `<folder>/<versionId>`. */
  folder: string;
  /** Nothing is recorded if it throws. @param given.isStored Whether an earlier start, perhaps of an older release, recorded it. */
  prepare(
    given: { config: Readonly<Record<string, unknown>>; seed: number; isStored: boolean },
    hooks: WorkHooks,
  ): Promise<Training<Own>>;
}

interface Dependencies<Version extends VersionRow, Loaded, Own, Decision> {
  versions: VersionStore<Version, Own>;
  store: ArtefactStore;
  trainer: Trainer<Own>;
  /** Whether a version that is ready serves. @param asked See {@link TrainRequest}. */
  decide: (trained: Version, active: Version | null, asked: boolean | null) => Decision;
  /** Reads a ready version's files. */
  load: (artefactPath: string, version: Version) => Promise<Loaded>;
  /** Told once of an active version whose files cannot be read. Default: nobody is. */
  onDamaged?: (damage: Damage) => void;
  /** Frees a version that no longer serves. Default: nothing to free. */
  unload?: (loaded: Loaded) => void;
  /** What an unknown version and one that is not ready are called. */
  codes: { notFound: ErrorCode; notReady: ErrorCode };
  /** How long the answer to "which is active" is believed; another process may change it. Default: 1000. */
  maxAgeMs?: number;
  /** Default: `performance.now`. */
  nowMs?: () => number;
}

/** An active version that cannot be read. */
export interface Damage {
  versionId: string;
  /** The version that serves in its place, the one that was active before; null: none. */
  replacementId: string | null;
  error: AppError;
}

/** How long a damaged version is not tried again. */
const RETRY_MS = 60_000;

/** A version in memory. */
interface Held<Loaded> {
  versionId: string;
  model: Promise<Loaded>;
  /** Runs that need it. */
  numUses: number;
  /** Whether it is freed when no run needs it. */
  isReplaced: boolean;
}

export class TrainedVersionService<
  Version extends VersionRow,
  Loaded,
  Own,
  Decision extends { isActivated: boolean },
> {
  private known: { version: Version | null; atMs: number } | null = null;
  private loaded: Held<Loaded> | null = null;
  private damaged: (Damage & { replacement: Version | null; atMs: number }) | null = null;

  constructor(private readonly parts: Dependencies<Version, Loaded, Own, Decision>) {}

  /**
   * Trains a version. If stopped by its signal, with the process, or by a fault of the database or disk, it stays `TRAINING`
   * and can be resumed; any other failure is recorded. A ready version is not trained again.
   *
   * @param trainer Default: the one of this kind of model.
   * @throws AppError What its trainer throws, and what {@link activate} does
   */
  async train(
    request: TrainRequest,
    hooks: WorkHooks = {},
    trainer: Trainer<Own> = this.parts.trainer,
  ): Promise<{ version: Version; activation: Decision }> {
    const { decide, versions } = this.parts;
    const existing = await versions.findById(request.versionId);
    const trained =
      existing?.state === "READY" ? existing : await this.run(request, existing, hooks, trainer);
    const activation = decide(trained, await versions.findActive(), request.activate);
    const version = activation.isActivated ? await this.activate(trained.id) : trained;
    return { version, activation };
  }

  /** Newest first. */
  findPage(page: PageRequest<Date>): Promise<Version[]> {
    return this.parts.versions.findPage(page);
  }

  /** The version that serves: the active one, or while its files cannot be read the one before it. */
  async activeVersionId(): Promise<string | null> {
    return (await this.findServing())?.id ?? null;
  }

  /** As {@link activeVersionId}, with all that is stored of it. */
  activeVersion(): Promise<Version | null> {
    return this.findServing();
  }

  /** The active version that could not be read; null if there is none. */
  get damage(): Damage | null {
    return this.damaged;
  }

  /**
   * The version that serves, loaded; read again from disk only when another serves. Null when none does.
   *
   * An active version whose files are damaged or gone is replaced by the one that was active before it.
   */
  async active(): Promise<Loaded | null> {
    const version = await this.findServing();
    try {
      return version && (await this.load(version));
    } catch (error) {
      if (await this.isReplaced(version!, error)) {
        return this.active();
      }
      throw error;
    }
  }

  /**
   * Runs with a version in memory. It is not freed before the run ends, even if another becomes active; one that does not
   * serve is read for the run.
   *
   * @throws AppError not found
   */
  async use<Result>(versionId: string, run: (loaded: Loaded) => Promise<Result>): Promise<Result> {
    const active = await this.findServing();
    if (active?.id === versionId) {
      void this.load(active).catch(() => undefined); // the run hears of the fault
    }
    const held: Held<Loaded> =
      this.loaded?.versionId === versionId
        ? this.loaded
        : {
            versionId,
            model: this.find(versionId).then(version => this.read(version)),
            numUses: 0,
            isReplaced: true,
          };
    held.numUses++;
    try {
      return await run(await this.readable(held, active));
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
    const { codes, versions } = this.parts;
    const version = await this.find(versionId);
    if (version.state !== "READY") {
      throw new AppError(codes.notReady, { versionId, state: version.state });
    }
    const model = await this.read(version);
    return this.switchTo(await versions.activate(versionId), model);
  }

  /** Goes back to the version that was active before. @throws AppError NOTHING_TO_ROLL_BACK */
  async rollback(): Promise<Version> {
    const { versions } = this.parts;
    const [current, previous] = await Promise.all([versions.findActive(), versions.findPrevious()]);
    if (!current || !previous) {
      throw new AppError("NOTHING_TO_ROLL_BACK");
    }
    const model = await this.read(previous);
    return this.switchTo(await versions.rollBack(current.id, previous.id), model);
  }

  private async run(
    { versionId, ...request }: TrainRequest,
    existing: Version | null,
    hooks: WorkHooks,
    trainer: Trainer<Own>,
  ): Promise<Version> {
    const { store, versions } = this.parts;
    const config = (existing?.config ?? request.config) as TrainRequest["config"];
    const seed = existing?.seed ?? request.seed;
    const given = { config, seed, isStored: existing !== null };
    const training = await trainer.prepare(given, hooks);
    await versions.begin({ id: versionId, seed, ...training.columns });
    const artefactPath = `${trainer.folder}/${versionId}`;
    const checkpoint = `${artefactPath}/checkpoint`;
    try {
      const place = { versionId, artefactPath, checkpoint };
      const { files, ...outcome } = await training.fit(place, hooks);
      await putFiles(store, artefactPath, files);
      const completed = await versions.complete(versionId, { ...outcome, artefactPath });
      await deleteAll(store, checkpoint);
      return completed;
    } catch (error) {
      if (!hooks.signal?.aborted && !environmentFault(error)) {
        await versions.fail(versionId, error instanceof Error ? error.message : String(error));
      }
      throw error;
    }
  }

  private async read(version: Version): Promise<Loaded> {
    const { id, artefactPath } = version;
    if (artefactPath === null) {
      throw new Error(
        `TrainedVersionService: expected an artefact path of version ${id}, got none`,
      );
    }
    return this.parts.load(artefactPath, version);
  }

  /** The model of a run. A fault of the active version's files is noted for the runs after it. */
  private async readable(held: Held<Loaded>, active: Version | null): Promise<Loaded> {
    try {
      return await held.model;
    } catch (error) {
      if (active?.id === held.versionId) {
        await this.isReplaced(active, error);
      }
      throw error;
    }
  }

  /** The active version, or while it is damaged its replacement. */
  private async findServing(): Promise<Version | null> {
    const active = await this.findActive();
    const { damaged } = this;
    if (!active || damaged?.versionId !== active.id) {
      return active;
    }
    if (this.nowMs() - damaged.atMs >= RETRY_MS) {
      damaged.atMs = this.nowMs();
      try {
        await this.load(active); // it may have been mended
        this.damaged = null;
        return active;
      } catch {
        // as it was
      }
    }
    return damaged.replacement;
  }

  /** Whether another version, or none, serves in the place of one that cannot be read. */
  private async isReplaced(version: Version, error: unknown): Promise<boolean> {
    if (!(error instanceof AppError && ["FILE_MALFORMED", "FILE_NOT_FOUND"].includes(error.code))) {
      return false;
    }
    if (this.damaged?.replacement?.id === version.id) {
      this.damaged = { ...this.damaged, replacement: null, replacementId: null };
      return true;
    }
    if (this.damaged?.versionId !== version.id) {
      const replacement = await this.parts.versions.findPrevious();
      const damage = { versionId: version.id, replacementId: replacement?.id ?? null, error };
      this.damaged = { ...damage, replacement, atMs: this.nowMs() };
      this.parts.onDamaged?.(damage);
    }
    return true;
  }

  private switchTo(version: Version, model: Loaded): Version {
    this.known = { version, atMs: this.nowMs() };
    this.damaged = null;
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
      const model = this.read(version);
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
