/**
 * @file Changes to the catalogue as the shop sends them: a few items at a time, each only as far as it is said.
 *
 * What changed is indexed by a queued job, which looks at changed items only; a removed item is out of the index at once.
 */
import pLimit from "p-limit";
import { z } from "zod";
import type { BlobStore } from "../../db/blob-store.js";
import type { ErasureRepository } from "../../db/erasure.repository.js";
import type { PrismaClient } from "../../db/generated/client.js";
import {
  type ItemColumn,
  ItemsRepository,
  type NewItem,
  type NewItemImage,
} from "../../db/items.repository.js";
import { retryConflicts } from "../../db/retry.js";
import type { JobRow } from "../../db/rows.js";
import { AppError, type ErrorCode } from "../../errors/app-error.js";
import {
  captionField,
  descriptionField,
  idField,
  storedImage,
  textField,
  titleField,
} from "../import/import-parts.js";
import { MAX_KEYWORDS, maxLengths } from "../import/item-row.js";

const FETCHES_AT_ONCE = 8;

/** What is said of an item: what is `undefined` stays as it is, null empties. */
export interface ItemChange {
  id: string;
  title?: string | null;
  description?: string | null;
  category?: string | null;
  keywords?: readonly string[] | null;
  isAvailable?: boolean | null;
  attribution?: string | null;
  caption?: string | null;
  /** Where the image is fetched from; null takes the image away. */
  imageUrl?: string | null;
}

export interface RejectedRow {
  /** Place in the input, from 0. */
  index: number;
  code: ErrorCode;
  message: string;
}

export interface UpsertOutcome {
  /** Rows that were taken. */
  accepted: number;
  /** Items that are new or not what they were, with those whose image changed. */
  changed: number;
  rejected: RejectedRow[];
  /** Rows that were taken without their image. */
  imagesFailed: RejectedRow[];
  /** The job that makes the changes findable; null if nothing changed. */
  job: JobRow | null;
}

export interface RemovalOutcome {
  removed: number;
  /** Ids that no item has. */
  unknown: string[];
  interactions: number;
  images: number;
}

interface Dependencies {
  prisma: PrismaClient;
  blobs: BlobStore;
  erasure: Pick<ErasureRepository, "deleteItems" | "deleteItemImages" | "unused">;
  /** Bytes of an image. @throws AppError `FETCH_REFUSED`, `FETCH_FAILED`, `OFFLINE`, `IMAGE_TOO_LARGE` */
  fetchImage: (url: string, signal: AbortSignal) => Promise<Uint8Array>;
  /** Stops jobs that are gone, where this process runs them. */
  stopJobs: (jobIds: readonly string[]) => void;
  /** Takes removed items out of the caption index. */
  index: { sync(): Promise<unknown> };
  /** Queues an indexing that begins after now. */
  requestIndexing: () => Promise<JobRow>;
}

/** A row that was understood. */
interface Change {
  index: number;
  item: NewItem;
  imageUrl: string | null | undefined;
}

const nullable = <Field extends z.ZodType>(field: Field) => field.nullish();

const changeSchema = z.object({
  id: idField,
  title: titleField.optional(),
  description: nullable(descriptionField),
  category: nullable(textField(maxLengths.category)),
  keywords: nullable(z.array(textField(maxLengths.keyword)).max(MAX_KEYWORDS)),
  isAvailable: nullable(z.boolean()),
  attribution: nullable(titleField),
  caption: nullable(captionField),
  imageUrl: nullable(textField(2_000).min(1)),
});

