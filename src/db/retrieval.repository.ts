/** @file Retrieval's reads: items with their embeddings, or stamps that identify their present state. */
import type { Pool } from "pg";
import { defaultFeedbackRules, type FeedbackRules } from "../config/feedback-rules.js";
import { opinionsSql } from "./choices.js";
import { KEYWORDS_SOURCE_HASH } from "./keywords.repository.js";
import { hasOptedOut, OF_PERSONALISED_USER } from "./opt-out.js";
import { type Prepared, prepared } from "./prepared.js";
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

/** A requested item. */
export type ReferenceStamp = ItemStamp & {
  /** Equal stamps mean equal variants, with equal embeddings of their images; null without variants. */
  variantStamp: string | null;
};

/** What the inputs of a retrieval are told from: equal stamps mean equal inputs. */
export interface RetrievalStamps {
  /** The requested items that exist, by id. */
  references: ReadonlyMap<string, ReferenceStamp>;
  /** Of the user's choices; {@link OPTED_OUT_STAMP} if nothing may be read of them. */
  historyStamp: string;
  /** By item, the newest images of it that are stored for the user: the request's key, and the image's stamp. */
  images: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** The inputs of a retrieval. */
export interface RetrievalState extends Omit<RetrievalStamps, "images"> {
  /** The user's choices, in the order of time. */
  history: readonly (ItemStamp & {
    occurredAt: Date;
    /** Strength of the choice (`choices.ts`); 1 unless strengths are read. */
    strength: number;
  })[];
}

/** The stamp of the choices of a user who opted out of personalisation. */
export const OPTED_OUT_STAMP = "OPTED_OUT";

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
const VARIANT_STAMP = `(
    SELECT md5(string_agg(concat(own.id, ' ', own.xmin, ' ', encoded.xmin), ',' ORDER BY own.id))
    FROM item_variants AS own LEFT JOIN variant_embeddings AS encoded ON encoded.blob_hash = own.blob_hash
    WHERE own.item_id = given.id)`;

/** Images whose stamps are read: usually an item has one or two for a user. */
const MAX_IMAGE_STAMPS = 8;
const REQUEST_KEY_LENGTH = 64;

/** The keys of the user's newest images of an item, each with the transaction that last wrote it. */
const IMAGE_STAMPS = `ARRAY(
    SELECT concat(own.request_key, own.xmin) FROM personalized_images AS own
    WHERE own.user_id = $1 AND own.item_id = given.id ORDER BY own.created_at DESC LIMIT ${MAX_IMAGE_STAMPS})`;

/** The user's latest choices with their stamps, as `latest`; and all of them as one stamp. */
function latestSql({ readsStrengths, rules }: ChoiceReading): string {
  const opinions = opinionsSql(rules, {
    where: OF_PERSONALISED_USER,
    asOf: "(SELECT max(occurred_at) FROM interactions WHERE user_id = $1)", // so that nothing changes with time alone
  });
  return `chosen AS (
      SELECT item_id, occurred_at, ${readsStrengths ? "strength" : "1::float8 AS strength"} FROM (${opinions}) AS opinions
      WHERE is_choice ORDER BY occurred_at DESC, item_id LIMIT $3
    ), latest AS (
      SELECT item_id, occurred_at, strength, ${stampOf("chosen.item_id")} AS stamp FROM chosen
    ), summary AS (
      SELECT CASE WHEN ${hasOptedOut("$1")} THEN '${OPTED_OUT_STAMP}'
        ELSE coalesce(md5(string_agg(ROW(item_id, occurred_at, strength, stamp)::text, ','
          ORDER BY occurred_at, item_id DESC)), '') END AS history_stamp FROM latest
    )`;
}

/**
 * The requested items. In a subquery, so that Postgres does not plan anew for each array: it would think that a plan for
 * this one array pays, and planning takes several times as long as the rest.
 */
const GIVEN = "unnest((SELECT $2::text[])) AS given(id)";

/** One row for each requested item: few values, because every stored answer reads them. */
function stampsQuery(reading: ChoiceReading): Prepared {
  return prepared(`WITH ${latestSql(reading)}
    SELECT given.id AS "itemId", ${stampOf("given.id")} AS stamp, ${VARIANT_STAMP} AS "variantStamp",
      ${IMAGE_STAMPS} AS images, summary.history_stamp AS "historyStamp"
    FROM summary, ${GIVEN}`);
}

/** The choices, one row each, and the requested items. */
function stateQuery(reading: ChoiceReading): Prepared {
  return prepared(`WITH ${latestSql(reading)}
    SELECT latest.item_id AS "itemId", latest.occurred_at AS "occurredAt", latest.strength, latest.stamp,
      NULL AS "variantStamp", summary.history_stamp AS "historyStamp"
    FROM summary, latest
    UNION ALL
    SELECT given.id, NULL, NULL, ${stampOf("given.id")}, ${VARIANT_STAMP}, summary.history_stamp
    FROM summary, ${GIVEN}
    ORDER BY 2, 1 DESC`);
}

/** How choices are read. */
export interface ChoiceReading {
  rules: FeedbackRules;
  /** Whether to read their strengths. */
  readsStrengths: boolean;
}

interface StampsRow extends ReferenceStamp {
  images: string[];
  historyStamp: string;
}

/** A reference or, with a time and a strength, a choice. */
type StateRow = ReferenceStamp & { historyStamp: string } & (
    { occurredAt: Date; strength: number } | { occurredAt: null; strength: null }
  );

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

/** A user and items. */
export interface StateRequest {
  userId: string;
  itemIds: readonly string[];
  /** Of choices. */
  limit: number;
}

export class RetrievalRepository {
  private readonly stampsQuery: Prepared;
  private readonly stateQuery: Prepared;

