/**
 * @file Finds an item's image: a URL, or a file in the image folder, named in the catalogue or by the item's id. Names
 * are compared in Unicode NFC and with `/` for `\`.
 */
import { basename, extname, isAbsolute } from "node:path";
import type { ImageSource, NewItemImage } from "../../db/items.repository.js";
import { statLocal } from "../../db/local-files.js";
import { findFileInside } from "../../db/subfolder.js";
import { AppError } from "../../errors/app-error.js";
import { readImage, storeImage } from "./import-parts.js";
import type { PrepareContext } from "./import-source.js";
import type { ImageCells } from "./item-row.js";
import { RemoteImages, type RemoteImageOptions } from "./remote-image.js";
import { listImages } from "./source-files.js";

export class CatalogueImages {
  /** Normalized path, file name, or name without extension -> path in the folder; null for an ambiguous name. */
  private readonly byPath = new Map<string, string>();
  private readonly byName = new Map<string, string | null>();
  private readonly byStem = new Map<string, string | null>();
  private readonly remote: RemoteImages;

  /** @param names Images of the folder; empty if only paths in the catalogue count. */
  constructor(
    private readonly folder: string,
    names: readonly string[],
    remote?: RemoteImageOptions,
  ) {
    for (const name of names) {
      const path = plainPath(name);
      const file = basename(path);
      this.byPath.set(path, name);
      addOnce(this.byName, file, name);
      addOnce(this.byStem, basename(file, extname(file)), name);
    }
    this.remote = new RemoteImages(remote);
  }

  /** @param listed The folder whose images are also found by name; default: only by path, below `folder`. */
  static async open(
    folder: string,
    listed: string | undefined,
    remote?: RemoteImageOptions,
  ): Promise<CatalogueImages> {
    return new CatalogueImages(
      folder,
      listed === undefined ? [] : await listImages(listed),
      remote,
    );
  }

  /** Candidates for the item's image, best first: the catalogue's, then the file named by the item's id. */
  candidates({ itemId, images }: ImageCells): string[] {
    const byId = this.byStem.get(plainPath(itemId));
    return images.length > 0 ? images.map(image => this.source(image)) : byId ? [byId] : [];
  }

  /** Source and version of the item's image; null if unknown. */
  async sourceOf(itemId: string, candidates: readonly string[]): Promise<ImageSource | null> {
    const [source] = candidates;
    const sourceVersion = await this.versionOf(source).catch(() => undefined);
    return sourceVersion === undefined ? null : { itemId, source, sourceVersion };
  }

  /** Why none of these files exists; null if one does. */
  async faultOf(candidates: readonly string[]): Promise<AppError | null> {
    let first: AppError | null = null;
    for (const source of candidates) {
      try {
        await findFileInside(this.folder, source);
        return null;
      } catch (error) {
        if (!(error instanceof AppError)) {
          throw error;
        }
        first ??= error;
      }
    }
    return first;
  }

  /** Stores the first readable image. @throws AppError of the first, if none is. */
  async store(
    itemId: string,
    candidates: readonly string[],
    { blobs, signal }: PrepareContext,
  ): Promise<NewItemImage> {
    let first: AppError | null = null;
    for (const source of candidates) {
      try {
        const sourceVersion = await this.versionOf(source);
        const bytes = isAddress(source)
          ? await this.remote.fetch(source, signal)
          : await readImage(await findFileInside(this.folder, source));
        return { ...(await storeImage(itemId, bytes, { source, blobs })), sourceVersion };
      } catch (error) {
        if (!(error instanceof AppError)) {
          throw error;
        }
        first ??= error;
      }
    }
    throw first ?? new AppError("FILE_NOT_FOUND", { path: this.folder });
  }

  /** Size and time of an image file; null for a URL, which is fetched once. */
  private async versionOf(source: string): Promise<string | null> {
    if (isAddress(source)) {
      return null;
    }
    const { size, mtimeMs } = await statLocal(await findFileInside(this.folder, source));
    return `${size}:${mtimeMs}`;
  }

  /** A URL, or a path in the folder. */
  private source(image: string): string {
    if (image.startsWith("//")) {
      return `https:${image}`;
    }
    const path = plainPath(image);
    const known = this.byPath.get(path);
    if (known !== undefined || isAddress(image)) {
      return known ?? image;
    }
    const leadsOut = isAbsolute(path) || path.split("/").includes("..");
    const name = basename(path);
    const named = leadsOut ? null : (this.byName.get(name) ?? this.byStem.get(name));
    return named ?? image.replaceAll("\\", "/");
  }
}

/** Whether an image is a URL, even one that may not be fetched. A single letter is a Windows drive. */
export function isAddress(image: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(image);
}

function plainPath(path: string): string {
  return path.normalize("NFC").replaceAll("\\", "/").replace(/^\.\//, "");
}

function addOnce(map: Map<string, string | null>, key: string, name: string): void {
  map.set(key, map.has(key) ? null : name);
}
