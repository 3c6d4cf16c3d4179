/**
 * @file Computes the inputs of retrieval: captions (Eq. 1), embeddings (Eq. 2 and 4), the index and keywords (Eq. 6).
 *
 * It processes what is missing or outdated and stores each batch before the next. So a killed run resumes where it
 * stopped, and a run with nothing to do costs a few statements.
 */
import type { NewEmbedding, UnencodedItem } from "../../db/embeddings.repository.js";
import type { EmbeddingKind } from "../../db/rows.js";
import type { UnencodedVariantImage } from "../../db/variant-images.repository.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import { BATCH, type BatchRun, inBatches } from "./in-batches.js";
import { type CaptionDependencies, type CaptionMode, writeCaptions } from "./item-captions.js";
import type { KeywordExtraction, KeywordReport } from "./keyword-extraction.js";
import type { LiveCaptionIndex, SyncReport } from "./live-caption-index.js";
import { modelId } from "./model-id.js";
import { ofImages } from "./of-images.js";

/** Unreadable images listed in a report. */
const MAX_NAMED = 100;

export interface IndexingOptions extends BatchRun {
  /** Language of the shop's texts, ISO 639-1. Default: as configured, otherwise detected. */
  language?: string;
  /** Default: the service's own. */
  captions?: CaptionMode;
  /** Encodes everything again and builds a new index. Default false. */
  rebuild?: boolean;
}

export interface IndexingReport extends SyncReport, KeywordReport {
  /** Of the shop's texts, ISO 639-1. */
  language: string;
  /** Captions written by the captioner, or, without one, by the recogniser. */
  numCaptioned: number;
  /** Captions composed from an item's title and category. */
  numTextCaptions: number;
  /** Items without an image: found by their text. */
  numWithoutImage: number;
  numCaptionsEncoded: number;
  numImagesEncoded: number;
  /** Images of variants that differ from their item's. */
  numVariantImagesEncoded: number;
  /** Items with an unreadable image: found by their text, and retried by the next run. */
  numSkipped: number;
  /** The first of them, with the reason. */
  skipped: { itemId: string; reason: string }[];
}

interface Dependencies extends CaptionDependencies {
  clip: CaptionDependencies["clip"] & {
    readonly name: string;
    readonly version: string;
    readonly dimension: number;
    encodeImages(images: RgbImage[]): Promise<Float32Array[]>;
  };
  language: { settle(given?: string | null): Promise<string> };
  captions: CaptionDependencies["captions"] & {
    countWithoutImage(): Promise<number>;
    deleteOrphans(): Promise<void>;
  };
  embeddings: {
    findUnencoded(
      kind: EmbeddingKind,
      encoder: string,
      page: { limit: number; afterId?: string },
    ): Promise<UnencodedItem[]>;
    countUnencoded(kind: EmbeddingKind, encoder: string): Promise<number>;
    saveMany(kind: EmbeddingKind, encoder: string, rows: readonly NewEmbedding[]): Promise<void>;
    deleteOrphans(): Promise<void>;
    deleteAll(): Promise<void>;
  };
  variantImages: {
    /** Each image once, in the order of hashes. */
    findUnencoded(
      encoder: string,
      page: { limit: number; afterHash?: string },
    ): Promise<UnencodedVariantImage[]>;
    countUnencoded(encoder: string): Promise<number>;
    saveMany(encoder: string, rows: readonly Omit<NewEmbedding, "itemId">[]): Promise<void>;
    deleteOrphans(): Promise<void>;
    deleteAll(): Promise<void>;
  };
  index: Pick<LiveCaptionIndex, "sync">;
  keywords: Pick<KeywordExtraction, "run">;
}

export class IndexingService {
  constructor(private readonly deps: Dependencies) {}

