/** @file The parts of every catalogue: items, images and interactions. */
import { z } from "zod";
import type { BlobStore } from "../../db/blob-store.js";
import type { PrismaTransaction } from "../../db/database.js";
import { defaultImageLimits, inspectImage } from "../../db/image-codec.js";
import { InteractionsRepository, type NewInteraction } from "../../db/interactions.repository.js";
import {
  type ImageSource,
  ItemsRepository,
  type NewItem,
  type NewItemImage,
} from "../../db/items.repository.js";
import { readLocal, statLocal } from "../../db/local-files.js";
import { isStorable, UNSTORABLE_PROBLEM } from "../../db/storable-text.js";
import { type NewUser, UsersRepository } from "../../db/users.repository.js";
import { VariantsRepository } from "../../db/variants.repository.js";
import { AppError } from "../../errors/app-error.js";
import { type ImportPart, type PrepareContext, RowFault, type SourceRow } from "./import-source.js";

const ROWS_PER_BATCH = 1_000;
/** Images take far longer than rows, so a smaller batch loses less work. */
const PICTURES_PER_BATCH = 250;

/** Text of at most `max` UTF-16 units that Postgres can store. */
export const textField = (max: number) =>
  z.string().trim().max(max).refine(isStorable, UNSTORABLE_PROBLEM);

/** A shop's own id. */
export const idField = textField(200).min(1);
export const titleField = textField(1_000).min(1);
export const descriptionField = textField(20_000);
export const captionField = textField(1_000);

/** Validates a row. @throws RowFault with all its faults. */
export function checkedRow<Row>(schema: z.ZodType<Row>, value: unknown): Row {
  const { data, error } = schema.safeParse(value);
  if (error) {
    const faults = error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new RowFault(faults.join("; "));
  }
  return data;
}

interface PartInput<Prepared> {
  read: () => AsyncIterable<SourceRow>;
  numRows: number | null;
  prepare: ImportPart<Prepared>["prepare"];
}

export function itemsPart(input: PartInput<NewItem>): ImportPart<NewItem> {
  return {
    name: "items",
    batchSize: ROWS_PER_BATCH,
    ...input,
    keyOf: ({ id }) => id,
    store: async (prisma, items) => {
      const repository = new ItemsRepository(prisma);
      const untitled = await repository.withoutTitle(items);
      await repository.upsertMany(items.filter(({ id }) => !untitled.has(id)));
      return items.map(({ id }) => (untitled.has(id) ? "title: a new item needs one" : null));
    },
  };
}

interface ImagesInput extends PartInput<NewItemImage> {
  /**
   * Source of a row's image, or null if unknown. A row whose item already has the image of this source is skipped.
   * Default: no row is skipped.
   */
  sourceOf?: (value: unknown) => Promise<ImageSource | null>;
  /** Whether a finished import retries rejected images. Default: false. */
  retriesRejected?: boolean;
}

/** Images of items already in the catalogue. */
export function imagesPart({ sourceOf, ...input }: ImagesInput): ImportPart<NewItemImage> {
  return {
    name: "images",
    batchSize: PICTURES_PER_BATCH,
    ...input,
    ...(sourceOf && {
      areStored: async (prisma, values, { blobs }) => {
        const sources = await Promise.all(values.map(value => sourceOf(value)));
        return areStored(prisma, sources, blobs);
      },
    }),
    store: async (prisma, images) => {
      const refusals = await findUnknownItems(prisma, images);
      await new ItemsRepository(prisma).setImages(images.filter((_, i) => refusals[i] === null));
      return refusals;
    },
  };
}

/**
 * Interactions with items already in the catalogue, or with their variants; creates unknown users. Nothing is recorded of
 * users who opted out.
 */
export function interactionsPart(
  input: PartInput<NewInteraction> & { areSimulated?: boolean },
): ImportPart<NewInteraction> {
  const { areSimulated: isSimulated = false, ...rest } = input;
  return {
    name: "interactions",
    batchSize: ROWS_PER_BATCH,
    ...rest,
    store: async (prisma, interactions) => {
      const named = await withItemsOfVariants(prisma, interactions);
      const unknown = await findUnknownItems(prisma, named);
      const optedOut = await new UsersRepository(prisma).findOptedOut([
        ...new Set(named.map(({ userId }) => userId)),
      ]);
      const refusals = named.map(({ userId }, i) =>
        optedOut.has(userId) ? new AppError("USER_OPTED_OUT", { userId }).message : unknown[i],
      );
      const stored = named.filter((_, i) => refusals[i] === null);
      const users = new Set(stored.map(({ userId }) => userId));
      await new UsersRepository(prisma).upsertMany(
        Array.from(users, (id): NewUser => ({ id, isSimulated })),
      );
      await new InteractionsRepository(prisma).insertMany(stored);
      return refusals;
    },
  };
}

/** Validates and stores an item's image. @throws AppError `IMAGE_TYPE`, `IMAGE_TOO_LARGE`, `IMAGE_UNREADABLE` */
export async function storeImage(
  itemId: string,
  bytes: Uint8Array,
  { source, blobs }: { source: string; blobs: BlobStore },
): Promise<NewItemImage> {
  const { bytes: stored, ...image } = await inspectImage(bytes);
  const hash = await blobs.put(stored);
  return { itemId, blob: { hash, sizeBytes: stored.byteLength, ...image }, source };
}

/** Reads an image file within the size limit. @throws AppError `FILE_NOT_FOUND`, `IMAGE_TOO_LARGE` */
export async function readImage(path: string): Promise<Buffer> {
  const { maxBytes: max } = defaultImageLimits;
  const { size } = await statLocal(path);
  if (size > max) {
    throw new AppError("IMAGE_TOO_LARGE", { got: size, unit: "bytes", max });
  }
  return readLocal(path);
}

/** Whether the items' images came from these sources and their files still exist. */
async function areStored(
  prisma: PrismaTransaction,
  sources: readonly (ImageSource | null)[],
  blobs: PrepareContext["blobs"],
): Promise<boolean[]> {
  const known = sources.flatMap(source => source ?? []);
  const found = await new ItemsRepository(prisma).currentImages(known);
  const isThere = async (source: ImageSource | null) => {
    const hash = source && found.get(source.itemId);
    return Boolean(hash && (await blobs.stat(hash)));
  };
  return Promise.all(sources.map(isThere));
}

/** Orders name what was bought, which may be a variant: its item takes the interaction. An item with that id goes before. */
async function withItemsOfVariants(
  prisma: PrismaTransaction,
  rows: readonly NewInteraction[],
): Promise<NewInteraction[]> {
  const known = await new ItemsRepository(prisma).existing(rows.map(({ itemId }) => itemId));
  const unknown = rows.flatMap(({ itemId }) => (known.has(itemId) ? [] : itemId));
  const items =
    unknown.length > 0
      ? await new VariantsRepository(prisma).itemsOf(unknown)
      : new Map<string, string>();
  return rows.map(row => {
    const itemId = known.has(row.itemId) ? undefined : items.get(row.itemId);
    return itemId === undefined ? row : { ...row, itemId };
  });
}

/** For each row why it cannot be stored: its item is not in the catalogue. */
async function findUnknownItems(
  prisma: PrismaTransaction,
  rows: readonly { itemId: string }[],
): Promise<(string | null)[]> {
  const known = await new ItemsRepository(prisma).existing(rows.map(({ itemId }) => itemId));
  return rows.map(({ itemId }) => (known.has(itemId) ? null : `No item with id '${itemId}'`));
}
