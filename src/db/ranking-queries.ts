/** @file Bulk reads for ranking: training embeddings, popular items, and available items. */
import type { Pool } from "pg";
import { defaultFeedbackRules, type FeedbackRules } from "../config/feedback-rules.js";
import { opinionsSql } from "./choices.js";
import { OF_PERSONALISED_USER } from "./opt-out.js";
import { prepared } from "./prepared.js";
import type { EmbeddingKind, InteractionRow } from "./rows.js";

const HISTORY = prepared(
  `SELECT id, user_id AS "userId", item_id AS "itemId", kind, weight, occurred_at AS "occurredAt"
   FROM interactions WHERE ${OF_PERSONALISED_USER} ORDER BY occurred_at DESC, id DESC LIMIT $2`,
);

const PASSING = prepared(
  `SELECT id FROM items WHERE id = ANY($1::text[])
     AND ($2::text IS NULL OR category = $2) AND (is_available OR NOT $3::boolean)`,
);

export class RankingQueries {
  constructor(
    private readonly pool: Pick<Pool, "query">,
    private readonly rules: FeedbackRules = defaultFeedbackRules,
  ) {}

  /** Embeddings of one kind by one encoder, of all items but `except`, in the order of item ids. */
  async findEmbeddings(
    kind: EmbeddingKind,
    encoder: string,
    except: readonly string[] = [],
  ): Promise<{ itemId: string; vector: Float32Array }[]> {
    const { rows } = await this.pool.query<{ itemId: string; vector: Buffer }>(
      `SELECT item_id AS "itemId", vector FROM embeddings
       WHERE kind = $1::embedding_kind AND encoder = $2 AND item_id <> ALL($3::text[])
       ORDER BY item_id COLLATE "C"`,
      [kind, encoder, except],
    );
    return rows.map(({ itemId, vector }) => {
      const bytes = new Uint8Array(vector); // a copy: a row's buffer may be unaligned
      return { itemId, vector: new Float32Array(bytes.buffer, 0, bytes.byteLength / 4) };
    });
  }

  /**
   * Every chosen item (`choices.ts`), by descending total strength. Among equal ones the less disliked comes first, then
   * the smaller id.
   */
  async findPopularItems(): Promise<{ itemId: string; strength: number }[]> {
    // In single precision, in which equal numbers have equal sums in any order.
    const { rows } = await this.pool.query<{ itemId: string; strength: number }>(
      `SELECT item_id AS "itemId", sum(strength) FILTER (WHERE is_choice)::real AS strength
       FROM (${opinionsSql(this.rules)}) AS opinions
       GROUP BY item_id HAVING bool_or(is_choice)
       ORDER BY 2 DESC, count(*) FILTER (WHERE is_disliked), item_id COLLATE "C"`,
    );
    return rows;
  }

  /** The user's newest `limit` interactions in the order of time, ties in insertion order; none of a user who opted out. */
  async historyOf(userId: string, limit: number): Promise<InteractionRow[]> {
    const { rows } = await this.pool.query<Omit<InteractionRow, "id"> & { id: string }>({
      ...HISTORY,
      values: [userId, limit],
    });
    return rows.reverse().map(row => ({ ...row, id: BigInt(row.id) }));
  }

  /** Those of `ids` that are in the catalogue and pass the filter. */
  async filterItems(
    ids: readonly string[],
    { category, onlyAvailable }: { category: string | null; onlyAvailable: boolean },
  ): Promise<Set<string>> {
    const { rows } = await this.pool.query<{ id: string }>({
      ...PASSING,
      values: [ids, category, onlyAvailable],
    });
    return new Set(rows.map(({ id }) => id));
  }
}
