/** @file Lists the packs: bundled, fetched, in a user's folder, or only in the catalogue. */
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { type ModelPack, openModelPack, packComponents } from "../runtime/model-pack.js";
import { cachedPackFolder, type CataloguePack } from "./pack-catalogue.js";
import { entryHash, filesFromHub, findPulledManifest } from "./pulled-manifest.js";

export interface KnownPack {
  name: string;
  version: string | null;
  where: "bundled" | "cached" | "folder" | "absent";
  /** Null for a pack that is not on the disk. */
  folder: string | null;
  /** On the disk, or from the catalogue; null when unknown. */
  sizeBytes: number | null;
  licenses: readonly string[];
  /** The runtime components that it has. */
  parts: readonly string[];
  isInUse: boolean;
  /** Whether the catalogue's entry changed since the pack was fetched. */
  isOutdated: boolean;
  /** Why it cannot be opened; null if it can. */
  fault: string | null;
}

export interface PackPlaces {
  bundledFolders: readonly string[];
  cacheFolder: string;
  /** Folder of the pack in use; null if none is chosen yet. */
  usedFolder: string | null;
  catalogue: ReadonlyMap<string, CataloguePack>;
}

/** The bundled packs, the catalogue's, others in the cache, and the active one if it is elsewhere. */
export async function listPacks(places: PackPlaces): Promise<KnownPack[]> {
  const { bundledFolders, cacheFolder, catalogue, usedFolder } = places;
  const packs: KnownPack[] = [];
  for (const folder of bundledFolders) {
    packs.push(await presentPack(folder, "bundled", places));
  }
  for (const entry of catalogue.values()) {
    const folder = cachedPackFolder(cacheFolder, entry.name);
    packs.push(
      existsSync(folder) ? await presentPack(folder, "cached", places) : absentPack(entry),
    );
  }
  for (const name of await packNames(cacheFolder)) {
    if (!catalogue.has(name)) {
      packs.push(await presentPack(cachedPackFolder(cacheFolder, name), "cached", places));
    }
  }
  if (
    usedFolder !== null &&
    existsSync(usedFolder) &&
    !packs.some(({ folder }) => folder === usedFolder)
  ) {
    packs.push(await presentPack(usedFolder, "folder", places));
  }
  return packs;
}

/** Folders of the cache that open as packs. */
async function packNames(cacheFolder: string): Promise<string[]> {
  const names = await readdir(cacheFolder).catch(() => []);
  const isPack = (name: string) =>
    !/\.(partial|former)$/.test(name) && existsSync(join(cacheFolder, name, "model_index.json"));
  return names.filter(isPack).sort();
}

async function presentPack(
  folder: string,
  where: "bundled" | "cached" | "folder",
  { catalogue, usedFolder }: PackPlaces,
): Promise<KnownPack> {
  const name = basename(folder);
  const entry = where === "cached" ? catalogue.get(name) : undefined;
  const pulled = await findPulledManifest(folder);
  const common = {
    where,
    folder,
    isInUse: folder === usedFolder,
    isOutdated: entry !== undefined && pulled?.entryHash !== entryHash(entry),
  };
  try {
    const pack = await openModelPack(folder);
    const licenses = pulled
      ? filesFromHub(pulled).map(({ source }) => source.license)
      : [pack.manifest?.license ?? []].flat();
    return {
      ...common,
      name: where === "folder" ? pack.name : name,
      version: pack.version,
      sizeBytes: await sizeOf(pack),
      licenses: [...new Set(licenses)],
      parts: packComponents.filter(component => pack.has(component)),
      fault: null,
    };
  } catch (error) {
    if (!(error instanceof AppError)) {
      throw error;
    }
    const fault = `${error.code}: ${error.message}`;
    return { ...common, name, version: null, sizeBytes: null, licenses: [], parts: [], fault };
  }
}

async function sizeOf({ dir, manifest }: ModelPack): Promise<number> {
  if (manifest) {
    return manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }
  let sizeBytes = 0;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    sizeBytes += entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0;
  }
  return sizeBytes;
}

function absentPack({ files, licenses, name, version }: CataloguePack): KnownPack {
  const sizes = files.map(({ sizeBytes }) => sizeBytes);
  const isSizeKnown = sizes.every(size => size !== null);
  return {
    name,
    version,
    where: "absent",
    folder: null,
    sizeBytes: isSizeKnown ? sizes.reduce((sum, size) => sum + size, 0) : null,
    licenses,
    parts: packComponents.filter(part => files.some(({ path }) => path.startsWith(`${part}/`))),
    isInUse: false,
    isOutdated: false,
    fault: null,
  };
}
