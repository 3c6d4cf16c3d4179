/** @file Resolves paths that a client or a catalogue names, confined to one root folder. */
import { realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { AppError } from "../errors/app-error.js";

/**
 * The real, absolute path of a folder below `root`; null if it does not exist, or if `..`, an absolute path or a link
 * leads out of `root`.
 */
export async function findSubfolder(root: string, name: string): Promise<string | null> {
  if (name.includes("\0")) {
    return null;
  }
  try {
    const [realRoot, path] = await Promise.all([realpath(root), realpath(resolve(root, name))]);
    const isInside = path.startsWith(realRoot + sep);
    return isInside && (await stat(path)).isDirectory() ? path : null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "ELOOP") {
      return null;
    }
    throw error;
  }
}

/** The path of a file inside a folder, with links resolved. @throws AppError `FETCH_REFUSED`, `FILE_NOT_FOUND` */
export async function findFileInside(folder: string, path: string): Promise<string> {
  const given = resolve(folder, path);
  const real = await realPathOf(given);
  const root = await realpath(folder);
  for (const [from, to] of [
    [resolve(folder), given],
    [root, real ?? root],
  ]) {
    const way = relative(from, to);
    if (path.includes("\0") || way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way)) {
      const reason = "it leads outside the image folder";
      throw new AppError("FETCH_REFUSED", { url: path, reason });
    }
  }
  if (real === null) {
    throw new AppError("FILE_NOT_FOUND", { path: join(folder, path) });
  }
  return real;
}

/** The resolved path in the Unicode form on the disk; null if it does not exist. */
async function realPathOf(path: string): Promise<string | null> {
  for (const form of [path, path.normalize("NFC"), path.normalize("NFD")]) {
    const real = await realpath(form).catch(() => null);
    if (real !== null) {
      return real;
    }
  }
  return null;
}