  constructor(
    private readonly pool: Pick<Pool, "query">,
    reading: ChoiceReading = { rules: defaultFeedbackRules, readsStrengths: false },
  ) {
    this.stampsQuery = stampsQuery(reading);
    this.stateQuery = stateQuery(reading);
  }

  /** Stamps of the `limit` latest choices of the user (`choices.ts`), of `itemIds`, and of stored images, in one statement. */
  async findStamps({ itemIds, limit, userId }: StateRequest): Promise<RetrievalStamps> {
    const values = [userId, itemIds, limit];
    const { rows } = await this.pool.query<StampsRow>({ ...this.stampsQuery, values });
    return {
      references: referencesOf(rows),
      historyStamp: historyStampOf(rows),
      images: new Map(rows.map(({ itemId, images }) => [itemId, stampsByKey(images)])),
    };
  }

  /** The `limit` latest choices of the user, and stamps of `itemIds`, in one statement. */
  async findState({ itemIds, limit, userId }: StateRequest): Promise<RetrievalState> {
    const values = [userId, itemIds, limit];
    const { rows } = await this.pool.query<StateRow>({ ...this.stateQuery, values });
    return {
      references: referencesOf(rows.filter(({ occurredAt }) => occurredAt === null)),
      historyStamp: historyStampOf(rows),
      history: rows.flatMap(({ itemId, occurredAt, stamp, strength }) =>
        occurredAt === null ? [] : [{ itemId, stamp, occurredAt, strength }],
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

function referencesOf(rows: readonly ReferenceStamp[]): ReadonlyMap<string, ReferenceStamp> {
  const existing = rows.filter(({ stamp }) => !stamp.startsWith(NO_ITEM));
  return new Map(
    existing.map(({ itemId, stamp, variantStamp }) => [itemId, { itemId, stamp, variantStamp }]),
  );
}

/** Each row has the same. */
function historyStampOf(rows: readonly { historyStamp: string }[]): string {
  return rows.length > 0 ? rows[0].historyStamp : "";
}

function stampsByKey(images: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    images.map(text => [text.slice(0, REQUEST_KEY_LENGTH), text.slice(REQUEST_KEY_LENGTH)]),
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