  async run(options: IndexingOptions = {}): Promise<IndexingReport> {
    const { captions, embeddings, index, variantImages } = this.deps;
    const { rebuild = false, onProgress, signal } = options;
    const unreadable = new Map<string, string>();
    const run = { ...options, unreadable };

    const language = await this.deps.language.settle(options.language);
    await captions.deleteOrphans();
    await embeddings.deleteOrphans();
    await variantImages.deleteOrphans();
    if (rebuild) {
      await embeddings.deleteAll();
      await variantImages.deleteAll();
    }
    const written = await writeCaptions(this.deps, run);
    const numCaptionsEncoded = await this.encodeCaptions(run);
    const numImagesEncoded = await this.encodeImages(run);
    const numVariantImagesEncoded = await this.encodeVariantImages(run);
    const synced = await index.sync({
      mustStore: true,
      rebuild,
      signal,
      onProgress: (done, total) => onProgress?.({ stage: "index", done, total }),
    });
    // The slowest stage is the last, so that items are found before it ends.
    const extracted = await this.deps.keywords.run(options);
    return {
      ...synced,
      ...written,
      ...extracted,
      language,
      numWithoutImage: await captions.countWithoutImage(),
      numCaptionsEncoded,
      numImagesEncoded,
      numVariantImagesEncoded,
      numSkipped: unreadable.size,
      skipped: [...unreadable].slice(0, MAX_NAMED).map(([itemId, reason]) => ({ itemId, reason })),
    };
  }

  private async encodeCaptions(run: Run): Promise<number> {
    const { clip, embeddings } = this.deps;
    const encoder = modelId(clip);
    return inBatches<UnencodedItem>({
      run,
      stage: "caption embeddings",
      total: await embeddings.countUnencoded("CAPTION", encoder),
      find: afterId => embeddings.findUnencoded("CAPTION", encoder, { limit: BATCH, afterId }),
      work: async batch => {
        const vectors = await clip.encodeTexts(batch.map(({ text }) => text));
        const rows = batch.map((item, n) => this.embeddingOf(item, vectors[n]));
        await embeddings.saveMany("CAPTION", encoder, rows);
        return rows.length;
      },
    });
  }

  private async encodeImages(run: Run): Promise<number> {
    const { clip, embeddings } = this.deps;
    const encoder = modelId(clip);
    return inBatches<UnencodedItem>({
      run,
      stage: "picture embeddings",
      total: await embeddings.countUnencoded("IMAGE", encoder),
      find: afterId => embeddings.findUnencoded("IMAGE", encoder, { limit: BATCH, afterId }),
      work: async batch => {
        const rows = await this.embeddingsOf(batch, run);
        await embeddings.saveMany("IMAGE", encoder, rows);
        return rows.length;
      },
    });
  }

  private async encodeVariantImages(run: Run): Promise<number> {
    const { clip, variantImages } = this.deps;
    const encoder = modelId(clip);
    return inBatches<UnencodedVariantImage>({
      run,
      stage: "variant embeddings",
      total: await variantImages.countUnencoded(encoder),
      find: afterHash => variantImages.findUnencoded(encoder, { limit: BATCH, afterHash }),
      keyOf: ({ sourceHash }) => sourceHash,
      work: async batch => {
        const rows = await this.embeddingsOf(batch, run);
        await variantImages.saveMany(encoder, rows);
        return rows.length;
      },
    });
  }

  /** Of the readable images. */
  private async embeddingsOf(
    batch: readonly Omit<UnencodedItem, "text">[],
    run: Run,
  ): Promise<NewEmbedding[]> {
    const { clip, imageFiles } = this.deps;
    const reading = { hashOf: (item: { sourceHash: string }) => item.sourceHash, imageFiles, run };
    const vectors = await ofImages(batch, reading, images => clip.encodeImages(images));
    return [...vectors].map(([item, vector]) => this.embeddingOf(item, vector));
  }

  private embeddingOf(
    { itemId, sourceHash }: Omit<UnencodedItem, "text">,
    vector: Float32Array,
  ): NewEmbedding {
    const { dimension } = this.deps.clip;
    const norm = Math.hypot(...vector);
    if (vector.length !== dimension || !(norm > 0 && norm < Infinity)) {
      throw new Error(
        `IndexingService: the embedding of '${itemId}' must have ${dimension} finite values, not all zero`,
      );
    }
    return { itemId, sourceHash, vector: vector.map(value => value / norm) };
  }
}

interface Run extends IndexingOptions {
  /** Item -> why its image is unreadable. */
  unreadable: Map<string, string>;
}
