/** @file What users did with items. */
import type { PrismaTransaction } from "./database.js";
import type { InteractionKind, InteractionRow } from "./rows.js";

export interface NewInteraction {
  userId: string;
  itemId: string;
  kind: InteractionKind;
  /** Strength of the preference, >= 0. */
  weight: number;
  occurredAt: Date;
}

const STREAM_BATCH = 10_000;

export class InteractionsRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /**
   * Adds interactions whose user and item exist. The same user, item, kind and time is the same interaction, and is added
   * once.
   *
   * @returns how many were new.
   */
  insertMany(interactions: readonly NewInteraction[]): Promise<number> {
    const column = <Value>(value: (row: NewInteraction) => Value) => interactions.map(value);
    return this.prisma.$executeRaw`
      INSERT INTO interactions (user_id, item_id, kind, weight, occurred_at)
      SELECT user_id, item_id, kind::interaction_kind, weight, occurred_at::timestamptz
      FROM unnest(
        ${column(row => row.userId)}::text[],
        ${column(row => row.itemId)}::text[],
        ${column(row => row.kind)}::text[],
        ${column(row => row.weight)}::float8[],
        ${column(row => row.occurredAt.toISOString())}::text[]
      ) AS given (user_id, item_id, kind, weight, occurred_at)
      ON CONFLICT (user_id, item_id, kind, occurred_at) DO NOTHING`;
  }

  /** The user's newest `limit` interactions in the order of time; those of one moment in the order they came in. */
  async historyOf(userId: string, limit: number): Promise<InteractionRow[]> {
    const newestFirst = await this.prisma.interaction.findMany({
      where: { userId },
      orderBy: [{ occurredAt: "desc" }, { id: "desc" }],
      take: limit,
    });
    return newestFirst.reverse();
  }

  countByUser(userId: string): Promise<number> {
    return this.prisma.interaction.count({ where: { userId } });
  }

  count(): Promise<number> {
    return this.prisma.interaction.count();
  }

  /** All interactions, in batches, in the order they came in; a batch of the interactions up to `untilId`, if given. */
  async *streamAll(untilId?: bigint, batchSize = STREAM_BATCH): AsyncGenerator<InteractionRow[]> {
    for (let afterId = 0n; ;) {
      const batch = await this.prisma.interaction.findMany({
        where: { id: { gt: afterId, lte: untilId } },
        orderBy: { id: "asc" },
        take: batchSize,
      });
      if (batch.length === 0) {
        return;
      }
      yield batch;
      afterId = batch[batch.length - 1].id;
    }
  }

  /** The highest id there is, 0 if none: grows with every new interaction, so it says whether there are any. */
  async latestId(): Promise<bigint> {
    const { _max } = await this.prisma.interaction.aggregate({ _max: { id: true } });
    return _max.id ?? 0n;
  }
}