export class CatalogueChangesService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Adds items and changes those that are there; a row that cannot be used is rejected alone. Of two rows with the same id
   * the later counts for what it says. An image is fetched unless the item's image came from the same address.
   */
  async upsert(
    rows: readonly ItemChange[],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<UpsertOutcome> {
    const rejected: RejectedRow[] = [];
    const understood = rows.flatMap((row, index): Change[] => {
      const { data, error } = changeSchema.safeParse(row);
      if (error) {
        rejected.push(rejection(index, faultOf(error)));
        return [];
      }
      const { imageUrl } = data;
      return [{ index, item: newItem(data), imageUrl }];
    });
    const untitled = await new ItemsRepository(this.deps.prisma).withoutTitle(
      understood.map(({ item }) => item),
    );
    const changes = understood.filter(({ index, item }) => {
      const isUsable = !untitled.has(item.id);
      if (!isUsable) {
        const fault = { argument: "title", problem: "is needed for a new item" };
        rejected.push(rejection(index, new AppError("INVALID_ARGUMENT", fault)));
      }
      return isUsable;
    });
    const numItems = await retryConflicts(() =>
      this.deps.prisma.$transaction(transaction =>
        new ItemsRepository(transaction).upsertMany(changes.map(({ item }) => item)),
      ),
    );
    const { numImages, failed } = await this.changeImages(changes, signal);
    const changed = numItems + numImages;
    return {
      accepted: changes.length,
      changed,
      rejected: rejected.sort((a, b) => a.index - b.index),
      imagesFailed: failed,
      job: changed > 0 ? await this.deps.requestIndexing() : null,
    };
  }

  /**
   * Deletes items with their images, captions and embeddings, what users did with them, and the personalised images of
   * them, and takes them out of the index. Ids that are not there are named and are no fault.
   */
  async remove(ids: readonly string[]): Promise<RemovalOutcome> {
    const { erasure, index, stopJobs } = this.deps;
    const erased = await erasure.deleteItems(ids);
    stopJobs(erased.jobIds);
    await this.removeFiles(erased.hashes);
    await index.sync();
    const removed = new Set(erased.ids);
    return {
      removed: removed.size,
      unknown: [...new Set(ids)].filter(id => !removed.has(id)),
      interactions: erased.numInteractions,
      images: erased.numImages,
    };
  }

  /** Fetches, stores and takes away images. @returns how many items have another image now. */
  private async changeImages(
    changes: readonly Change[],
    signal: AbortSignal,
  ): Promise<{ numImages: number; failed: RejectedRow[] }> {
    const { erasure, prisma } = this.deps;
    const items = new ItemsRepository(prisma);
    const last = new Map(
      changes.flatMap(change =>
        change.imageUrl === undefined ? [] : [[change.item.id, change] as const],
      ),
    );
    const taken = [...last.values()].flatMap(({ item, imageUrl }) =>
      imageUrl === null ? item.id : [],
    );
    const removed = await erasure.deleteItemImages(taken);
    await this.removeFiles(removed);

    const wanted = [...last.values()].flatMap(({ index, item, imageUrl: source }) =>
      source ? [{ index, itemId: item.id, source, sourceVersion: null }] : [],
    );
    const current = await items.currentImages(wanted);
    const failed: RejectedRow[] = [];
    const limit = pLimit(FETCHES_AT_ONCE);
    const fetched = await Promise.all(
      wanted
        .filter(({ itemId }) => !current.has(itemId))
        .map(({ index, itemId, source }) =>
          limit(async (): Promise<NewItemImage[]> => {
            try {
              const bytes = await this.deps.fetchImage(source, signal);
              return [await storedImage(itemId, bytes, { source, blobs: this.deps.blobs })];
            } catch (error) {
              if (error instanceof AppError) {
                failed.push(rejection(index, error));
                return [];
              }
              throw error;
            }
          }),
        ),
    );
    const numSet = await retryConflicts(() =>
      prisma.$transaction(transaction =>
        new ItemsRepository(transaction).setImages(fetched.flat()),
      ),
    );
    return {
      numImages: removed.length + numSet,
      failed: failed.sort((a, b) => a.index - b.index),
    };
  }

  private async removeFiles(hashes: readonly string[]): Promise<void> {
    for (const hash of await this.deps.erasure.unused(hashes)) {
      await this.deps.blobs.remove(hash);
    }
  }
}

/** A change as the repository takes it: the columns that it names, and what a new item has of the others. */
function newItem(change: z.infer<typeof changeSchema>): NewItem {
  const { id, title, description, category, keywords, isAvailable, attribution, caption } = change;
  const said = { title, description, category, keywords, attribution, caption };
  const named = Object.entries(said).flatMap(([column, value]) =>
    value === undefined ? [] : (column as ItemColumn),
  );
  // An availability of null says nothing.
  const availability: ItemColumn[] = typeof isAvailable === "boolean" ? ["isAvailable"] : [];
  return {
    columns: new Set([...named, ...availability]),
    id,
    title: title ?? "",
    description: description ?? "",
    category: category ?? null,
    keywords: [...new Set((keywords ?? []).filter(word => word !== ""))],
    isAvailable: isAvailable ?? true,
    attribution: attribution ?? null,
    caption: caption ?? null,
  };
}

function faultOf({ issues }: z.ZodError): AppError {
  const argument = [...new Set(issues.map(({ path }) => path.join(".")))].join(", ");
  const problem = `is not valid: ${issues.map(({ message }) => message).join("; ")}`;
  return new AppError("INVALID_ARGUMENT", { argument, problem });
}

function rejection(index: number, { code, message }: AppError): RejectedRow {
  return { index, code, message };
}
