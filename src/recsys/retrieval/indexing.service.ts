/**
 * @file Computes the inputs of retrieval: captions (Eq. 1), embeddings (Eq. 2 and 4), the index and keywords (Eq. 6).
 *
 * It processes what is missing or outdated and stores each batch before the next. So a killed run resumes where it
 * stopped, and a run with nothing to do costs a few statements.
 */
import type { CaptionRequest, NewCaption, UncaptionedItem } from "../../db/captions.repository.js";
import type { NewEmbedding, UnencodedItem } from "../../db/embeddings.repository.js";
import type { EmbeddingKind } from "../../db/rows.js";
import type { UnencodedVariantImage } from "../../db/variant-images.repository.js";
import { cosine } from "../../ml/nn/cosine.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import { type BatchRun, inBatches } from "./in-batches.js";
import type { KeywordExtraction, KeywordReport } from "./keyword-extraction.js";
import type { LiveCaptionIndex, SyncReport } from "./live-caption-index.js";

/** Rows per batch: few enough to lose in a kill, enough to amortize statements. */
const BATCH = 64;
/** Images decoded in parallel: each may take tens of megabytes. */
const PICTURES = 8;
/** Unreadable images listed in a report. */
const MAX_NAMED = 100;

/** The source of captions for items without an imported one; see docs/operations.md. */
export type CaptionMode = "text" | "model" | "auto";

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
  /** Captions written by the captioner. */
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

