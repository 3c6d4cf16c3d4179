/**
 * @file A shop's own catalogue: items and interactions as CSV or JSON Lines, pictures from a folder or by URL.
 *
 * Items: `id`, `title`; if there, `description`, `category`, `keywords` (CSV: separated by `|`), `available`,
 * `attribution`, `caption`, `image`. Interactions: `userId`, `itemId`, `kind`, `occurredAt` (ISO 8601, UTC unless it says
 * otherwise, or Unix seconds); if there, `weight`. Other columns are ignored.
 *
 * An item's picture is what `image` says: a URL, or a path in the folder of pictures. Without that, it is the file of the
 * folder that is named by the item's id.
 */
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { z } from "zod";
import type { NewInteraction } from "../../db/interactions.repository.js";
import type { ItemColumn, NewItem, NewItemImage } from "../../db/items.repository.js";
import { AppError } from "../../errors/app-error.js";
import { checkCsvHeader, csvRows, type CsvShape } from "./csv-rows.js";
import {
  captionField,
  checkedRow,
  descriptionField,
  idField,
  imagesPart,
  interactionsPart,
  itemsPart,
  readPicture,
  storedImage,
  titleField,
  wordField,
} from "./import-parts.js";
import type { ImportPart, ImportSource, PrepareContext, SourceRow } from "./import-source.js";
import { jsonlRows } from "./jsonl-rows.js";
import { RemoteImages, type RemoteImageOptions } from "./remote-image.js";
import {
  contentVersion,
  countLines,
  folderExists,
  folderVersion,
  listPictures,
} from "./source-files.js";

export interface CatalogueOptions {
  /** File of the items. */
  items?: string;
  /** File of the interactions. */
  interactions?: string;
  /** Folder of the pictures; default: the folder of the items' file, for paths in `image` only. */
  images?: string;
  remote?: RemoteImageOptions;
  /** Read every picture again, also those that came from the same address or unchanged file. Default: false. */
  refetchImages?: boolean;
}

const ITEM_SHAPE: CsvShape = { required: ["id", "title"] };
const INTERACTION_SHAPE: CsvShape = { required: ["userId", "itemId", "kind", "occurredAt"] };
const MAX_KEYWORDS = 100;
/** A stated strength far above any real one would drown all others. */
const MAX_WEIGHT = 1_000;
const EARLIEST = new Date("1970-01-01T00:00:00Z");
const LATEST = new Date("2100-01-01T00:00:00Z");

/** An empty field of a CSV file is one that is not there. */
const optional = <Field extends z.ZodType>(field: Field) =>
  z.preprocess(value => (value === "" || value === null ? undefined : value), field.optional());

const keywords = z.preprocess(
  value => (typeof value === "string" ? value.split("|") : value),
  z
    .array(wordField)
    .max(MAX_KEYWORDS)
    .transform(words => [...new Set(words.filter(word => word !== ""))]),
);

const available = z.union([
  z.boolean(),
  z
    .string()
    .trim()
    .toLowerCase()
    .pipe(z.enum(["true", "false", "1", "0", "yes", "no"]))
    .transform(answer => ["true", "1", "yes"].includes(answer)),
]);

/** JSON may have numbers for ids. */
const anyId = z.preprocess(value => (typeof value === "number" ? String(value) : value), idField);

const itemRow = z.object({
  id: anyId,
  title: titleField,
  description: optional(descriptionField),
  category: optional(wordField),
  keywords: optional(keywords),
  available: optional(available),
  attribution: optional(titleField),
  caption: optional(captionField),
  image: optional(z.string().trim().max(2_000)),
});

const moment = z.preprocess(value => {
  const text = String(value).trim();
  if (/^\d{1,10}$/.test(text)) {
    return new Date(Number(text) * 1000);
  }
  const isDate = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/.test(text);
  return isDate ? utcDate(text) : /^\d{4}-\d\d-\d\d[T ]/.test(text) ? new Date(text) : value;
}, z.date("must be an ISO 8601 time or Unix seconds").min(EARLIEST).max(LATEST));

