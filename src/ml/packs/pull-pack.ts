/**
 * @file Fetches a pack: files of several repositories in one folder that `openModelPack` opens.
 *
 * 1. If the pack is present and matches the catalogue, nothing happens and no network is needed.
 * 2. The hub describes every file: commit, size, checksum.
 * 3. Each file is downloaded to `<cache>/<name>.partial/`, or copied from the present pack if identical, and renamed
 *    once its checksum matches. An interrupted pull keeps its files.
 * 4. The manifest completes the folder, which is renamed to `<cache>/<name>`.
 */
import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../errors/app-error.js";
import type { Hub, HubFile } from "./hub.js";
import { cachedPackFolder, type CataloguePack, type PackFile } from "./pack-catalogue.js";
import { PullJournal } from "./pull-journal.js";
import { type LockFolder, whileLocked } from "./pull-lock.js";
import {
  entryHash,
  fileDigests,
  filesFromHub,
  findPulledManifest,
  isWhole,
  type PulledFile,
  type PulledManifest,
  writeWhole,
} from "./pulled-manifest.js";
import { downloadPart, dropPart, partSize } from "./resumable-download.js";

export interface PullProgress {
  /** Bytes of the whole pack that are present. */
  doneBytes: number;
  totalBytes: number;
  /** The current file. */
  path: string;
}

export interface PullOptions {
  /** Folder of all fetched packs. */
  cacheFolder: string;
  /** Called before the first download. @throws AppError `OFFLINE` where the network is forbidden. */
  connect: () => Hub;
  lock: LockFolder;
  /** Ask the hub even when the pack is present. Default: false. */
  refresh?: boolean;
  onProgress?: (progress: PullProgress) => void;
  signal?: AbortSignal;
}

export interface PullResult {
  /** Absolute, like `cacheFolder`. */
  folder: string;
  /** False when the pack was present and current. */
  isNew: boolean;
  sizeBytes: number;
  /** Files without a known checksum before the download. */
  unvouched: readonly string[];
}

/** A file of the pack with the hub's description. */
interface Wanted {
  file: PackFile;
  found: HubFile;
}

/**
 * @throws AppError `MODEL_PULL_RUNNING`, `OFFLINE`, `MODEL_DOWNLOAD_FAILED`, `DISK_FULL`; `MODEL_FILE_DAMAGED` when a
 *   download or the hub's offer does not match the checksum; `MODEL_PACK_INVALID` when another folder is in the way; the
 *   signal's reason when aborted.
 */
export function pullPack(pack: CataloguePack, options: PullOptions): Promise<PullResult> {
  return whileLocked(pack.name, options, signal => pullLocked(pack, { ...options, signal }));
}

async function pullLocked(
  pack: CataloguePack,
  options: PullOptions & { signal: AbortSignal },
): Promise<PullResult> {
  const folder = cachedPackFolder(options.cacheFolder, pack.name);
  const present = await findPulledManifest(folder);
  if (!present && existsSync(folder)) {
    const reason = "it is not a fetched pack; move it away first";
    throw new AppError("MODEL_PACK_INVALID", { path: folder, reason });
  }
  const isCurrent = present?.entryHash === entryHash(pack) && (await isWhole(folder, present));
  if (present && isCurrent && !options.refresh) {
    return resultOf(folder, present, false);
  }
  const hub = options.connect();
  try {
    const wanted = await findAll(pack, hub, options.signal);
    if (present && isCurrent && (await isSame(folder, present, wanted))) {
      return resultOf(folder, present, false);
    }
    const staging = `${folder}.partial`;
    const pulled = await fetchAll(pack, wanted, { folder, hub, options, present, staging });
    const manifest = await complete(pack, pulled, staging);
    options.signal.throwIfAborted();
    await replaceFolder(staging, folder);
    return resultOf(folder, manifest, true);
  } finally {
    await hub.close();
  }
}

/** The hub's description of every file. A revision resolves to one commit, even if its branch moves during the pull. */
async function findAll(
  pack: CataloguePack,
  hub: Hub,
  signal: AbortSignal | undefined,
): Promise<Wanted[]> {
  const commits = new Map<string, string>();
  const wanted: Wanted[] = [];
  for (const file of pack.files) {
    const { repository, revision } = file;
    const key = `${repository}@${revision}`;
    const found = await hub.find({ ...file, revision: commits.get(key) ?? revision }, signal);
    if (found.commit) {
      commits.set(key, found.commit);
    }
    const isOther =
      (file.sha256 !== null &&
        found.checksum?.algorithm === "sha256" &&
        found.checksum.digest !== file.sha256) ||
      (file.sizeBytes !== null && found.sizeBytes !== null && found.sizeBytes !== file.sizeBytes);
    if (isOther) {
      throw damaged(pack, file.path); // fails before fetching gigabytes
    }
    wanted.push({ file, found: { ...found, sizeBytes: found.sizeBytes ?? file.sizeBytes } });
  }
  return wanted;
}

/** Whether the present pack's bytes match the hub's. */
async function isSame(
  folder: string,
  present: PulledManifest,
  wanted: readonly Wanted[],
): Promise<boolean> {
  for (const { file, found } of wanted) {
    const known = pulledFile(present, file.path);
    const isKnown = known?.source.identity === found.identity && found.identity !== null;
    if (!isKnown || (await fileDigests(join(folder, file.path))).sha256 !== known.sha256) {
      return false;
    }
  }
  return true;
}

function pulledFile(manifest: PulledManifest | null, path: string): PulledFile | null {
  return (manifest && filesFromHub(manifest).find(file => file.path === path)) ?? null;
}

interface Run {
  folder: string;
  staging: string;
  present: PulledManifest | null;
  hub: Hub;
  options: PullOptions;
}

