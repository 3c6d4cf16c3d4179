/** @file Versions and row counts of a source's files. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { listPaths, openFile, statLocal } from "../../db/local-files.js";

const PICTURE_FILE = /\.(avif|gif|jpe?g|png|svg|webp)$/i;

/** Size and SHA-256 of a file's content. @throws AppError `FILE_NOT_FOUND` */
export async function contentVersion(path: string): Promise<string> {
  const hash = createHash("sha256");
  let numBytes = 0;
  for await (const chunk of openFile(path)) {
    hash.update(chunk);
    numBytes += chunk.length;
  }
  return `${numBytes}:${hash.digest("hex")}`;
}

/** Hash of the sizes and times of a folder's images: reading them all would take as long as importing them. */
export async function folderVersion(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const names = await listImages(folder);
  for (const name of names) {
    // A broken link is an unreadable image, not a reason to stop.
    const found = await statLocal(join(folder, name)).catch(() => null);
    hash.update(`${name}\0${found?.size ?? "-"}\0${found?.mtimeMs ?? "-"}\n`);
  }
  return `${names.length}:${hash.digest("hex")}`;
}

/** Sorted paths of the images in a folder and its subfolders; empty without such a folder. */
export async function listImages(folder: string): Promise<string[]> {
  const paths = await listPaths(folder);
  return paths.filter(path => PICTURE_FILE.test(path)).sort();
}

export async function fileExists(path: string): Promise<boolean> {
  return statLocal(path).then(
    found => found.isFile(),
    () => false,
  );
}

export async function folderExists(path: string): Promise<boolean> {
  return statLocal(path).then(
    found => found.isDirectory(),
    () => false,
  );
}

/** Non-blank lines: at least the number of rows. */
export async function countLines(path: string): Promise<number> {
  const newline = 10;
  let numLines = 0;
  let last = newline;
  for await (const chunk of openFile(path)) {
    for (const byte of chunk) {
      numLines += byte === newline && last !== newline ? 1 : 0;
      last = byte;
    }
  }
  return numLines + (last === newline ? 0 : 1);
}