const interactionRow = z.object({
  userId: anyId,
  itemId: anyId,
  kind: z
    .string()
    .trim()
    .toUpperCase()
    .pipe(z.enum(["VIEW", "CLICK", "LIKE", "CART", "PURCHASE", "RATING"])),
  weight: optional(z.coerce.number().min(0).max(MAX_WEIGHT)),
  occurredAt: moment,
});

export class CatalogueSource implements ImportSource {
  readonly kind = "catalogue";
  readonly location: string;

  /** @throws AppError `INVALID_ARGUMENT` */
  constructor(private readonly options: CatalogueOptions) {
    const { items, interactions, images } = options;
    if (items === undefined && interactions === undefined) {
      const problem = "or --interactions must be given";
      throw new AppError("INVALID_ARGUMENT", { argument: "--items", problem });
    }
    if (images !== undefined && items === undefined) {
      const problem = "needs --items, which says whose pictures they are";
      throw new AppError("INVALID_ARGUMENT", { argument: "--images", problem });
    }
    const paths = [items, interactions, images];
    this.location = paths.map(path => (path === undefined ? "" : resolve(path))).join("\n");
  }

  async files(): Promise<Record<string, string>> {
    const { items, interactions, images } = this.options;
    const versions: Record<string, string> = {};
    for (const path of [items, interactions]) {
      if (path !== undefined) {
        versions[path] = await contentVersion(path);
      }
    }
    if (images !== undefined) {
      if (!(await folderExists(images))) {
        throw new AppError("FILE_NOT_FOUND", { path: images });
      }
      versions[images] = await folderVersion(images);
    }
    return versions;
  }

  async parts(): Promise<readonly ImportPart[]> {
    const { items, interactions } = this.options;
    for (const [path, shape] of [
      [items, ITEM_SHAPE],
      [interactions, INTERACTION_SHAPE],
    ] as const) {
      if (path !== undefined && isCsv(path)) {
        await checkCsvHeader(path, shape);
      }
    }
    return [
      ...(items === undefined ? [] : [await this.items(items), await this.images(items)]),
      ...(interactions === undefined ? [] : [await this.interactions(interactions)]),
    ];
  }

  private async items(path: string): Promise<ImportPart> {
    return itemsPart({
      numRows: await countRows(path),
      read: () => readRows(path, ITEM_SHAPE),
      prepare: (value): NewItem => {
        const row = checkedRow(itemRow, value);
        return {
          columns: givenColumns(value),
          id: row.id,
          title: row.title,
          description: row.description ?? "",
          category: row.category ?? null,
          keywords: row.keywords ?? [],
          isAvailable: row.available ?? true,
          attribution: row.attribution ?? null,
          caption: row.caption ?? null,
        };
      },
    });
  }

  /** The pictures of the items that have one; a row that is no item has been rejected among the items. */
  private async images(itemsPath: string): Promise<ImportPart> {
    const { images } = this.options;
    const folder = images ?? dirname(itemsPath);
    const names = images === undefined ? [] : await listPictures(images);
    const byId = new Map(names.map(name => [basename(name, extname(name)), name]));
    const remote = new RemoteImages(this.options.remote);
    const isFresh = this.options.refetchImages ?? false;
    return imagesPart({
      numRows: null,
      retriesRejected: true,
      sourceOf: isFresh
        ? undefined
        : async value => {
            const { itemId, image } = value as { itemId: string; image: string }; // as `read` gives it
            const sourceVersion = await versionOf(image, folder).catch(() => undefined);
            return sourceVersion === undefined ? null : { itemId, source: image, sourceVersion };
          },
      read: async function* () {
        for await (const row of readRows(itemsPath, ITEM_SHAPE)) {
          const { data } = itemRow.safeParse(row.value);
          const image = data?.image ?? byId.get(data?.id ?? "");
          if (data && image !== undefined) {
            yield { ...row, value: { itemId: data.id, image } };
          }
        }
      },
      prepare: async (value, context) => {
        const { itemId, image } = value as { itemId: string; image: string }; // as `read` gives it
        return pictureOf(itemId, image, { folder, remote, context });
      },
    });
  }