interface Dependencies {
  captioner: {
    readonly name: string;
    readonly version: string;
    caption(images: RgbImage[]): Promise<string[]>;
  };
  clip: {
    readonly name: string;
    readonly version: string;
    readonly dimension: number;
    encodeTexts(texts: string[]): Promise<Float32Array[]>;
    encodeImages(images: RgbImage[]): Promise<Float32Array[]>;
  };
  imageFiles: { loadRgb(blobHash: string): Promise<RgbImage> };
  /** Source of captions, unless a run overrides it. Default: `auto`. */
  captionMode?: CaptionMode;
  /** The pack's `captionAgreement`; null or absent if its captioner suits any image. */
  captionAgreement?: number | null;
  language: { settle(given?: string | null): Promise<string> };
  captions: {
    findUncaptioned(
      request: CaptionRequest,
      limit: number,
      afterId?: string,
    ): Promise<UncaptionedItem[]>;
    countUncaptioned(request: CaptionRequest): Promise<number>;
    saveMany(captions: readonly NewCaption[], model: string): Promise<void>;
    writeTexts(which: "withoutImage" | "all"): Promise<number>;
    writeTextsOfItems(itemIds: readonly string[]): Promise<number>;
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

/** `name@version`, stored with a model's output. */
export function modelId({ name, version }: { name: string; version: string }): string {
  return `${name}@${version}`;
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
    const written = await this.makeCaptions(run);
    const numCaptionsEncoded = await this.encodeCaptions(run);
    const numImagesEncoded = await this.encodeImages(run);
    const numVariantImagesEncoded = await this.encodeVariantImages(run);
    const synced = await index.sync({
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

  private async makeCaptions(run: Run): Promise<Captioned> {
    const { captions, captionMode, captionAgreement } = this.deps;
    const mode = run.captions ?? captionMode ?? "auto";
    if (mode === "text") {
      return { numCaptioned: 0, numTextCaptions: await captions.writeTexts("all") };
    }
    const numTextCaptions = await captions.writeTexts("withoutImage");
    const floor = mode === "auto" ? (captionAgreement ?? null) : null;
    const seen = await this.captionImages(run, floor);
    // An unreadable image counts as none.
    const numUnreadable = await captions.writeTextsOfItems([...run.unreadable.keys()]);
    return {
      numCaptioned: seen.numCaptioned,
      numTextCaptions: numTextCaptions + seen.numTextCaptions + numUnreadable,
    };
  }

  /** @param floor Minimum agreement for the captioner's sentence to replace the item's text; null: always. */
  private async captionImages(run: Run, floor: number | null): Promise<Captioned> {
    const { captioner, captions } = this.deps;
    const model = modelId(captioner);
    const request = { model, compared: floor !== null };
    let numCaptioned = 0;
    const numWritten = await inBatches<UncaptionedItem>({
      run,
      stage: "captions",
      total: await captions.countUncaptioned(request),
      find: afterId => captions.findUncaptioned(request, BATCH, afterId),
      work: async batch => {
        const sentences = await this.seen(
          batch,
          item => item.blobHash,
          run,
          images => captioner.caption(images),
        );
        const described = [...sentences].map(([item, text]) => ({
          ...item,
          sentence: text.trim(),
        }));
        const written = await this.chosenCaptions(described, floor);
        await captions.saveMany(written, model);
        numCaptioned += written.filter(({ source }) => source === "MODEL").length;
        return written.length;
      },
    });
    return { numCaptioned, numTextCaptions: numWritten - numCaptioned };
  }

  /** The captioner's sentences, or the item's text where a sentence does not agree with it. */
  private async chosenCaptions(
    items: readonly (UncaptionedItem & { sentence: string })[],
    floor: number | null,
  ): Promise<NewCaption[]> {
    if (floor === null || items.length === 0) {
      return items.map(({ itemId, blobHash, sentence }) => ({
        itemId,
        blobHash,
        text: sentence,
        source: "MODEL",
        comparedWith: null,
      }));
    }
    const { clip } = this.deps;
    const ofSentences = await clip.encodeTexts(items.map(({ sentence }) => sentence));
    const ofTexts = await clip.encodeTexts(items.map(({ text }) => text));
    return items.map(({ itemId, blobHash, text, sentence }, n): NewCaption => {
      const agrees = cosine(ofSentences[n], ofTexts[n]) >= floor;
      const chosen = agrees
        ? { text: sentence, source: "MODEL" as const }
        : { text, source: "TEXT" as const };
      return { itemId, blobHash, ...chosen, comparedWith: text };
    });
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
        const vectors = await this.seen(
          batch,
          item => item.sourceHash,
          run,
          images => clip.encodeImages(images),
        );
        const rows = [...vectors].map(([item, vector]) => this.embeddingOf(item, vector));
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
        const vectors = await this.seen(
          batch,
          item => item.sourceHash,
          run,
          images => clip.encodeImages(images),
        );
        const rows = [...vectors].map(([item, vector]) => this.embeddingOf(item, vector));
        await variantImages.saveMany(encoder, rows);
        return rows.length;
      },
    });
  }

  /** A model's output for the items' images; records and leaves out items with unreadable images. */
  private async seen<Item extends { itemId: string }, Output>(
    items: readonly Item[],
    hashOf: (item: Item) => string,
    run: Run,
    apply: (images: RgbImage[]) => Promise<Output[]>,
  ): Promise<Map<Item, Output>> {
    const outputs = new Map<Item, Output>();
    for (let start = 0; start < items.length; start += PICTURES) {
      run.signal?.throwIfAborted();
      const loaded = await Promise.all(
        items.slice(start, start + PICTURES).map(async item => {
          try {
            return [{ item, image: await this.deps.imageFiles.loadRgb(hashOf(item)) }];
          } catch (error) {
            const reason = error instanceof Error ? error.message : String(error);
            run.unreadable.set(item.itemId, reason);
            return [];
          }
        }),
      );
      const readable = loaded.flat();
      if (readable.length > 0) {
        const seen = await apply(readable.map(({ image }) => image));
        readable.forEach(({ item }, n) => outputs.set(item, seen[n]));
      }
    }
    return outputs;
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

type Captioned = Pick<IndexingReport, "numCaptioned" | "numTextCaptions">;

interface Run extends IndexingOptions {
  /** Item -> why its image is unreadable. */
  unreadable: Map<string, string>;
}
