/** @file Resolves folders named by a client, confined to one root folder. */
import { realpath, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";

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
