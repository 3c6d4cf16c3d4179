/** @file Deletes items and users with all dependent rows, and reports the files that nothing uses any more. */
import { accountOfUser } from "./budgets.repository.js";
import type { PrismaTransaction } from "./database.js";
import type { PrismaClient } from "./generated/client.js";
import { retryConflicts } from "./retry.js";

export interface Erased {
  /** The ids that existed. */
  ids: string[];
  numInteractions: number;
  /** Number of personalized images. */
  numImages: number;
  /** Their jobs. */
  jobIds: string[];
  /** Content hashes of the deleted rows' files; {@link ErasureRepository.findUnused} returns the unused ones. */
  hashes: string[];
}

interface Owner {
  table: "items" | "users";
  column: "item_id" | "user_id";
}

export class ErasureRepository {
  constructor(private readonly prisma: PrismaClient) {}

  /** Deletes items with their variants, catalogue images, captions, embeddings, interactions, personalized images, study pairs and jobs. */
  deleteItems(ids: readonly string[]): Promise<Erased> {
    return retryConflicts(() =>
      this.prisma.$transaction(transaction =>
        erase(transaction, { table: "items", column: "item_id" }, ids),
      ),
    );
  }

  /** Deletes a user with their interactions, personalized images, study pairs, jobs and used budget. */
  deleteUser(id: string): Promise<Erased> {
    return retryConflicts(() =>
      this.prisma.$transaction(transaction => eraseUser(transaction, id)),
    );
  }

  /**
   * Gives a user's interactions to another user, who is added if missing, and deletes the user. Of two equal interactions the
   * other user's stays. If one of them opted out of personalisation, the other is opted out, and gets nothing.
   *
   * @returns what was deleted, and the number of interactions that moved.
   */
  mergeUsers(from: string, into: string): Promise<Erased & { numMoved: number }> {
    return retryConflicts(() =>
      this.prisma.$transaction(async transaction => {
        await transaction.$executeRaw`
          INSERT INTO users (id) SELECT ${into} FROM users WHERE id = ${from} ON CONFLICT (id) DO NOTHING`;
        await transaction.$queryRaw`
          SELECT id FROM users WHERE id IN (${from}, ${into}) ORDER BY id COLLATE "C" FOR UPDATE`;
        await transaction.$executeRaw`
          UPDATE users SET opted_out_at = guest.opted_out_at FROM users AS guest
          WHERE users.id = ${into} AND users.opted_out_at IS NULL AND guest.id = ${from}
            AND guest.opted_out_at IS NOT NULL`;
        const numMoved = await transaction.$executeRaw`
          UPDATE interactions SET user_id = ${into} WHERE user_id = ${from}
          AND NOT EXISTS (SELECT FROM users WHERE id = ${into} AND opted_out_at IS NOT NULL) AND NOT EXISTS (
            SELECT FROM interactions AS own WHERE own.user_id = ${into} AND own.item_id = interactions.item_id
              AND own.kind = interactions.kind AND own.occurred_at = interactions.occurred_at)`;
        const erased = await eraseUser(transaction, from);
        return { ...erased, numMoved };
      }),
    );
  }

  /** Removes items' catalogue images. @returns their content hashes. */
  async deleteItemImages(itemIds: readonly string[]): Promise<string[]> {
    return retryConflicts(() =>
      this.prisma.$transaction(async transaction => {
        const rows = await transaction.$queryRaw<{ hash: string }[]>`
          DELETE FROM item_images WHERE item_id IN (
            SELECT item_id FROM item_images WHERE item_id = ANY(${itemIds}::text[])
            ORDER BY item_id COLLATE "C" FOR UPDATE
          ) RETURNING blob_hash AS hash`;
        const hashes = rows.map(({ hash }) => hash);
        await deleteUnusedBlobs(transaction, hashes);
        return hashes;
      }),
    );
  }

  /** Deletes the rows of those of `hashes` that nothing refers to any more. */
  async deleteUnused(hashes: readonly string[]): Promise<void> {
    await retryConflicts(() =>
      this.prisma.$transaction(transaction => deleteUnusedBlobs(transaction, hashes)),
    );
  }

