/** @file Studies as the shop sees them: their pairs and images, and all answers. */
import { randomUUID } from "node:crypto";
import { insertBlobs, type StoredBlob } from "./blob-rows.js";
import { Prisma, type PrismaClient } from "./generated/client.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import { retryConflicts } from "./retry.js";
import type {
  StudyAnswerRow,
  StudyImageRow,
  StudyPairRow,
  StudyParticipantRow,
  StudyRow,
} from "./rows.js";
import { isUuid } from "./uuid.js";

export type NewStudyImage = Pick<StudyImageRow, "role" | "methods" | "isRight" | "blobHash">;

export interface NewStudyPair extends Pick<
  StudyPairRow,
  "userId" | "itemId" | "isCheck" | "hasConsent"
> {
  images: readonly NewStudyImage[];
}

export type NewStudy = Omit<StudyRow, "createdAt" | "closedAt"> & {
  pairs: readonly NewStudyPair[];
  /** Files of images that were made for the study. */
  blobs: readonly StoredBlob[];
};

export type StudyPairWithImages = StudyPairRow & { images: StudyImageRow[] };

export interface WholeStudy extends StudyRow {
  pairs: StudyPairWithImages[];
  participants: StudyParticipantRow[];
  answers: StudyAnswerRow[];
}

export interface StudyCounts {
  pairs: number;
  checks: number;
  joined: number;
  finished: number;
}

/** Pairs in their order, and the images of each by role and place. */
const withImages = {
  orderBy: { position: "asc" },
  include: { images: { orderBy: [{ role: "asc" }, { position: "asc" }] } },
} satisfies Prisma.Study$pairsArgs;

export class StudiesRepository {
  constructor(private readonly prisma: PrismaClient) {}

  async findById(id: string): Promise<StudyRow | null> {
    return isUuid(id) ? this.prisma.study.findUnique({ where: { id } }) : null;
  }

