/** @file Retrieval's reads: items with their embeddings, or stamps that identify their present state. */
import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { defaultFeedbackRules, type FeedbackRules } from "../config/feedback-rules.js";
import { opinionsSql } from "./choices.js";
import { KEYWORDS_SOURCE_HASH } from "./keywords.repository.js";
import type { CaptionSource } from "./rows.js";
import { LANGUAGE_SETTING } from "./shop-language.repository.js";
import { vectorOf } from "./vectors.js";

/** An item with retrieval's inputs; embeddings by another encoder count as absent. */
export interface ItemWithEmbeddings {
  itemId: string;
  title: string;
  keywords: string[];
  caption: string | null;
  /** Origin of the caption. Default: the shop. */
  captionSource?: CaptionSource | null;
  /** Language of the shop's texts, ISO 639-1; null before the first indexing. */
  language?: string | null;
  /** Keywords that the language model wrote from this title and caption; null or absent without a usable answer. */
  modelKeywords?: string[] | null;
  /** Versions of that model and of its prompt. */
  keywordModel?: string | null;
  /** Content hash of the catalogue image; null if it has none. */
  blobHash: string | null;
  /** E^sem; `[D]`. */
  captionEmbedding: Float32Array | null;
  /** E^vis; `[D]`. */
  imageEmbedding: Float32Array | null;
}

/** Equal stamps mean equal items. */
export interface ItemStamp {
  itemId: string;
  stamp: string;
}

export type StampedItem = ItemWithEmbeddings & ItemStamp;

/** The inputs of a retrieval, as stamps. */
export interface RetrievalState {
  /** The requested items that exist, by id. */
  references: ReadonlyMap<string, ItemStamp & Pick<StateRow, "variantStamp">>;
  /** By item, the newest images of it that are stored for the user: the request's key, and the image's stamp. */
  images: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** The user's choices, in the order of time. */
  history: readonly (ItemStamp & {
    occurredAt: Date;
    /** Strength of the choice (`choices.ts`); 1 unless strengths are read. */
    strength: number;
  })[];
}

/** Prefix of the stamp of a missing item. */
const NO_ITEM = ":";

const LANGUAGE_ROW = `FROM shop_settings WHERE shop_settings.name = '${LANGUAGE_SETTING}'`;

/** The last transactions that wrote an item's rows: every change has another transaction. */
function stampOf(itemId: string): string {
  const written = (table: string, more = "") =>
    `(SELECT xmin FROM ${table} AS own WHERE own.item_id = ${itemId}${more})`;
  return `concat((SELECT xmin FROM items AS own WHERE own.id = ${itemId}), ':', ${written("item_images")}, ':',
    ${written("captions")}, ':', ${written("item_keywords")}, ':', ${written("embeddings", " AND own.kind = 'CAPTION'")}, ':',
    ${written("embeddings", " AND own.kind = 'IMAGE'")}, ':', (SELECT xmin ${LANGUAGE_ROW}))`;
}

/** The last transactions that wrote an item's variants and their embeddings. */
const VARIANT_STAMP = `CASE WHEN wanted.occurred_at IS NULL THEN (
    SELECT md5(string_agg(concat(own.id, ' ', own.xmin, ' ', encoded.xmin), ',' ORDER BY own.id))
    FROM item_variants AS own LEFT JOIN variant_embeddings AS encoded ON encoded.blob_hash = own.blob_hash
    WHERE own.item_id = wanted.item_id) END`;

/** Images whose stamps are read: usually an item has one or two for a user. */
const MAX_IMAGE_STAMPS = 8;
const REQUEST_KEY_LENGTH = 64;

/** The keys of the user's newest images of an item, each with the transaction that last wrote it. */
const IMAGE_STAMPS = `CASE WHEN wanted.occurred_at IS NULL THEN ARRAY(
    SELECT concat(own.request_key, own.xmin) FROM personalized_images AS own
    WHERE own.user_id = $1 AND own.item_id = wanted.item_id ORDER BY own.created_at DESC LIMIT ${MAX_IMAGE_STAMPS}) END`;

/** Named, so that Postgres plans it once per connection: planning takes longer than running it. */
function stateQuery({ readsStrengths, rules }: ChoiceReading): { name: string; text: string } {
  const opinions = opinionsSql(rules, {
    where: "user_id = $1",
    asOf: "(SELECT max(occurred_at) FROM interactions WHERE user_id = $1)", // so that nothing changes with time alone
  });
  const text = `WITH latest AS (
      SELECT item_id, occurred_at, ${readsStrengths ? "strength" : "1::float8 AS strength"} FROM (${opinions}) AS opinions
      WHERE is_choice ORDER BY occurred_at DESC, item_id LIMIT $3
    ), wanted AS (
      SELECT item_id, occurred_at, strength FROM latest
      UNION ALL SELECT given.id, NULL, 1 FROM unnest($2::text[]) AS given(id)
    )
    SELECT wanted.item_id AS "itemId", wanted.occurred_at AS "occurredAt", wanted.strength,
      ${stampOf("wanted.item_id")} AS stamp, ${VARIANT_STAMP} AS "variantStamp",
      ${IMAGE_STAMPS} AS images
    FROM wanted ORDER BY wanted.occurred_at, wanted.item_id DESC`;
  const version = createHash("sha256").update(text).digest("hex").slice(0, 8); // each name has one text
  return { name: `retrieval-state-${version}`, text };
}