  /** Those of `hashes` that no row names, so that their files can be deleted. */
  async findUnused(hashes: readonly string[]): Promise<string[]> {
    const rows = await this.prisma.$queryRaw<{ hash: string }[]>`
      SELECT DISTINCT given.hash FROM unnest(${hashes}::text[]) AS given (hash)
      WHERE NOT EXISTS (SELECT FROM blobs WHERE blobs.hash = given.hash)
        AND NOT EXISTS (SELECT FROM jobs WHERE jobs.preview_hash = given.hash)`;
    return rows.map(({ hash }) => hash);
  }
}

const IMAGES_OF_ITEMS = `UNION SELECT blob_hash FROM item_images WHERE item_id = ANY($1::text[])
  UNION SELECT blob_hash FROM item_variants WHERE item_id = ANY($1::text[])`;

async function eraseUser(transaction: PrismaTransaction, id: string): Promise<Erased> {
  const erased = await erase(transaction, { table: "users", column: "user_id" }, [id]);
  await transaction.generationBudget.deleteMany({ where: { key: accountOfUser(id) } });
  return erased;
}

async function erase(
  transaction: PrismaTransaction,
  { table, column }: Owner,
  ids: readonly string[],
): Promise<Erased> {
  // Locks in one order, so that two erasures never deadlock.
  await transaction.$queryRawUnsafe(
    `SELECT id FROM ${table} WHERE id = ANY($1::text[]) ORDER BY id COLLATE "C" FOR UPDATE`,
    ids,
  );
  const named = await transaction.$queryRawUnsafe<{ hash: string | null }[]>(
    `SELECT blob_hash AS hash FROM personalized_images WHERE ${column} = ANY($1::text[])
     UNION SELECT preview_hash FROM jobs WHERE ${column} = ANY($1::text[])
     UNION SELECT study_images.blob_hash FROM study_images JOIN study_pairs ON study_pairs.id = study_images.pair_id
       WHERE study_pairs.${column} = ANY($1::text[])
     ${table === "items" ? IMAGES_OF_ITEMS : ""}`,
    ids,
  );
  const hashes = named.flatMap(({ hash }) => hash ?? []);
  const count = async (rows: string) => {
    const [{ count: found }] = await transaction.$queryRawUnsafe<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM ${rows} WHERE ${column} = ANY($1::text[])`,
      ids,
    );
    return found;
  };
  const numInteractions = await count("interactions");
  const numImages = await count("personalized_images");
  // Some jobs name their user or item only in the payload.
  const field = column === "user_id" ? "userId" : "itemId";
  const jobs = await transaction.$queryRawUnsafe<{ id: string }[]>(
    `DELETE FROM jobs WHERE ${column} = ANY($1::text[]) OR payload->>'${field}' = ANY($1::text[])
       OR kind = 'CREATE_STUDY' AND EXISTS (SELECT FROM unnest($1::text[]) AS gone (id)
         WHERE payload->'pairs' @> jsonb_build_array(jsonb_build_object('${field}', gone.id)))
     RETURNING id`,
    ids,
  );
  const deleted = await transaction.$queryRawUnsafe<{ id: string }[]>(
    `DELETE FROM ${table} WHERE id = ANY($1::text[]) RETURNING id`,
    ids,
  );
  await deleteUnusedBlobs(transaction, hashes);
  return {
    ids: deleted.map(({ id }) => id),
    numInteractions,
    numImages,
    jobIds: jobs.map(({ id }) => id),
    hashes,
  };
}

async function deleteUnusedBlobs(transaction: PrismaTransaction, hashes: readonly string[]) {
  await transaction.$executeRaw`
    DELETE FROM blobs WHERE hash IN (
      SELECT hash FROM blobs WHERE hash = ANY(${hashes}::text[])
        AND NOT EXISTS (SELECT FROM item_images WHERE item_images.blob_hash = blobs.hash)
        AND NOT EXISTS (SELECT FROM item_variants WHERE item_variants.blob_hash = blobs.hash)
        AND NOT EXISTS (SELECT FROM personalized_images WHERE personalized_images.blob_hash = blobs.hash)
        AND NOT EXISTS (SELECT FROM study_images WHERE study_images.blob_hash = blobs.hash)
      ORDER BY hash COLLATE "C" FOR UPDATE
    )`;
}
