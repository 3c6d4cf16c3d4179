/** @file Folders named by a client, kept below the one folder that clients may name. */
import { realpath, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";

/**
 * The real, absolute path of a folder below `root`; null if there is none of this name, also when `..`, an absolute path
 * or a link would lead out of `root`.
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
