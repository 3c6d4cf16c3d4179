/**
 * @file A shop's own catalogue: items and interactions in many file formats (docs/import.md), images from a folder or
 * URLs.
 *
 * Each file is opened as a table, whose format, layout and columns are detected or given. Rows are mapped to the
 * catalogue's fields and validated one by one.
 */
import { dirname, resolve } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { CatalogueImages } from "./catalogue-images.js";
import { type FieldCells, FieldMap, type TableKind } from "./field-map.js";
import { type FieldRow, fieldRows } from "./field-rows.js";
import { imagesPart, interactionsPart, itemsPart } from "./import-parts.js";
import { type ImportPart, type ImportSource, RowFault } from "./import-source.js";
import { parseImages, parseInteraction, parseItem, parseVariantImages } from "./item-row.js";
import { type Layout, type LayoutName, layouts } from "./layouts.js";
import { productRows } from "./product-rows.js";
import type { RemoteImageOptions } from "./remote-image.js";
import { contentVersion, folderExists, folderVersion } from "./source-files.js";
import { describeTable, openTable, type SourceTable, type TableOptions } from "./source-table.js";
import { Tally, type TallyLine } from "./tally.js";
import { type VariantImageChoice, variantImagesPart } from "./variant-images-part.js";

export interface CatalogueOptions extends TableOptions {
  /** File of the items. */
  items?: string;
  /** File of the interactions. */
  interactions?: string;
  /** Folder of the images; default: the folder of the items' file, for paths in `image` only. */
  images?: string;
  remote?: RemoteImageOptions;
  /** Read every image again, even from the same URL or unchanged file. Default: false. */
  refetchImages?: boolean;
}

/** A file and its field map. */
export interface OpenTable {
  table: SourceTable;
  map: FieldMap;
}

/** Increase when parsing rules change, so that files imported by the old rules can be imported again. */
const READER_VERSION = 3;

/** Input of an item row. */
interface PlacedCells {
  cells: FieldCells;
  file: string;
  line: number;
}

/** Input of an image row. */
interface ImageChoice {
  itemId: string;
  candidates: readonly string[];
}

export class CatalogueSource implements ImportSource {
  readonly kind = "catalogue";
  readonly location: string;
  private readonly tally = new Tally();
  private opened: readonly SourceTable[] = [];

  /** @throws AppError `INVALID_ARGUMENT` */
  constructor(private readonly options: CatalogueOptions) {
    const { items, interactions, images } = options;
    if (items === undefined && interactions === undefined) {
      const problem = "or --interactions must be given";
      throw new AppError("INVALID_ARGUMENT", { argument: "--items", problem });
    }
    if (images !== undefined && items === undefined) {
      const problem = "needs --items, which lists the images' items";
      throw new AppError("INVALID_ARGUMENT", { argument: "--images", problem });
    }
    const paths = [items, interactions, images];
    this.location = paths.map(path => (path === undefined ? "" : resolve(path))).join("\n");
  }

  /** How each opened file is read: `items.csv (CSV, Shopify product CSV, utf-8, separated by ',')`. */
  get reading(): string[] {
    return this.opened.map(table => `${table.file} (${describeTable(table)})`);
  }

  /** Values of accepted rows that were changed by the import so far. */
  get warnings(): TallyLine[] {
    return this.tally.lines();
  }