  private async interactions(path: string): Promise<ImportPart> {
    return interactionsPart({
      numRows: await countRows(path),
      read: () => readRows(path, INTERACTION_SHAPE),
      prepare: (value): NewInteraction => {
        const { weight = 1, ...row } = checkedRow(interactionRow, value);
        return { ...row, weight };
      },
    });
  }
}

const columnOf: Readonly<Record<string, ItemColumn>> = {
  title: "title",
  description: "description",
  category: "category",
  keywords: "keywords",
  available: "isAvailable",
  attribution: "attribution",
  caption: "caption",
};

/** The columns that a row has. An empty cell is a column that is there; an empty availability says nothing, so it is not. */
function givenColumns(value: unknown): ReadonlySet<ItemColumn> {
  const row = value as Readonly<Record<string, unknown>>; // as the schema of rows has checked
  const names = Object.keys(row).filter(
    name =>
      name in columnOf &&
      (name !== "available" || !["", null, undefined].includes(row[name] as "")),
  );
  return new Set(names.map(name => columnOf[name]));
}

async function pictureOf(
  itemId: string,
  image: string,
  { folder, remote, context }: { folder: string; remote: RemoteImages; context: PrepareContext },
): Promise<NewItemImage> {
  const { blobs, signal } = context;
  const sourceVersion = await versionOf(image, folder);
  const bytes = isAddress(image)
    ? await remote.fetch(image, signal)
    : await readPicture(await pathInside(folder, image));
  return { ...(await storedImage(itemId, bytes, { source: image, blobs })), sourceVersion };
}

function isAddress(image: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(image);
}

/** Size and time of a picture's file; null for an address, which is asked once. @throws as {@link pathInside} */
async function versionOf(image: string, folder: string): Promise<string | null> {
  if (isAddress(image)) {
    return null;
  }
  const { size, mtimeMs } = await stat(await pathInside(folder, image));
  return `${size}:${mtimeMs}`;
}

/** The path of a file that is in the folder, also when links are followed. @throws AppError `FETCH_REFUSED`, `FILE_NOT_FOUND` */
async function pathInside(folder: string, path: string): Promise<string> {
  const given = resolve(folder, path);
  const real = await realpath(given).catch(() => null);
  const root = await realpath(folder);
  for (const [from, to] of [
    [resolve(folder), given],
    [root, real ?? root],
  ]) {
    const way = relative(from, to);
    if (path.includes("\0") || way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way)) {
      const reason = "it leads out of the folder of pictures";
      throw new AppError("FETCH_REFUSED", { url: path, reason });
    }
  }
  if (real === null) {
    throw new AppError("FILE_NOT_FOUND", { path: join(folder, path) });
  }
  return real;
}

/** @throws AppError `INVALID_ARGUMENT`, `FILE_NOT_FOUND`, `FILE_MALFORMED` */
function readRows(path: string, shape: CsvShape): AsyncGenerator<SourceRow> {
  const file = basename(path);
  if (isCsv(path)) {
    return csvRows(path, file, shape);
  }
  return jsonlRows(path, file);
}

async function countRows(path: string): Promise<number> {
  return (await countLines(path)) - (isCsv(path) ? 1 : 0);
}

function isCsv(path: string): boolean {
  const extension = extname(path).toLowerCase();
  if (![".csv", ".jsonl", ".ndjson"].includes(extension)) {
    const problem = `must end in .csv, .jsonl or .ndjson, but got '${path}'`;
    throw new AppError("INVALID_ARGUMENT", { argument: "The file", problem });
  }
  return extension === ".csv";
}

/** A time without a zone is UTC, whatever this machine's zone is. */
function utcDate(text: string): Date {
  return new Date(text.length > "2026-01-01".length ? `${text.replace(" ", "T")}Z` : text);
}
