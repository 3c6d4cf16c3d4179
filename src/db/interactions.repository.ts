/** @file Users' interactions with items. */
import type { PrismaTransaction } from "./database.js";
import { Prisma } from "./generated/client.js";
import { hasOptedOut } from "./opt-out.js";
import type { InteractionKind, InteractionRow } from "./rows.js";

export interface NewInteraction {
  userId: string;
  itemId: string;
  kind: InteractionKind;
  /** Strength of the preference, >= 0. */
  weight: number;
  occurredAt: Date;
}

/** Selects interactions of one user with one item. */
export interface InteractionFilter {
  userId: string;
  itemId: string;
  /** Default: all. */
  kinds?: readonly InteractionKind[];
  /** Earliest time; default: the first. */
  since?: Date;
  /** Excluded end; default: none. */
  before?: Date;
}

const STREAM_BATCH = 10_000;

export class InteractionsRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /**
   * Adds interactions whose user and item exist; those of users who opted out are left out. The same user, item, kind and
   * time are one interaction, with the weight given last.
   *
   * @returns the number of new or changed interactions.
   */
  insertMany(interactions: readonly NewInteraction[]): Promise<number> {
    const column = <Value>(value: (row: NewInteraction) => Value) => interactions.map(value);
    return this.prisma.$executeRaw`
      WITH given AS (
        SELECT DISTINCT ON (user_id, item_id, kind, occurred_at) user_id, item_id, kind, weight, occurred_at, place
        FROM (
          SELECT user_id, item_id, kind::interaction_kind, weight::real, occurred_at::timestamptz, place
          FROM unnest(
            ${column(row => row.userId)}::text[],
            ${column(row => row.itemId)}::text[],
            ${column(row => row.kind)}::text[],
            ${column(row => row.weight)}::float8[],
            ${column(row => row.occurredAt.toISOString())}::text[]
          ) WITH ORDINALITY AS rows (user_id, item_id, kind, weight, occurred_at, place)
        ) AS typed
        WHERE NOT ${Prisma.raw(hasOptedOut("user_id"))}
        ORDER BY user_id, item_id, kind, occurred_at, place DESC
      ), numbered AS MATERIALIZED (
        SELECT nextval(pg_get_serial_sequence('interactions', 'id')) AS id, in_turn.*
        FROM (SELECT * FROM given ORDER BY place) AS in_turn
      )
      INSERT INTO interactions (id, user_id, item_id, kind, weight, occurred_at)
      SELECT id, user_id, item_id, kind, weight, occurred_at FROM numbered
      ORDER BY user_id COLLATE "C", item_id COLLATE "C", kind, occurred_at
      ON CONFLICT (user_id, item_id, kind, occurred_at) DO UPDATE SET weight = excluded.weight
      WHERE interactions.weight <> excluded.weight`;
  }

  /** Deletes interactions of a user with an item. @returns their number. */
  async deleteMany({ before, itemId, kinds, since, userId }: InteractionFilter): Promise<number> {
    const { count } = await this.prisma.interaction.deleteMany({
      where: {
        userId,
        itemId,
        kind: kinds && { in: [...kinds] },
        occurredAt: { gte: since, lt: before },
      },
    });
    return count;
  }

  count(): Promise<number> {
    return this.prisma.interaction.count();
  }

  /** All interactions in batches, in insertion order, without those of users who opted out. */
  async *streamAll(batchSize = STREAM_BATCH): AsyncGenerator<InteractionRow[]> {
    for (let afterId = 0n; ;) {
      const batch = await this.prisma.interaction.findMany({
        where: { id: { gt: afterId }, user: { optedOutAt: null } },
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
}