  async files(): Promise<Record<string, string>> {
    const { items, interactions, images, format, encoding, columns, map, defaults } = this.options;
    const reading = JSON.stringify([READER_VERSION, { format, encoding, columns, map, defaults }]);
    const versions: Record<string, string> = {};
    for (const path of [items, interactions]) {
      if (path !== undefined) {
        versions[path] = `${await contentVersion(path)} ${reading}`;
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

  /** Opens the files, so that a faulty one is found before any import. @throws AppError */
  async open(): Promise<Partial<Record<TableKind, OpenTable>>> {
    const opened: Partial<Record<TableKind, OpenTable>> = {};
    for (const kind of ["items", "interactions"] as const) {
      const path = this.options[kind];
      if (path !== undefined) {
        const table = await openTable(path, this.options);
        opened[kind] = { table, map: new FieldMap(table, kind, this.options) };
      }
    }
    this.opened = Object.values(opened).map(({ table }) => table);
    return opened;
  }

  async parts(): Promise<readonly ImportPart[]> {
    const { items, interactions } = await this.open();
    return [
      ...(items ? [this.items(items), ...(await this.imagesOf(items))] : []),
      ...(interactions ? [this.interactions(interactions)] : []),
    ];
  }

  /** The images of the items. */
  findImages(): Promise<CatalogueImages> {
    const { items = "", images, remote } = this.options;
    return CatalogueImages.open(images ?? dirname(items), images, remote);
  }

  private items({ table, map }: OpenTable): ImportPart {
    const layout = layouts[table.layout];
    return itemsPart({
      numRows: table.numRows,
      read: async function* () {
        for await (const row of productRows(table, map)) {
          const { value: cells, file, line } = row;
          yield { ...row, value: { cells, file, line } };
        }
      },
      prepare: value => {
        const { cells, file, line } = value as PlacedCells; // the type that `read` yields
        return parseItem(cells, layout, ({ field, problem }) => {
          this.tally.add(
            `${field} ${problem.replace(/\d[\d,]*/, "N")}`,
            `${file}:${line} ${field} ${problem}`,
          );
        });
      },
    });
  }

  /** The images of the items that have one, and of their variants; invalid items were already rejected. */
  private async imagesOf(items: OpenTable): Promise<ImportPart[]> {
    const images = await this.findImages();
    const isFresh = this.options.refetchImages ?? false;
    const choiceIn = (value: unknown) => value as ImageChoice; // the type that `read` yields
    const ofItems = imagesPart({
      numRows: null,
      retriesRejected: true,
      sourceOf: isFresh
        ? undefined
        : value => images.sourceOf(choiceIn(value).itemId, choiceIn(value).candidates),
      read: async function* () {
        for await (const row of productRows(items.table, items.map)) {
          const choice = imageChoice(row, items, images);
          if (choice) {
            yield { ...row, value: choice };
          }
        }
      },
      prepare: (value, context) => {
        const { itemId, candidates } = choiceIn(value);
        return images.store(itemId, candidates, context);
      },
    });
    const ofVariants = variantImagesPart({
      images,
      isFresh,
      read: async function* () {
        for await (const row of productRows(items.table, items.map)) {
          for (const choice of variantChoices(row, items, images)) {
            yield { ...row, value: choice };
          }
        }
      },
    });
    return hasVariants(items) ? [ofItems, ofVariants] : [ofItems];
  }

  private interactions({ table, map }: OpenTable): ImportPart {
    return interactionsPart({
      numRows: table.numRows,
      read: async function* () {
        for await (const { row } of fieldRows(table, map)) {
          yield row;
        }
      },
      prepare: value => parseInteraction(value as FieldCells), // the type that `read` yields
    });
  }
}

/** Whether a file can name variants: otherwise it is not read once more. */
function hasVariants({ table, map }: OpenTable): boolean {
  const ownColumns: Partial<Record<LayoutName, string>> = {
    shopify: "option1value",
    vendure: "optionvalues",
    woocommerce: "parent",
    magento: "configurablevariations",
    google: "itemgroupid",
  };
  const column = ownColumns[table.layout];
  return map.sources.has("variants") || (column !== undefined && map.has(column));
}

/** The candidate images of a row; null if it has none, or is no valid item. */
export function imageChoice(
  { value: cells }: FieldRow,
  { table }: OpenTable,
  images: CatalogueImages,
): ImageChoice | null {
  if (!cells) {
    return null;
  }
  const layout = layouts[table.layout];
  const found = parseImages(cells, layout);
  const candidates = found ? images.candidates(found) : [];
  return found && candidates.length > 0 && isItem(cells, layout)
    ? { itemId: found.itemId, candidates }
    : null;
}

/** The images of a row's variants, each once, with the variants that share it; none if it is no valid item. */
export function variantChoices(
  { value: cells }: FieldRow,
  { table }: OpenTable,
  images: CatalogueImages,
): VariantImageChoice[] {
  const layout = layouts[table.layout];
  const found = cells ? parseVariantImages(cells, layout) : [];
  return cells && found.length > 0 && isItem(cells, layout)
    ? found.map(({ itemId, variantIds, images: named }) => ({
        itemId,
        variantIds,
        candidates: images.candidates({ itemId, images: named }),
      }))
    : [];
}

function isItem(cells: FieldCells, layout: Layout): boolean {
  try {
    return parseItem(cells, layout).id !== "";
  } catch (error) {
    if (error instanceof RowFault) {
      return false;
    }
    throw error;
  }
}
