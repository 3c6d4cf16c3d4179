/**
 * @file Writes the captions of items without an imported one: the captioner's sentence (Eq. 1) or the item's text. A pack
 * without a captioner captions by the item's text and, where that says nothing, by what is recognised in the image.
 */
import type {
  CaptionRequest,
  NewCaption,
  RecognitionRequest,
  TextCaptions,
  UncaptionedItem,
} from "../../db/captions.repository.js";
import { cosine } from "../../ml/nn/cosine.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import { BATCH, type BatchRun, inBatches } from "./in-batches.js";
import { modelId } from "./model-id.js";
import { ofImages } from "./of-images.js";

/** The source of captions for items without an imported one; see docs/operations.md. */
export type CaptionMode = "text" | "model" | "auto";

/** What writes a sentence about each image. */
export interface SentenceWriter {
  readonly name: string;
  readonly version: string;
  caption(images: RgbImage[]): Promise<string[]>;
}

export interface CaptionDependencies {
  /** Null for a pack without a captioner. */
  captioner: SentenceWriter | null;
  /** Captions items whose text says nothing, where there is no captioner; null or absent: their text stays. */
  recognizer?: SentenceWriter | null;
  clip: { encodeTexts(texts: string[]): Promise<Float32Array[]> };
  imageFiles: { loadRgb(blobHash: string): Promise<RgbImage> };
  /** Source of captions, unless a run overrides it. Default: `auto`. */
  captionMode?: CaptionMode;
  /** The pack's `captionAgreement`; null or absent if its captioner suits any image. */
  captionAgreement?: number | null;
  captions: {
    findUncaptioned(
      request: CaptionRequest,
      limit: number,
      afterId?: string,
    ): Promise<UncaptionedItem[]>;
    countUncaptioned(request: CaptionRequest): Promise<number>;
    saveMany(captions: readonly NewCaption[], model: string): Promise<void>;
    findUnrecognized(
      request: RecognitionRequest,
      limit: number,
      afterId?: string,
    ): Promise<UncaptionedItem[]>;
    countUnrecognized(request: RecognitionRequest): Promise<number>;
    writeTexts(which: TextCaptions): Promise<number>;
    writeTextsOfItems(itemIds: readonly string[]): Promise<number>;
  };
}

export interface CaptionRun extends BatchRun {
  captions?: CaptionMode;
  /** Item -> why its image is unreadable. */
  unreadable: Map<string, string>;
}

interface Captioned {
  /** Captions by the captioner or the recogniser. */
  numCaptioned: number;
  numTextCaptions: number;
}

/** Writes the missing captions. Imported ones stay. */
export async function writeCaptions(
  deps: CaptionDependencies,
  run: CaptionRun,
): Promise<Captioned> {
  const { captioner, captions, captionMode, captionAgreement, recognizer } = deps;
  const mode = run.captions ?? captionMode ?? "auto";
  if (mode === "text" || (!captioner && !recognizer)) {
    return { numCaptioned: 0, numTextCaptions: await captions.writeTexts("all") };
  }
  const writesWorded = !captioner && mode === "auto";
  const numTextCaptions = await captions.writeTexts(writesWorded ? "worded" : "withoutImage");
  const floor = mode === "auto" ? (captionAgreement ?? null) : null;
  const seen = captioner
    ? await captionImages(deps, captioner, run, floor)
    : await recognizeImages(deps, recognizer!, run, mode === "model");
  // An unreadable image counts as none.
  const numUnreadable = await captions.writeTextsOfItems([...run.unreadable.keys()]);
  return {
    numCaptioned: seen.numCaptioned,
    numTextCaptions: numTextCaptions + seen.numTextCaptions + numUnreadable,
  };
}

/** Captions by kind and colour, for items whose text says nothing, or for all. */
async function recognizeImages(
  deps: CaptionDependencies,
  recognizer: SentenceWriter,
  run: CaptionRun,
  includesWorded: boolean,
): Promise<Captioned> {
  const { captions } = deps;
  const model = modelId(recognizer);
  const request = { model, includesWorded };
  const numCaptioned = await inBatches<UncaptionedItem>({
    run,
    stage: "captions",
    total: await captions.countUnrecognized(request),
    find: afterId => captions.findUnrecognized(request, BATCH, afterId),
    work: async batch => {
      const sentences = await sentencesOf(batch, recognizer, deps, run);
      const written = [...sentences].map(([{ itemId, blobHash }, text]): NewCaption => ({
        itemId,
        blobHash,
        text,
        source: "RECOGNIZED",
        comparedWith: null,
      }));
      await captions.saveMany(written, model);
      return written.length;
    },
  });
  return { numCaptioned, numTextCaptions: 0 };
}

/** @param floor Minimum agreement for the captioner's sentence to replace the item's text; null: always. */
async function captionImages(
  deps: CaptionDependencies,
  captioner: SentenceWriter,
  run: CaptionRun,
  floor: number | null,
): Promise<Captioned> {
  const { captions } = deps;
  const model = modelId(captioner);
  const request = { model, compared: floor !== null };
  let numCaptioned = 0;
  const numWritten = await inBatches<UncaptionedItem>({
    run,
    stage: "captions",
    total: await captions.countUncaptioned(request),
    find: afterId => captions.findUncaptioned(request, BATCH, afterId),
    work: async batch => {
      const sentences = await sentencesOf(batch, captioner, deps, run);
      const described = [...sentences].map(([item, text]) => ({
        ...item,
        sentence: text.trim(),
      }));
      const written = await chosenCaptions(deps.clip, described, floor);
      await captions.saveMany(written, model);
      numCaptioned += written.filter(({ source }) => source === "MODEL").length;
      return written.length;
    },
  });
  return { numCaptioned, numTextCaptions: numWritten - numCaptioned };
}

/** A sentence for each readable image. */
function sentencesOf(
  batch: readonly UncaptionedItem[],
  writer: SentenceWriter,
  { imageFiles }: CaptionDependencies,
  run: CaptionRun,
): Promise<Map<UncaptionedItem, string>> {
  const reading = { hashOf: (item: UncaptionedItem) => item.blobHash, imageFiles, run };
  return ofImages(batch, reading, images => writer.caption(images));
}

/** The captioner's sentences, or the item's text where a sentence does not agree with it. */
async function chosenCaptions(
  clip: CaptionDependencies["clip"],
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