/** How choices are read. */
export interface ChoiceReading {
  rules: FeedbackRules;
  /** Whether to read their strengths. */
  readsStrengths: boolean;
}

interface StateRow extends ItemStamp {
  strength: number;
  /** Equal stamps mean equal variants, with equal embeddings of their images; null without variants, or for a choice. */
  variantStamp: string | null;
  /** Null for a choice. */
  images: string[] | null;
  /** Null for a reference. */
  occurredAt: Date | null;
}

interface Vectors {
  captionVector: Buffer | null;
  imageVector: Buffer | null;
}

/**
 * `$1` is the encoder. It is compared in the columns, not in the joins, so that an item's embeddings are found by their
 * primary key: without statistics Postgres would read those of all items.
 */
const DESCRIBED = `items.id AS "itemId", items.title, items.keywords, captions.text AS caption,
    captions.source AS "captionSource", (SELECT value ${LANGUAGE_ROW}) AS language,
    CASE WHEN item_keywords.fault IS NULL AND item_keywords.source_hash = ${KEYWORDS_SOURCE_HASH}
      THEN item_keywords.keywords END AS "modelKeywords", item_keywords.extractor AS "keywordModel",
    item_images.blob_hash AS "blobHash",
    CASE WHEN of_caption.encoder = $1 THEN of_caption.vector END AS "captionVector",
    CASE WHEN of_image.encoder = $1 THEN of_image.vector END AS "imageVector"`;
const ITEMS = `items LEFT JOIN captions ON captions.item_id = items.id
  LEFT JOIN item_keywords ON item_keywords.item_id = items.id
  LEFT JOIN item_images ON item_images.item_id = items.id
  LEFT JOIN embeddings AS of_caption ON of_caption.item_id = items.id AND of_caption.kind = 'CAPTION'
  LEFT JOIN embeddings AS of_image ON of_image.item_id = items.id AND of_image.kind = 'IMAGE'`;

export class RetrievalRepository {
  private readonly stateQuery: { name: string; text: string };

  constructor(
    private readonly pool: Pick<Pool, "query">,
    reading: ChoiceReading = { rules: defaultFeedbackRules, readsStrengths: false },
  ) {
    this.stateQuery = stateQuery(reading);
  }

  /** The `limit` latest choices of the user (`choices.ts`), and those of `itemIds`, in one statement. */
  async findState({
    itemIds,
    limit,
    userId,
  }: {
    userId: string;
    itemIds: readonly string[];
    limit: number;
  }): Promise<RetrievalState> {
    const { rows } = await this.pool.query<StateRow>({
      ...this.stateQuery,
      values: [userId, itemIds, limit],
    });
    const references = rows.filter(
      ({ occurredAt, stamp }) => occurredAt === null && !stamp.startsWith(NO_ITEM),
    );
    return {
      references: new Map(
        references.map(({ itemId, stamp, variantStamp }) => [
          itemId,
          { itemId, stamp, variantStamp },
        ]),
      ),
      images: new Map(references.map(({ itemId, images }) => [itemId, stampsByKey(images)])),
      history: rows.flatMap(({ itemId: id, occurredAt, stamp, strength }) =>
        occurredAt === null ? [] : [{ itemId: id, stamp, occurredAt, strength }],
      ),
    };
  }

  /** Those of `itemIds` that exist, in any order. */
  async findItems(encoder: string, itemIds: readonly string[]): Promise<StampedItem[]> {
    const { rows } = await this.pool.query<Row & ItemStamp>(
      `SELECT ${DESCRIBED}, ${stampOf("items.id")} AS stamp FROM ${ITEMS} WHERE items.id = ANY($2::text[])`,
      [encoder, itemIds],
    );
    return rows.map(withEmbeddings);
  }

  /** Every item, in the order of ids. */
  async findAllItems(encoder: string): Promise<ItemWithEmbeddings[]> {
    const { rows } = await this.pool.query<Row>(
      `SELECT ${DESCRIBED} FROM ${ITEMS} ORDER BY items.id COLLATE "C"`,
      [encoder],
    );
    return rows.map(withEmbeddings);
  }
}

function stampsByKey(images: readonly string[] | null): ReadonlyMap<string, string> {
  return new Map(
    (images ?? []).map(text => [
      text.slice(0, REQUEST_KEY_LENGTH),
      text.slice(REQUEST_KEY_LENGTH),
    ]),
  );
}

type Row = Omit<ItemWithEmbeddings, "captionEmbedding" | "imageEmbedding"> & Vectors;

function withEmbeddings<Item extends Vectors>({ captionVector, imageVector, ...item }: Item) {
  return {
    ...item,
    captionEmbedding: captionVector && vectorOf(captionVector),
    imageEmbedding: imageVector && vectorOf(imageVector),
  };
}