async function fetchAll(
  pack: CataloguePack,
  wanted: readonly Wanted[],
  run: Run,
): Promise<PulledFile[]> {
  const { options, staging } = run;
  await mkdir(staging, { recursive: true });
  const journal = await PullJournal.open(staging);
  const totalBytes = wanted.reduce((sum, { found }) => sum + (found.sizeBytes ?? 0), 0);
  await checkSpace(staging, journal, wanted);
  const pulled: PulledFile[] = [];
  let doneBytes = 0;
  for (const { file, found } of wanted) {
    options.signal?.throwIfAborted();
    const report = (bytes: number) => {
      options.onProgress?.({ doneBytes: doneBytes + bytes, totalBytes, path: file.path });
    };
    report(0);
    const done =
      journal.find(file, found) ??
      (await takePresent(pack, { file, found }, run)) ??
      (await fetchOne(pack, { file, found }, { ...run, report }));
    await journal.add(done);
    pulled.push(done);
    doneBytes += done.sizeBytes;
    report(0);
  }
  return pulled;
}

/** @throws AppError `DISK_FULL` when the remaining bytes do not fit. */
async function checkSpace(
  staging: string,
  journal: PullJournal,
  wanted: readonly Wanted[],
): Promise<void> {
  let needed = 0;
  for (const { file, found } of wanted) {
    if (!journal.find(file, found)) {
      needed += (found.sizeBytes ?? 0) - (await partSize(join(staging, file.path)));
    }
  }
  const { bavail, bsize } = await statfs(staging);
  if (bavail * bsize < needed) {
    throw new AppError("DISK_FULL", { path: staging });
  }
}

/** Copies the identical file of the present pack, if undamaged (by reference where the file system can). */
async function takePresent(
  pack: CataloguePack,
  { file, found }: Wanted,
  { folder, present, staging }: Run,
): Promise<PulledFile | null> {
  const known = pulledFile(present, file.path);
  const path = join(folder, file.path);
  if (!known || found.identity === null || known.source.identity !== found.identity) {
    return null;
  }
  if (!existsSync(path) || (await fileDigests(path)).sha256 !== known.sha256) {
    return null;
  }
  const target = join(staging, file.path);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(path, target, constants.COPYFILE_FICLONE);
  return recordOf(pack, { file, found }, target);
}

async function fetchOne(
  pack: CataloguePack,
  { file, found }: Wanted,
  { hub, options, report, staging }: Run & { report: (bytes: number) => void },
): Promise<PulledFile> {
  const target = join(staging, file.path);
  const { signal } = options;
  const part = await downloadPart(hub, found, target, { onBytes: report, signal });
  try {
    const record = await recordOf(pack, { file, found }, part);
    await rename(part, target);
    return record;
  } catch (error) {
    await dropPart(target);
    throw error;
  }
}

/** @throws AppError `MODEL_FILE_DAMAGED` unless the file matches catalogue and hub. */
async function recordOf(
  pack: CataloguePack,
  { file, found }: Wanted,
  path: string,
): Promise<PulledFile> {
  const digests = await fileDigests(path);
  const { checksum, commit, identity } = found;
  const isAsSaid =
    (found.sizeBytes === null || digests.sizeBytes === found.sizeBytes) &&
    (file.sha256 === null || digests.sha256 === file.sha256) &&
    (checksum === null || digests[checksum.algorithm] === checksum.digest);
  if (!isAsSaid) {
    throw damaged(pack, file.path);
  }
  const { license, repository } = file;
  return {
    path: file.path,
    sizeBytes: digests.sizeBytes,
    sha256: digests.sha256,
    source: {
      repository,
      commit,
      file: file.file,
      license,
      identity,
      vouchedBy: file.sha256 ? "catalogue" : checksum ? "hub" : "none",
    },
  };
}

/** Writes the index, then the manifest, and removes files that are not part of the pack. */
async function complete(
  pack: CataloguePack,
  pulled: readonly PulledFile[],
  staging: string,
): Promise<PulledManifest> {
  const files: PulledManifest["files"] = [...pulled];
  if (!pulled.some(({ path }) => path === "model_index.json")) {
    const path = join(staging, "model_index.json");
    await writeWhole(path, `${JSON.stringify({ _class_name: "StableDiffusionPipeline" })}\n`);
    const { sha256, sizeBytes } = await fileDigests(path);
    files.push({ path: "model_index.json", sizeBytes, sha256 });
  }
  const manifest: PulledManifest = {
    name: pack.name,
    version: pack.version,
    license: pack.licenses.join("; "),
    description: pack.description,
    entryHash: entryHash(pack),
    files,
  };
  await removeOthers(
    staging,
    files.map(({ path }) => path),
  );
  await writeWhole(join(staging, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Removes the leftovers of a stopped pull of another entry, and the journal. */
async function removeOthers(folder: string, paths: readonly string[]): Promise<void> {
  const kept = new Set(paths.map(path => join(folder, path)));
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(path)) {
      await rm(path);
    }
  }
}

/** Replaces the former folder by the finished one. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const former = `${to}.former`;
  await rm(former, { recursive: true, force: true });
  if (existsSync(to)) {
    await rename(to, former);
  }
  await rename(from, to);
  await rm(former, { recursive: true, force: true });
}

function resultOf(folder: string, manifest: PulledManifest, isNew: boolean): PullResult {
  return {
    folder,
    isNew,
    sizeBytes: manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    unvouched: filesFromHub(manifest).flatMap(({ path, source }) =>
      source.vouchedBy === "none" ? path : [],
    ),
  };
}

function damaged(pack: CataloguePack, path: string): AppError {
  return new AppError("MODEL_FILE_DAMAGED", { pack: pack.name, path });
}