  /** Newest first. */
  findPage({ limit, after }: PageRequest<Date>): Promise<StudyRow[]> {
    return this.prisma.study.findMany({
      where: afterInTime(after),
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }

  /** Without pairs that show a rejected picture. */
  async findPairs(studyId: string): Promise<StudyPairWithImages[]> {
    const pairs = await this.prisma.studyPair.findMany({ where: { studyId }, ...withImages });
    return this.showable(studyId, pairs);
  }

  /** The study with all answers; null if there is none. */
  async findWhole(id: string): Promise<WholeStudy | null> {
    if (!isUuid(id)) {
      return null;
    }
    const study = await this.prisma.study.findUnique({
      where: { id },
      include: {
        pairs: withImages,
        participants: {
          orderBy: { number: "asc" },
          include: { answers: { orderBy: [{ answeredAt: "asc" }, { pairId: "asc" }] } },
        },
      },
    });
    return (
      study && {
        ...study,
        pairs: await this.showable(id, study.pairs),
        answers: study.participants.flatMap(({ answers }) => answers),
      }
    );
  }

  private async showable(
    studyId: string,
    pairs: readonly StudyPairWithImages[],
  ): Promise<StudyPairWithImages[]> {
    const rejected = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT DISTINCT study_pairs.id::text FROM study_pairs
      JOIN study_images ON study_images.pair_id = study_pairs.id
      JOIN image_rejections ON image_rejections.blob_hash = study_images.blob_hash
      WHERE study_pairs.study_id = ${studyId}::uuid
        AND NOT EXISTS (SELECT FROM item_images WHERE item_images.blob_hash = study_images.blob_hash)
        AND NOT EXISTS (SELECT FROM item_variants WHERE item_variants.blob_hash = study_images.blob_hash)`;
    const hidden = new Set(rejected.map(({ id }) => id));
    return pairs.filter(({ id }) => !hidden.has(id));
  }

  /** Of each study, in one statement. */
  async countMany(ids: readonly string[]): Promise<ReadonlyMap<string, StudyCounts>> {
    const rows = await this.prisma.$queryRaw<(StudyCounts & { id: string })[]>`
      SELECT studies.id::text,
        (SELECT count(*)::int FROM study_pairs WHERE study_id = studies.id AND NOT is_check) AS pairs,
        (SELECT count(*)::int FROM study_pairs WHERE study_id = studies.id AND is_check) AS checks,
        (SELECT count(*)::int FROM study_participants WHERE study_id = studies.id) AS joined,
        (SELECT count(finished_at)::int FROM study_participants WHERE study_id = studies.id) AS finished
      FROM studies WHERE studies.id = ANY(${[...ids]}::uuid[])`;
    return new Map(rows.map(({ id, ...counts }) => [id, counts]));
  }

  /**
   * Stores a study with its pairs and images, whole or not at all. Files of the images are there already.
   *
   * @returns the first pair whose user, item or image was deleted meanwhile; nothing is stored then. Else null.
   */
  insert({ blobs, pairs, ...study }: NewStudy): Promise<NewStudyPair | null> {
    return retryConflicts(() =>
      this.prisma.$transaction(async transaction => {
        await insertBlobs(transaction, blobs);
        const missing = await firstMissing(transaction, pairs);
        if (missing) {
          return missing;
        }
        await transaction.study.create({ data: study });
        const rows = pairs.map(({ hasConsent, isCheck, itemId, userId }, position) => ({
          id: randomUUID(),
          studyId: study.id,
          position,
          userId,
          itemId,
          isCheck,
          hasConsent,
        }));
        await transaction.studyPair.createMany({ data: rows });
        await transaction.studyImage.createMany({
          data: pairs.flatMap(({ images }, at) =>
            images.map((image, position) => ({
              id: randomUUID(),
              pairId: rows[at].id,
              position,
              ...image,
            })),
          ),
        });
        return null;
      }),
    );
  }

  /** The study, closed now or before; null if there is none. */
  async close(id: string, now: Date): Promise<StudyRow | null> {
    if (!isUuid(id)) {
      return null;
    }
    await this.prisma.study.updateMany({ where: { id, closedAt: null }, data: { closedAt: now } });
    return this.findById(id);
  }

  // ── what a study may show ──

  /** Ids of simulated users who have not opted out, sorted. */
  async findSimulatedUserIds(): Promise<string[]> {
    const users = await this.prisma.user.findMany({
      where: { isSimulated: true, optedOutAt: null },
      select: { id: true },
      orderBy: { id: "asc" },
    });
    return users.map(({ id }) => id);
  }

  /** Whether the user has any interaction with the item. */
  async hasChosen(userId: string, itemId: string): Promise<boolean> {
    const first = await this.prisma.interaction.findFirst({
      where: { userId, itemId },
      select: { id: true },
    });
    return first !== null;
  }

  /** Ids of items with a catalogue image that can be bought, sorted. */
  async findShowableItemIds(): Promise<string[]> {
    const items = await this.prisma.item.findMany({
      where: { isAvailable: true, image: { isNot: null } },
      select: { id: true },
      orderBy: { id: "asc" },
    });
    return items.map(({ id }) => id);
  }
}

/** Locks what the pairs name until the transaction ends, and finds the first pair that names what is gone. */
async function firstMissing(
  transaction: Pick<PrismaClient, "$queryRaw">,
  pairs: readonly NewStudyPair[],
): Promise<NewStudyPair | null> {
  const idsOf = async (query: Prisma.Sql) =>
    new Set((await transaction.$queryRaw<{ id: string }[]>(query)).map(({ id }) => id));
  const userIds = pairs.map(({ userId }) => userId);
  const itemIds = pairs.map(({ itemId }) => itemId);
  const hashes = pairs.flatMap(({ images }) => images.map(({ blobHash }) => blobHash));
  const users = await idsOf(
    Prisma.sql`SELECT id FROM users WHERE id = ANY(${userIds}::text[]) ORDER BY id COLLATE "C" FOR KEY SHARE`,
  );
  const items = await idsOf(
    Prisma.sql`SELECT id FROM items WHERE id = ANY(${itemIds}::text[]) ORDER BY id COLLATE "C" FOR KEY SHARE`,
  );
  const blobs = await idsOf(
    Prisma.sql`SELECT hash AS id FROM blobs WHERE hash = ANY(${hashes}::text[]) ORDER BY hash COLLATE "C" FOR KEY SHARE`,
  );
  const isWhole = ({ images, itemId, userId }: NewStudyPair) =>
    users.has(userId) && items.has(itemId) && images.every(({ blobHash }) => blobs.has(blobHash));
  return pairs.find(pair => !isWhole(pair)) ?? null;
}
